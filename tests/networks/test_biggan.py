"""BigGAN's G and F against NumPy, and what its structure promises."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from ambigan.core.errors import ConfigError
from ambigan.networks.biggan import Attention, BigGANBody, BigGANDiscriminator, BigGANGenerator
from ambigan.networks.layers.spectral_norm import SpectralNorm
from reference import numpy_bigbigan as reference


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_attention_goes_to_the_next_smaller_maps() -> None:
    """Of 48, 24, 12 and 6 those of 12 are nearest below 16."""
    generator, body = BigGANGenerator(8, (1, 48, 48), 1, 16), BigGANBody((1, 48, 48), 1, 16)
    attended = [generator.get_submodule(name).attention for name in generator.hidden_names]
    assert [bool(found) for found in attended] == [True, False, False]
    assert generator.sizes[1] == (12, 12)
    attended = [body.get_submodule(name).attention for name in body.hidden_names]
    assert [bool(found) for found in attended] == [False, True, False, False]


@pytest.mark.parametrize("attention", [None, 12])
def test_generator_equals_numpy(attention: int | None) -> None:
    torch.manual_seed(0)
    network = reference.scramble(BigGANGenerator(8, (2, 9, 12), 2, attention))
    assert any(isinstance(part, Attention) for part in network.modules()) == bool(attention)
    z = random(3, 8)
    torch.testing.assert_close(
        network(z).detach(), torch.tensor(reference.generator(network, z.numpy()))
    )


@pytest.mark.parametrize("attention", [None, 6])
def test_body_equals_numpy(attention: int | None) -> None:
    torch.manual_seed(0)
    network = reference.scramble(BigGANBody((2, 9, 12), 2, attention))
    assert any(isinstance(part, Attention) for part in network.modules()) == bool(attention)
    x = random(3, 2, 9, 12)
    torch.testing.assert_close(
        network(x).detach(), torch.tensor(reference.body(network, x.numpy()))
    )


@pytest.mark.parametrize(
    ("shape", "generator", "body", "maps"),
    [
        ((1, 32, 32), [4, 4, 4], [4, 4, 4, 4], 8),
        ((1, 64, 64), [16, 8, 4, 2], [1, 2, 4, 8, 16], 4),
        ((1, 128, 128), [16, 8, 4, 2, 1], [1, 2, 4, 8, 16, 16], 4),
        ((1, 256, 256), [16, 8, 8, 4, 2, 1], [1, 2, 4, 8, 8, 16, 16], 4),
        ((1, 48, 40), [4, 4, 4], [4, 4, 4, 4], 10),
    ],
)
def test_channels_are_biggan_s(
    shape: tuple[int, ...], generator: list[int], body: list[int], maps: int
) -> None:
    G, F = BigGANGenerator(14, shape, 1, 64).eval(), BigGANBody(shape, 1, 64).eval()
    seen: list[torch.Tensor] = []
    last = F.get_submodule(F.hidden_names[-1])
    last.register_forward_hook(lambda _m, _i, h: seen.append(h))
    x = G(torch.randn(1, 14))
    assert x.shape == (1, *shape)
    assert x.abs().max() <= 1
    assert F(x).shape == (1, *F.out_shape) == (1, body[-1])
    assert seen[0].shape[3] == maps
    blocks = ([n.get_submodule(name) for name in n.hidden_names] for n in (G, F))
    assert [[b.conv2.out_channels for b in each] for each in blocks] == [generator, body]
    attended = [b for n in (G, F) for b in n.modules() if isinstance(b, Attention)]
    assert len(attended) == {32: 0, 48: 1, 64: 1}.get(shape[1], 2)


@pytest.mark.parametrize(("side", "ups"), [(32, [8, 4, 2]), (28, [4, 2]), (8, [2])])
def test_channels_of_small_images_can_double(side: int, ups: list[int]) -> None:
    G = BigGANGenerator(14, (1, side, side), 2, None, growth="doubling")
    F = BigGANBody((1, side, side), 2, None, growth="doubling")
    assert G.start[0] == 2 * 2 * ups[0]
    blocks = ([n.get_submodule(name) for name in n.hidden_names] for n in (G, F))
    channels = [[b.conv2.out_channels for b in each] for each in blocks]
    assert channels == [[2 * n for n in ups], [4, 8, 16, 32]]
    assert F(G(torch.randn(1, 14))).shape == (1, 32)


def test_larger_images_channels_double_anyhow() -> None:
    for network in (partial(BigGANGenerator, 14), BigGANBody):
        usual, doubled = (
            network((1, 64, 64), 1, None, growth=growth) for growth in ("biggan", "doubling")
        )
        assert [p.shape for p in usual.parameters()] == [p.shape for p in doubled.parameters()]


def test_every_part_of_z_reaches_its_own_block() -> None:
    """A part changes its block's output; all before it stay as they were."""
    num_latents = 7
    torch.manual_seed(0)
    network = reference.scramble(BigGANGenerator(num_latents, (1, 64, 64), 1, 64)).eval()
    names = ["project", *network.hidden_names]
    seen: dict[str, torch.Tensor] = {}
    for name in names:
        network.get_submodule(name).register_forward_hook(
            lambda _m, _i, h, name=name: seen.update({name: h})
        )
    z = random(1, num_latents)
    network(z)
    before = dict(seen)
    assert network.parts == [2, 2, 1, 1, 1]
    start = 0
    for number, length in enumerate(network.parts):
        for place in range(start, start + length):
            other = z.clone()
            other[:, place] += 1
            network(other)
            changed = [not torch.equal(seen[name], before[name]) for name in names]
            assert changed == [i >= number for i in range(len(names))]
        start += length


def test_every_weight_is_under_spectral_norm_and_orthogonal_at_the_start() -> None:
    for network in (BigGANGenerator(15, (3, 64, 64), 2, 64), BigGANBody((3, 64, 64), 2, 32)):
        layers = [part for part in network.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
        assert len(layers) > 10
        for layer in layers:
            assert parametrize.is_parametrized(layer, "weight")
            assert isinstance(layer.parametrizations.weight[0], SpectralNorm)
            matrix = layer.parametrizations.weight.original.flatten(1)
            small = matrix @ matrix.T if len(matrix) < matrix.shape[1] else matrix.T @ matrix
            torch.testing.assert_close(small, torch.eye(len(small)), atol=1e-5, rtol=0)
        bare = [n for n, p in network.named_parameters() if p.ndim > 1 and "original" not in n]
        assert not bare


def test_attention_starts_as_nothing() -> None:
    h = torch.randn(2, 16, 6, 5)
    layer = Attention(16)
    assert torch.equal(layer(h), h)
    nn.init.ones_(layer.gamma)
    assert not torch.allclose(layer(h), h)


def test_bfloat16_leaves_features_and_images_in_float32() -> None:
    G, F = BigGANGenerator(5, (3, 32, 32), 1, 32), BigGANBody((3, 32, 32), 1, 16)
    with torch.autocast("cpu", torch.bfloat16):
        x = G(torch.randn(2, 5))
        features = F(x)
    assert x.dtype == features.dtype == torch.float32
    assert all(g is not None for g in torch.autograd.grad(features.sum(), list(G.parameters())))


def test_latents_with_fewer_values_than_parts_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"split into 4 parts, .* choose 4 or more"):
        BigGANGenerator(3, (3, 32, 32), 1, None)


def test_d_without_an_encoder_is_a_line_of_the_sums_of_its_body() -> None:
    """And its one weight matrix is normalised and starts as the others do."""
    torch.manual_seed(0)
    network = BigGANDiscriminator(BigGANBody((3, 16, 16), 2, 8)).eval()
    x = random(5, 3, 16, 16).float()
    with torch.no_grad():
        sums, logits = network.image(x), network(x)
    weight = network.output.weight.detach()
    torch.testing.assert_close(weight.norm(), torch.tensor(1.0))
    torch.testing.assert_close(logits, sums @ weight.T + network.output.bias)
    names = {name for name, _ in network.named_parameters() if name.endswith("original")}
    assert sum(name.startswith("output.") for name in names) == 1, "spectral norm once"
    assert {each.numel() for each in network.output.parameters()} == {1, weight.numel()}
