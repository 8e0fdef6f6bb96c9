"""Blocks that run again for gradients, against the same with all activations kept."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ambigan.core import distributed
from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.core.randomness import Randomness
from ambigan.estimate.memory import saved_bytes
from ambigan.game import Batch
from ambigan.methods.bigbigan import BigBiGAN, BigBiGANSettings
from ambigan.networks.biggan import BigGANBody, BigGANGenerator, DownBlock
from ambigan.networks.large import LargeSettings
from ambigan.networks.layers import basic as layers
from ambigan.networks.layers.checkpointing import checkpointed
from ambigan.networks.resnet50 import ResNet50Encoder

NETWORKS = LargeSettings(
    width=1,
    attention=8,
    encoder_width=1 / 32,
    encoder_depths=(2, 1),
    head_width=6,
    head_depth=2,
    mlp_width=6,
    mlp_depth=2,
)


def game(again: bool) -> BigBiGAN:
    torch.manual_seed(0)
    network = replace(NETWORKS, checkpoint_activations=again)
    settings = BigBiGANSettings(latent_dim=8, network=network)
    return BigBiGAN(settings, DataSpec("images", (3, 16, 16), bounded=True)).double().train()


def played(method: BigBiGAN) -> list[Tensor]:
    """Gradients of two turns of each kind, and what networks remember."""
    found: list[Tensor] = []
    noise = Randomness(0)
    for players in (("discriminator",), ("generator", "encoder")) * 2:
        x, z = noise.uniform(6, 3, 16, 16).double() * 2 - 1, noise.normal(6, 8).double()
        losses = method.losses(Batch(x, z, noise), players)
        for player in players:
            weights = list(method.get_submodule(player).parameters())
            total = torch.stack(list(losses[player].values())).sum()
            found += torch.autograd.grad(total, weights, retain_graph=True)
    return [*found, *method.buffers()]


def test_a_game_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """D runs twice before its gradients, so its spectral norm has moved on by then."""
    for size in (1, 2):
        monkeypatch.setattr(layers, "world", lambda size=size: distributed.World(0, size))
        for ours, theirs in zip(played(game(True)), played(game(False)), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_a_block_that_ran_in_between_moves_no_gradient() -> None:
    torch.manual_seed(0)
    body = BigGANBody((3, 16, 16), 2, None).double()
    (down, *_) = [part for part in body.modules() if isinstance(part, DownBlock)]
    twin, images = copy.deepcopy(down), torch.randn(2, 4, 3, 16, 16, dtype=torch.float64)
    found = []
    for part, run in ((down, checkpointed), (twin, lambda part, x: part(x))):
        first, _second = run(part, images[0]), run(part, images[1])
        found.append(torch.autograd.grad(first.square().sum(), list(part.parameters())))
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


def test_a_graph_may_be_gone_through_twice_and_has_gradients_of_gradients() -> None:
    torch.manual_seed(0)
    found: list[list[Tensor]] = []
    for again in (True, False):
        torch.manual_seed(1)
        body = BigGANBody((3, 16, 16), 2, None, checkpoint_activations=again).double()
        x = torch.randn(3, 3, 16, 16, dtype=torch.float64, requires_grad=True)
        weights = list(body.parameters())
        y = body(x).square().sum()
        once = torch.autograd.grad(y, weights, retain_graph=True)
        (slope,) = torch.autograd.grad(y, x, create_graph=True)
        penalised = torch.autograd.grad(slope.square().sum(), weights, allow_unused=True)
        zeros = [
            torch.zeros_like(w) if g is None else g for g, w in zip(penalised, weights, strict=True)
        ]
        found.append([*once, slope.detach(), *zeros])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_a_mode_that_changed_before_the_backward_pass_is_refused() -> None:
    body = BigGANBody((3, 16, 16), 1, None, checkpoint_activations=True)
    y = body(torch.randn(2, 3, 16, 16)).sum()
    body.eval()
    with pytest.raises(ConfigError, match="between train and eval"):
        torch.autograd.grad(y, list(body.parameters()))


@pytest.mark.parametrize("name", ["generator", "body", "resnet50"])
def test_less_is_kept(name: str) -> None:
    """Of sixteen bottlenecks the inputs; of a BigGAN the maps between its blocks."""
    most = {"generator": 0.27, "body": 0.12, "resnet50": 0.35}
    kept: list[int] = []
    for again in (False, True):
        flag = {"checkpoint_activations": again}
        match name:
            case "generator":
                network, x = BigGANGenerator(20, (3, 32, 32), 8, 16, **flag), torch.randn(16, 20)
            case "body":
                network, x = BigGANBody((3, 32, 32), 8, 16, **flag), torch.randn(16, 3, 32, 32)
            case _:
                sizes = {"width": 1 / 8, "head_width": 6, "head_depth": 2}
                network = ResNet50Encoder((3, 32, 32), 4, **sizes, **flag)
                x = torch.randn(16, 3, 32, 32)
        with saved_bytes() as saved:
            y = network(x)
            kept.append(saved.now)
            torch.autograd.grad(y.square().sum(), list(network.parameters()))
    assert kept[1] <= most[name] * kept[0]


def test_nothing_is_remembered_where_there_are_no_gradients() -> None:
    network = BigGANBody((3, 16, 16), 1, None, checkpoint_activations=True)
    with torch.no_grad(), saved_bytes() as saved:
        network(torch.randn(2, 3, 16, 16))
    assert saved.most == 0
