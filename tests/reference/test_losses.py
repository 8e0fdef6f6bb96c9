"""Every method's losses against transcriptions of their equations in NumPy, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ambigan.core.random import Randomness
from ambigan.engine.config import RunConfig
from ambigan.game import Batch, Method
from games import toy_config, toy_method

Totals = dict[str, float]


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


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
            a = (a - a.mean(0)) / np.sqrt(a.var(0) + network.get_submodule(name).norm.epsilon)
        h = a if name == "output" else np.where(a > 0, a, slope * a)
    h = 2 * sigmoid(h) - 1 if network.squashed else h
    return h.reshape(len(x), *network.out_shape)


class Networks:
    """D, G and E of a method in NumPy, with the paper's slopes."""

    def __init__(self, method: Method) -> None:
        self.method = method

    def D(self, x: np.ndarray, z: np.ndarray | None = None) -> np.ndarray:
        return numpy_mlp(self.method.discriminator, x, z, 0.2)

    def G(self, z: np.ndarray) -> np.ndarray:
        return numpy_mlp(self.method.generator, z, z, 0.0)

    def E(self, x: np.ndarray) -> np.ndarray:
        return numpy_mlp(self.method.encoder, x, None, 0.2)


def gan(nets: Networks, config: RunConfig, x: np.ndarray, z: np.ndarray, _: object) -> Totals:
    """Eq. 1 of Goodfellow et al., with the generator's own objective of section 3."""
    real, fake = sigmoid(nets.D(x)), sigmoid(nets.D(nets.G(z)))
    v = np.log(real).mean() + np.log(1 - fake).mean()
    return {
        "discriminator": -config.settings.term_weight * v,
        "generator": -np.log(fake).mean(),
    }


def bigan(nets: Networks, config: RunConfig, x: np.ndarray, z: np.ndarray, noise: Randomness):
    """Eq. 3 of BiGAN, the inverse objective of its appendix B, and the hinge beside them."""
    settings = config.settings

    def hidden(values: np.ndarray, share: float) -> np.ndarray:
        kept = noise.uniform(*values.shape).numpy() >= share if share else True
        return np.where(kept, values, -1 if settings.network.unit_input else 0)

    code = nets.E(hidden(x, settings.encoder_dropout))
    if settings.encoder == "gaussian":
        mean, deviation = code[:, :4], np.exp(code[:, 4:])
        code = mean + deviation * noise.normal(*mean.shape).double().numpy()
    share, w = settings.discriminator_dropout, settings.term_weight
    a = nets.D(hidden(x, share), code)
    b = nets.D(hidden(nets.G(z), share), z)
    if settings.objective == "hinge":
        margins = np.maximum(0, 1 - a).mean() + np.maximum(0, 1 + b).mean()
        return {"discriminator": w * margins, "generator_encoder": w * (a.mean() - b.mean())}
    real, fake = sigmoid(a), sigmoid(b)
    v = np.log(real).mean() + np.log(1 - fake).mean()
    inverse = np.log(1 - real).mean() + np.log(fake).mean()
    fooling = -w * inverse if settings.objective == "inverse" else w * v
    distance = np.abs(x - nets.G(code)).reshape(len(x), -1).sum(1).mean()
    return {
        "discriminator": -w * v + settings.gradient_penalty * half_squared_slope(nets, x, code),
        "generator_encoder": fooling + settings.cycle_weight * distance,
    }


def half_squared_slope(nets: Networks, x: np.ndarray, z: np.ndarray) -> float:
    """R1 by central differences of the sum of D's logits, over all values of x and z."""
    step, squares = 1e-5, 0.0
    for values in (x, z):
        for place in np.ndindex(*values.shape):
            before, sums = values[place], []
            for value in (before + step, before - step):
                values[place] = value
                sums.append(nets.D(x, z).sum())
            values[place] = before
            squares += ((sums[0] - sums[1]) / (2 * step)) ** 2
    return squares / len(x) / 2


def latent_regressor(
    nets: Networks, config: RunConfig, x: np.ndarray, z: np.ndarray, _: object
) -> Totals:
    """Section 4.1 of BiGAN: cross-entropy of E(G(z)) and z, each as a chance in [0, 1]."""
    totals = gan(nets, config, x, z, None)
    predicted, target = sigmoid(nets.E(nets.G(z))), (z + 1) / 2
    entropy = -(target * np.log(predicted) + (1 - target) * np.log(1 - predicted))
    totals["encoder"] = entropy.mean()
    totals["generator"] += config.settings.joint_weight * entropy.mean()
    return totals


def autoencoder(nets: Networks, config: RunConfig, x: np.ndarray, _z: object, _: object) -> Totals:
    """Distances of an example as a vector, averaged over examples."""
    apart = (nets.G(nets.E(x)) - x).reshape(len(x), -1)
    distance = np.abs(apart) if config.settings.loss == "l1" else apart**2
    return {"autoencoder": distance.sum(1).mean()}


TRANSCRIPTIONS: dict[str, Callable[..., Totals]] = {
    "gan": gan,
    "bigan": bigan,
    "latent_regressor": latent_regressor,
    "autoencoder": autoencoder,
}


def test_losses_equal_the_equations(variant: str) -> None:
    """From the networks up, away from the zeros some presets start at."""
    config = toy_config(variant)
    method = toy_method(config).double().train()
    for parameter in method.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    noise = Randomness(3)
    x = (noise.uniform(12, 1, 8, 8) * 2 - 1).double()
    z = method.prior.sample(12, noise).double()
    batch = Batch(x, z, Randomness(4))
    losses = method.losses(batch, [player.name for player in method.players])
    found = {player: sum(terms.values()).item() for player, terms in losses.items()}
    expected = TRANSCRIPTIONS[config.method](
        Networks(method), config, x.numpy().copy(), z.numpy().copy(), Randomness(4)
    )
    assert found.keys() == expected.keys()
    for player, total in expected.items():
        rough = player == "discriminator" and getattr(config.settings, "gradient_penalty", 0)
        tolerance = 1e-6 if rough else 1e-9  # central differences are that exact
        np.testing.assert_allclose(found[player], total, rtol=tolerance, err_msg=player)


def test_a_player_who_waits_has_no_loss(variant: str) -> None:
    method = toy_method(toy_config(variant)).train()
    for player in method.players:
        noise = Randomness(3)
        x, z = noise.uniform(6, 1, 8, 8), method.prior.sample(6, noise)
        assert list(method.losses(Batch(x, z, noise), [player.name])) == [player.name]
