"""BigBiGAN's networks by their settings, and the game with an E that sees larger images."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.core.randomness import Randomness
from ambigan.core.settings import override
from ambigan.engine.schedule import player_rate
from ambigan.game import Batch
from ambigan.methods.bigbigan import SLOW_ADAM, BigBiGAN, BigBiGANSettings
from ambigan.networks.large import LargeSettings, large_sample_spec, make_large_encoder
from ambigan.presets import find_preset
from ambigan.testing.method_under_test import converge_spectral_norms
from reference import numpy_bigbigan

SMALL = LargeSettings(
    width=1,
    attention=None,
    image_size=(8, 8),
    encoder_width=1 / 32,
    encoder_depths=(1, 1),
    head_width=6,
    head_depth=2,
    mlp_width=6,
    mlp_depth=2,
)
LARGE_IMAGES = DataSpec("images", (2, 16, 24), bounded=True)


def test_an_encoder_of_larger_images_plays_with_their_means() -> None:
    """E sees them as they are; D the mean of each 2x3 pixels; G draws 8x8."""
    torch.manual_seed(0)
    settings = BigBiGANSettings(latent_dim=4, encoder="deterministic", network=SMALL)
    method = BigBiGAN(settings, LARGE_IMAGES).double().train()
    for parameter in method.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    converge_spectral_norms(method)
    noise = Randomness(0)
    x, z = noise.uniform(6, 2, 16, 24).double(), method.prior.sample(6, noise).double()
    assert method.decode(z).shape == (6, 2, 8, 8)
    assert method.reconstruct(x).shape == (6, 2, 8, 8)
    means = x.numpy().reshape(6, 2, 8, 2, 8, 3).mean((3, 5))
    np.testing.assert_allclose(method.resize_to_sample(x).numpy(), means)
    code = numpy_bigbigan.encoder(method.encoder, x.numpy(), reversible=False)["output"]
    real = numpy_bigbigan.scores(method.discriminator, means, code)
    losses = method.losses(Batch(x, z, noise), ["encoder"])
    np.testing.assert_allclose(losses["encoder"]["real"].item(), real.mean(), rtol=1e-9)


@pytest.mark.parametrize(("generator_width", "channels"), [(None, 12), (1, 4)])
def test_the_generator_may_be_narrower_than_the_discriminator(
    generator_width: int | None, channels: int
) -> None:
    """Blocks of both have four times their width at 16x16."""
    network = replace(SMALL, width=3, image_size=(16, 16), generator_width=generator_width)
    method = BigBiGAN(BigBiGANSettings(latent_dim=4, network=network), LARGE_IMAGES)
    assert method.discriminator.image.num_features == 12
    assert len(method.generator.norm.running_mean) == channels
    assert method.decode(torch.zeros(2, 4)).shape == (2, 2, 16, 16)


def test_channels_may_double() -> None:
    """D's blocks at 16x16 are four; G has its first maps and two blocks."""
    network = replace(SMALL, width=3, image_size=(16, 16), growth="doubling")
    method = BigBiGAN(BigBiGANSettings(latent_dim=4, network=network), LARGE_IMAGES)
    assert method.discriminator.image.num_features == 16 * 3
    assert method.generator.start[0] == 8 * 3
    assert len(method.generator.norm.running_mean) == 2 * 3


@pytest.mark.parametrize("encoder", ["resnet50", "revnet50"])
def test_weights_of_the_encoder_may_begin_small(encoder: Literal["resnet50", "revnet50"]) -> None:
    torch.manual_seed(0)
    settings = replace(SMALL, encoder=encoder, encoder_width=0.25)
    assert smallest_deviation(settings) > 0.08
    assert 0.018 < smallest_deviation(replace(settings, encoder_init_std=0.02)) < 0.02


def smallest_deviation(settings: LargeSettings) -> float:
    """Of E's weights, of those that have enough values to tell."""
    weights = make_large_encoder(LARGE_IMAGES, settings, 8).parameters()
    return min(w.std().item() for w in weights if w.ndim > 1 and w.numel() > 1000)


def test_the_paper_s_encoder_learns_ten_times_as_fast_as_its_generator() -> None:
    config = find_preset("bigbigan", "paper")
    changes = {"settings.network.width": "1", "settings.network.encoder_width": "0.03125"}
    with torch.device("meta"):
        method = BigBiGAN(
            override(config, changes).settings, DataSpec("images", (3, 256, 256), True)
        )
    rates = {player.name: player.optimizer.learning_rate for player in method.players}
    assert rates == {"discriminator": 2e-4, "generator": 5e-5, "encoder": pytest.approx(5e-4)}
    assert method.sample_spec.shape == (3, 128, 128)
    assert (config.train.ema_decay, config.train.batch_size) == (0.9999, 2048)
    assert method.turns == (("discriminator",), ("discriminator",), ("generator", "encoder"))


def test_the_encoder_s_rate_keeps_its_ratio_to_the_generator_s() -> None:
    falling = replace(SLOW_ADAM, learning_rate=1e-3, final_learning_rate=1e-5)
    settings = BigBiGANSettings(
        network=SMALL, generator_optimizer=falling, encoder_rate_multiplier=10
    )
    _, generator, encoder = BigBiGAN(settings, LARGE_IMAGES).players
    for seen in (0, 500, 750, 1000):
        ratio = player_rate(encoder, seen, 1000) / player_rate(generator, seen, 1000)
        assert ratio == pytest.approx(10)


def test_noise_of_the_encoder_is_the_turn_s() -> None:
    torch.manual_seed(0)
    method = BigBiGAN(BigBiGANSettings(latent_dim=4, network=SMALL), LARGE_IMAGES).train()
    x = torch.rand(6, 2, 16, 24)
    first, again, other = (method.draw_latents(x, Randomness(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(method.eval().encode(x), method.encode(x))


@pytest.mark.parametrize(
    ("spec", "size", "said"),
    [
        (DataSpec("vectors", (12,), False), None, "vectors of 12 values. Choose a preset"),
        (DataSpec("images", (1, 7, 9), True), None, "8x8 or more; these are 7x9"),
        (LARGE_IMAGES, (32, 8), "32,8 is larger than the data, 16x24"),
        (LARGE_IMAGES, (4, 8), "8x8 or more; these are 4x8"),
    ],
)
def test_data_they_are_not_made_for_are_refused(
    spec: DataSpec, size: tuple[int, int] | None, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        large_sample_spec(spec, replace(SMALL, image_size=size))


@pytest.mark.parametrize("name", ["head_places", "joint_places"])
def test_a_grid_finer_than_the_images_is_refused(name: str) -> None:
    of_d = name == "joint_places"
    settings = BigBiGANSettings(network=replace(SMALL, **{name: 9 if of_d else 17}))
    with pytest.raises(ConfigError, match=f"{name} .* finer grid .*choose {8 if of_d else 16}"):
        BigBiGAN(settings, LARGE_IMAGES)


def test_a_stochastic_encoder_needs_a_prior_without_bounds() -> None:
    settings = BigBiGANSettings(prior="uniform", network=SMALL)
    with pytest.raises(ConfigError, match="choose encoder 'deterministic' or prior 'normal'"):
        BigBiGAN(settings, LARGE_IMAGES)
