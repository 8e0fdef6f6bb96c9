"""Objectives against independent transcriptions in NumPy, in float64."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambigan.core.random import Randomness
from ambigan.game import Batch
from ambigan.objectives.adversarial import judged_fake, judged_real, saturation
from games import toy_config, toy_method

LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=20)


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


@given(LOGITS)
def test_cross_entropies(logits: list[float]) -> None:
    exact = np.asarray(logits, dtype=np.float64)
    tensor = torch.tensor(logits, dtype=torch.float64)
    np.testing.assert_allclose(judged_real(tensor), np.logaddexp(0, -exact).mean(), rtol=1e-9)
    np.testing.assert_allclose(judged_fake(tensor), np.logaddexp(0, exact).mean(), rtol=1e-9)


def test_cross_entropies_stay_finite_far_out() -> None:
    far = torch.tensor([-1e4, 1e4])
    assert judged_real(far).item() == judged_fake(far).item() == 5000
    assert saturation(far) == 1


def numpy_mlp(network: torch.nn.Module, x: np.ndarray, z: np.ndarray | None, slope: float):
    """The MLP of BiGAN's appendix C.1, written from its text, in training mode."""
    weights = {n: p.detach().double().numpy() for n, p in network.named_parameters()}
    h = x.reshape(len(x), -1)
    h = (h + 1) / 2 if network.unit_input else h
    for name in [*network.names, "output"]:
        a = h @ weights[f"{name}.linear.weight"].T
        a = a + weights.get(f"{name}.linear.bias", 0)
        if f"{name}.latent.weight" in weights:
            a = a + z @ weights[f"{name}.latent.weight"].T
        if network.get_submodule(name).norm is not None:
            a = (a - a.mean(0)) / np.sqrt(a.var(0) + 1e-5)
        h = a if name == "output" else np.where(a > 0, a, slope * a)
    h = 2 * sigmoid(h) - 1 if network.squashed else h
    return h.reshape(len(x), *network.out_shape)


def test_losses_equal_the_equations(variant: str) -> None:
    """V (Eq. 1 and 3) and the inverse objective of appendix B, from the networks up."""
    config = toy_config(variant)
    method = toy_method(config).double().train()
    for parameter in method.parameters():  # away from the zeros some presets start at
        torch.nn.init.normal_(parameter, std=0.3)
    noise = Randomness(3)
    x = (noise.uniform(12, 1, 8, 8) * 2 - 1).double()
    z = method.prior.sample(12, noise).double()
    losses = method.losses(Batch(x, z, noise), [player.name for player in method.players])

    def network(name: str, inputs: np.ndarray, latents: np.ndarray | None, slope: float):
        return numpy_mlp(getattr(method, name), inputs, latents, slope)

    data, latents = x.numpy(), z.numpy()
    generated = network("generator", latents, latents, 0.0)
    if config.method == "bigan":
        encoded = network("encoder", data, None, 0.2)
        real = sigmoid(network("discriminator", data, encoded, 0.2))
        fake = sigmoid(network("discriminator", generated, latents, 0.2))
    else:
        real = sigmoid(network("discriminator", data, None, 0.2))
        fake = sigmoid(network("discriminator", generated, None, 0.2))
    settings = config.settings
    w = settings.term_weight
    v = np.log(real).mean() + np.log(1 - fake).mean()
    inverse = np.log(1 - real).mean() + np.log(fake).mean()
    totals = {name: sum(terms.values()).item() for name, terms in losses.items()}
    np.testing.assert_allclose(totals["discriminator"], -w * v, rtol=1e-9)
    if config.method == "bigan":
        expected = -w * inverse if settings.objective == "inverse" else w * v
        np.testing.assert_allclose(totals["generator_encoder"], expected, rtol=1e-9)
    else:
        np.testing.assert_allclose(totals["generator"], -np.log(fake).mean(), rtol=1e-9)
