"""How far a reconstruction is from its original, as losses of encoders and autoencoders."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..core.precision import at_least_float32


def latent_cross_entropy(
    logits: Float[Tensor, "N latent_dim"], z: Float[Tensor, "N latent_dim"]
) -> Float[Tensor, ""]:
    """Sigmoid cross-entropy of z, scaled from [-1, 1] to [0, 1], under predicted logits.

    With t = (z + 1) / 2 and p = sigmoid(logits): the mean of -t log p - (1 - t) log(1 - p), which
    is softplus(logits) - t logits.

    Source: L(z, E(G(z))) of BiGAN, section 4.1. The paper does not say how latents are summed; the
    mean over them is the authors' code's (its flag to normalise by their number).

    Args:
        logits: outputs of E before its sigmoid, `(N, latent_dim)`.
        z: latents in [-1, 1], `(N, latent_dim)`.

    Returns:
        A scalar, in float32 at least.
    """
    logits = at_least_float32(logits)
    return (F.softplus(logits) - (z + 1) / 2 * logits).mean()


def squared_error(x: Float[Tensor, "*form"], again: Float[Tensor, "*form"]) -> Float[Tensor, ""]:
    """E[|x - again|^2], the squares summed over an example's values.

    Source: the l2 autoencoder of BiGAN, Table 1; whether sums or means are taken is not said.

    Args:
        x: examples, `(N, ...)`.
        again: reconstructions of the examples, of the same shape.
    """
    return (at_least_float32(again) - x).square().flatten(1).sum(1).mean()


def absolute_error(x: Float[Tensor, "*form"], again: Float[Tensor, "*form"]) -> Float[Tensor, ""]:
    """E[|x - again|_1], summed over an example's values. The l1 autoencoder of Table 1."""
    return (at_least_float32(again) - x).abs().flatten(1).sum(1).mean()
