"""E's head, H, J and the scores against NumPy."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from ambigan.core.errors import ConfigError
from ambigan.core.feature_layers import parse_layer_spec, read_layer
from ambigan.game import _measured
from ambigan.networks.biggan import BigGANBody
from ambigan.networks.heads import JointDiscriminator, LatentHead, ResidualMLP
from ambigan.networks.large import LargeSettings
from ambigan.networks.resnet import Pool
from ambigan.networks.resnet50 import ResNet50Encoder
from reference import numpy_bigbigan as reference


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.fixture
def judge() -> JointDiscriminator:
    torch.manual_seed(0)
    return JointDiscriminator(BigGANBody((2, 8, 8), 1, None), 3, 6, 8)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_residual_mlp_equals_numpy(batch_norm: bool) -> None:
    network = reference.scramble(ResidualMLP(5, 7, 4, batch_norm=batch_norm))
    h = random(6, 5)
    expected = torch.tensor(reference.residual_mlp(network, h.numpy()))
    torch.testing.assert_close(network(h).detach(), expected)
    assert expected.shape == (6, *network.out_shape)
    assert (expected > 0).any()


def test_depth_counts_the_layers_of_the_blocks() -> None:
    network = ResidualMLP(5, 7, 8, batch_norm=False)
    assert network.hidden_names == ("block1", "block2", "block3", "block4")
    assert sum(isinstance(part, nn.Linear) for part in network.modules()) == 1 + 8
    with pytest.raises(ConfigError, match=r"mlp_depth 3 is odd.*choose 4"):
        LargeSettings(mlp_depth=3)


@pytest.mark.parametrize(
    ("size", "places"), [((8, 8), 1), ((32, 32), 1), ((20, 13), 1), ((32, 32), 4), ((20, 13), 3)]
)
def test_scores_equal_numpy(size: tuple[int, int], places: int) -> None:
    body = BigGANBody((2, *size), width=2, attention=None, places=places)
    network = reference.scramble(JointDiscriminator(body, 3, width=6, depth=4))
    x, z = random(4, 2, *size), random(4, 3)
    expected = torch.tensor(reference.scores(network, x.numpy(), z.numpy()))
    torch.testing.assert_close(network(x, z).detach(), expected)
    assert expected.shape == (4, 3)


def test_places_are_means_over_a_grid_s_fields() -> None:
    maps = torch.arange(2 * 4 * 6.0).reshape(1, 2, 4, 6)
    torch.testing.assert_close(Pool(1)(maps), torch.tensor([[11.5, 35.5]]))
    fields = torch.tensor([[4.0, 7, 16, 19, 28, 31, 40, 43]])
    torch.testing.assert_close(Pool(2)(maps), fields)  # processors round the shares differently


def test_a_place_on_the_border_of_fields_counts_in_each_by_its_share() -> None:
    line = torch.tensor([0, 3.0, 6]).expand(1, 1, 2, 3)
    torch.testing.assert_close(Pool(2)(line), torch.tensor([[1.0, 5, 1, 5]]))
    assert torch.equal(Pool(6)(line)[0, :6], torch.tensor([0, 0, 3.0, 3, 6, 6]))


def test_the_joint_score_sees_latents_that_relu_would_hide(judge: JointDiscriminator) -> None:
    """Of H's last stream, negative for all z."""
    with torch.no_grad():
        judge.latent.get_submodule("block4").linear2.bias.fill_(-100)
    x, z = torch.randn(1, 2, 8, 8).expand(5, -1, -1, -1), torch.randn(5, 3)
    scores = judge.eval()(x, z)
    assert scores[:, 1].unique().numel() == 1
    assert scores[:, 2].unique().numel() == 5


def test_unary_scores_see_one_side_only(judge: JointDiscriminator) -> None:
    network = reference.scramble(judge).eval()
    x, z = random(2, 2, 8, 8), random(2, 3)
    same = network(x, z)
    of_x, of_z = network(x + 1, z) == same, network(x, z + 1) == same
    assert of_x.tolist() == [[False, True, False]] * 2
    assert of_z.tolist() == [[True, False, False]] * 2


def test_layers_are_read_by_name(judge: JointDiscriminator) -> None:
    game = nn.Module()
    game.discriminator = judge
    game.encoder = ResNet50Encoder(
        (2, 8, 8), 6, width=1 / 32, depths=(1, 1), head_width=8, head_depth=2
    )
    known = [name for name, _ in game.named_modules() if name]
    x, z = torch.randn(3, 2, 8, 8), torch.randn(3, 3)
    runs = {"discriminator": lambda x: judge(x, z), "encoder": game.encoder}
    widths = {}
    for network in runs:
        for name in _measured(network, game.get_submodule(network)):
            found = read_layer(
                game, parse_layer_spec(game, name, known), lambda n, x: runs[n](x), x
            )
            widths[name] = found.shape[1]
    maps = sum(width for name, width in widths.items() if name.startswith("encoder.st"))
    assert widths["encoder.convs@4"] == maps
    assert (widths["encoder.pool"], widths["encoder.crelu"], widths["encoder.output"]) == (
        16,
        32,
        6,
    )
    assert widths["discriminator.image.block1@4"] == 4 * 16
    assert widths["discriminator.image.output"] == 4
    assert widths["discriminator.joint.output"] == 6


def test_every_weight_of_the_discriminator_is_under_one_spectral_norm(
    judge: JointDiscriminator,
) -> None:
    layers = [part for part in judge.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    assert len(layers) > 20
    for layer in layers:
        assert parametrize.is_parametrized(layer, "weight")
        assert len(layer.parametrizations.weight) == 1
        top = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(top) == pytest.approx(1, abs=1e-4)


def test_h_and_j_can_go_without_spectral_norm() -> None:
    body = BigGANBody((2, 8, 8), width=2, attention=None)
    network = JointDiscriminator(body, 3, width=6, depth=4, mlp_spectral_norm=False)
    reference.scramble(network)
    of_mlps = ("latent.", "joint.")
    for name, part in network.named_modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            assert parametrize.is_parametrized(part, "weight") != name.startswith(of_mlps)
    x, z = random(4, 2, 8, 8), random(4, 3)
    expected = torch.tensor(reference.scores(network, x.numpy(), z.numpy()))
    torch.testing.assert_close(network(x, z).detach(), expected)


def test_bfloat16_leaves_scores_and_latents_in_float32(judge: JointDiscriminator) -> None:
    head = LatentHead(9, 8, 4, 6)
    with torch.autocast("cpu", torch.bfloat16):
        scores = judge(torch.randn(3, 2, 8, 8), torch.randn(3, 3))
        latents = head(torch.randn(3, 9))
    assert scores.dtype == latents.dtype == torch.float32
    assert latents.shape == (3, 6)
