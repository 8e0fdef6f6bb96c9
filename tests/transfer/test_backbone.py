"""Convolutions cut off a network: their maps, strides, and what they may start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import CheckpointError, ConfigError
from ambigan.core.imports import import_torchvision
from ambigan.core.randomness import Randomness
from ambigan.networks.convnet import ConvLayer, Stage
from ambigan.networks.convolutional import ConvSettings, make_conv_discriminator, make_conv_encoder
from ambigan.networks.families import make_discriminator
from ambigan.networks.permutation_invariant import MLPSettings, make_mlp_encoder
from ambigan.networks.residual import ResidualSettings
from ambigan.networks.resnet50 import ResNet50Encoder
from ambigan.transfer.backbone import Backbone, cut_backbone
from ambigan.transfer.backbone.checkpoints import read_backbone
from ambigan.transfer.initial_weights import _kmeans_filters, draw_kmeans, draw_scaled

SPEC = DataSpec("images", (3, 32, 32), bounded=True)


def encoder(chain: str = "dcgan") -> Any:
    torch.manual_seed(0)
    network = make_conv_encoder(SPEC, ConvSettings(width=4, encoder=chain, init_std=0.2), 5)
    network(torch.rand(64, 3, 32, 32) * 2 - 1)  # running statistics
    return network.eval()


@pytest.mark.parametrize("chain", ["dcgan", "six_layer", "alexnet"])
@torch.no_grad()
def test_maps_are_those_of_the_network(chain: str) -> None:
    network, x = encoder(chain), torch.rand(2, 3, 32, 32) * 2 - 1
    backbone = cut_backbone(network)
    h = x
    for name, found in zip(network.hidden_names, backbone.maps(x), strict=True):
        h = network.get_submodule(name)(h)
        torch.testing.assert_close(found, h, rtol=1e-4, atol=1e-5)
    assert backbone.widths[-1] == h.shape[1]


@pytest.mark.parametrize("chain", ["dcgan", "six_layer", "alexnet"])
@torch.no_grad()
def test_a_stride_moves_the_map_by_one(chain: str) -> None:
    backbone = cut_backbone(encoder(chain))
    stride = backbone.stride
    x = torch.rand(1, 3, 14 * stride, 16 * stride)
    there, moved = backbone(x), backbone(x.roll(stride, 3))
    inner = slice(6, -6)  # what borders do not reach
    torch.testing.assert_close(
        moved[..., inner, 7:-5], there[..., inner, 6:-6], rtol=1e-4, atol=1e-5
    )
    assert list(backbone.strides) == sorted(backbone.strides)
    assert backbone.last_at(stride) == len(backbone.layers) - 1
    assert backbone.last_at(3) is None


@torch.no_grad()
def test_residual_networks_keep_their_statistics() -> None:
    torch.manual_seed(0)
    network = ResNet50Encoder((3, 32, 32), 4, width=0.125, depths=(1, 1), crelu=False)
    network(torch.rand(8, 3, 32, 32))
    backbone = cut_backbone(network.eval()).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    h = backbone(torch.rand(1, 3, 40, 48))
    assert (h.shape[2:], backbone.strides) == ((20, 24), (1, 1, 2, 2))
    assert all(torch.equal(before[name], value) for name, value in backbone.state_dict().items())
    x = torch.rand(2, 3, 32, 32)
    seen: list[torch.Tensor] = []
    with network.pool.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0])):
        network(x)
    torch.testing.assert_close(backbone(x), seen[0])
    with pytest.raises(ConfigError, match="--starts scaled draws chains"):
        draw_scaled(backbone.layers, x, 0)


def test_discriminators_of_residual_blocks_are_cut() -> None:
    network = make_discriminator(SPEC, ResidualSettings(width=4, depth=1))
    assert cut_backbone(network).strides[-1] == 8


def test_networks_without_convolutions_of_their_own_are_refused() -> None:
    with pytest.raises(ConfigError, match="sees latents beside the data"):
        cut_backbone(make_conv_discriminator(SPEC, ConvSettings(width=4), 4))
    with pytest.raises(ConfigError, match="MLP has no convolutions"):
        cut_backbone(make_mlp_encoder(SPEC, MLPSettings(hidden=(4,)), 2))


@pytest.mark.parametrize("draw", [draw_scaled, draw_kmeans])
@torch.no_grad()
def test_drawn_layers_begin_with_mean_0_and_deviation_1(draw: Any) -> None:
    x = torch.rand(16, 3, 32, 32) * 2 - 1
    one, two, other = (cut_backbone(encoder("six_layer")) for _ in range(3))
    for backbone, seed in ((one, 0), (two, 0), (other, 1)):
        draw(backbone.layers, x, seed)
    h = x
    for layer in one.layers:
        out = layer.convolution(h)  # pyright: ignore
        torch.testing.assert_close(
            out.mean((0, 2, 3)), torch.zeros(out.shape[1]), atol=1e-3, rtol=0
        )
        torch.testing.assert_close(out.std((0, 2, 3)), torch.ones(out.shape[1]), atol=1e-2, rtol=0)
        h = layer(h)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.layers[0].convolution.weight, other.layers[0].convolution.weight)


@torch.no_grad()
def test_kmeans_finds_clusters_and_draws_each_group_by_itself() -> None:
    noise = torch.Generator().manual_seed(0)
    centres = torch.tensor([[3.0, 0, 0, 1], [0, 2, 0, 1], [0, 0, 5, 1], [0, 0, 0, 1]])
    which = torch.arange(400) % 4
    patches = centres[which] + 0.01 * torch.randn(400, 4, generator=noise)
    filters = _kmeans_filters(patches, 3, Randomness(3))
    best = ((patches - patches.mean(0)) @ filters.T).argmax(1)
    found = {tuple(best[which == each].unique().tolist()) for each in range(4)}
    assert all(len(each) == 1 for each in found)
    assert len(found) == 3
    layer = ConvLayer(4, Stage(6, 3), 0, None, True)
    layer.convolution = nn.Conv2d(4, 6, 3, padding=1, groups=2)
    backbone = Backbone([layer], 4)
    draw_kmeans(backbone.layers, torch.rand(8, 4, 12, 12), 0)
    assert backbone(torch.rand(1, 4, 12, 12)).isfinite().all()


def torchvision_state(name: str) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    with torch.device("meta"):
        network = getattr(import_torchvision("models"), name)(weights=None)
    for part in ("classifier", "fc"):
        if hasattr(network, part):
            setattr(network, part, nn.Identity())
    network.to_empty(device="cpu")
    noise = torch.Generator().manual_seed(0)
    for key, value in network.state_dict().items():
        if value.is_floating_point():
            low = 0.5 if key.endswith("running_var") else -0.05
            value.copy_(torch.rand(value.shape, generator=noise) * 0.1 + low)
        else:
            value.zero_()
    return network.eval(), network.state_dict()


@pytest.mark.parametrize("name", ["alexnet", "resnet18"])
@torch.no_grad()
def test_torchvisions_weights_are_read(name: str, tmp_path: Path) -> None:
    network, state = torchvision_state(name)
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "a.pth")
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "a.safetensors")
    x = torch.rand(1, 3, 96, 128) * 2 - 1
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    seen = ((x + 1) / 2 - mean[:, None, None]) / std[:, None, None]
    if name == "alexnet":
        expected, stride = network.features[:12](seen), 16  # pyright: ignore
    else:
        stem = network.maxpool(network.relu(network.bn1(network.conv1(seen))))  # pyright: ignore
        expected, stride = stem, 32
        for number in range(1, 5):
            expected = network.get_submodule(f"layer{number}")(expected)
    for ending in ("pth", "safetensors"):
        found, backbone = read_backbone(tmp_path / f"a.{ending}")
        assert (found, backbone.stride) == (name, stride)
        torch.testing.assert_close(backbone(x), expected)


def test_other_files_of_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with pytest.raises(ConfigError, match="is no file"):
        read_backbone(path)
    path.write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        read_backbone(path)
    torch.save({"conv.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"conv.weight, which are not those of torchvision's"):
        read_backbone(path)
    torch.save({"features.10.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="10 of 10 weights are missing"):
        read_backbone(path)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="no weights by name"):
        read_backbone(path)
