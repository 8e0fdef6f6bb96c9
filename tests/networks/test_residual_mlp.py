"""BigBiGAN's residual MLPs of vectors."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.core.randomness import Randomness
from ambigan.game import Batch
from ambigan.methods.bigbigan import BigBiGAN, BigBiGANSettings
from ambigan.networks.residual_mlp import ResidualMLPSettings

SMALL = ResidualMLPSettings(width=6, depth=4, head_width=10, mlp_width=8)
VECTORS = DataSpec("vectors", (5,), bounded=False)


@pytest.fixture
def method() -> BigBiGAN:
    torch.manual_seed(0)
    return BigBiGAN(BigBiGANSettings(latent_dim=4, network=SMALL), VECTORS)


@pytest.mark.parametrize("spec", [VECTORS, DataSpec("images", (2, 5, 3), bounded=True)])
def test_shapes_are_those_of_the_data(spec: DataSpec) -> None:
    """Images are flattened, of whatever size they are."""
    method = BigBiGAN(BigBiGANSettings(latent_dim=4, network=SMALL), spec)
    x, z = torch.randn(3, *spec.shape), torch.randn(3, 4)
    assert method.sample_spec == spec
    assert method.resize_to_sample(x) is x
    assert method.encode(x).shape == z.shape
    assert method.reconstruct(x).shape == x.shape
    assert method.discriminator(x, z).shape == (3, 3)
    assert (method.decode(100 * z).abs().max() <= 1) == spec.bounded
    seen = method.diagnostics(Batch(x, z, Randomness(0)))
    assert seen.keys() == {
        "saturation",
        *(f"saturation_{score}" for score in ("x", "z", "xz")),
        "encoder_noise",
    }


def test_layers_have_names(method: BigBiGAN) -> None:
    x = torch.randn(3, 5)
    widths = {
        name: method.features(x, name).shape[1]
        for name in (
            "encoder.features.block2",
            "encoder.features",
            "encoder.output",
            "discriminator.image.output",
            "discriminator.joint.output",
            "generator.features",
        )
    }
    assert list(widths.values()) == [6, 6, 8, 6, 8, 6]
    assert method.default_layer == "encoder.features"
    assert widths.keys() - set(method.feature_layers) == {"generator.features"}


def test_spectral_norm_is_on_f_and_the_scores_and_on_all_if_asked_for(method: BigBiGAN) -> None:
    network = ResidualMLPSettings(mlp_spectral_norm=True)
    whole = BigBiGAN(BigBiGANSettings(network=network), VECTORS).discriminator
    for judge, free in ((method.discriminator, ("latent.", "joint.")), (whole, ())):
        for name, part in judge.named_modules():
            if isinstance(part, nn.Linear):
                assert parametrize.is_parametrized(part, "weight") != name.startswith(free)


def test_an_odd_depth_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"network\.depth 3 is odd.*choose 4"):
        ResidualMLPSettings(depth=3)
