"""What a step of BiGAN on MNIST's shape must compute and move, counted."""

from __future__ import annotations

from .textbook import BATCH, DATA, LATENT, WIDTH

NUM_WEIGHTS = (
    (DATA + WIDTH + LATENT + 1) * WIDTH  # D
    + (LATENT + WIDTH + LATENT + DATA) * WIDTH  # G
    + (DATA + WIDTH + LATENT) * WIDTH  # E
)


def step_flops() -> float:
    """Floating-point operations in the matrix products of one of our steps.

    Forward of E, G and twice D; for D's loss the weight gradients and, inside D, the input
    gradients of both pairs; for G's and E's loss D's gradients by what they made, G(z) and E(x);
    then weight and input gradients of G and E, less those by x and z, which nobody needs.
    """
    skip = LATENT * WIDTH
    d_first, d_rest = DATA * WIDTH, WIDTH * WIDTH + skip + WIDTH
    e_first, e_rest = DATA * WIDTH, WIDTH * WIDTH + WIDTH * LATENT
    g_first, g_rest = LATENT * WIDTH, WIDTH * WIDTH + WIDTH * DATA
    forward = 2 * (d_first + d_rest) + e_first + e_rest + g_first + g_rest + skip
    d_loss = 2 * (d_first + d_rest) + 2 * (WIDTH * WIDTH + WIDTH)
    ge_through_d = (WIDTH + WIDTH * WIDTH + d_first) + (WIDTH + skip)
    ge = (e_first + 2 * e_rest) + (g_first + 2 * g_rest) + skip
    return 2.0 * BATCH * (forward + d_loss + ge_through_d + ge)


def step_bytes(*, bf16: bool, average: bool) -> float:
    """Bytes that a step moves beside its products, at the least.

    Per weight the fused optimiser reads the weight, its gradient and two moments and writes all
    but the gradient (28); autocast reads a weight to round it and widens its gradient (12); the
    average is read, written and reads the weight (12). Activations are not counted.
    """
    return float(NUM_WEIGHTS) * (28 + 12 * bf16 + 12 * average)
