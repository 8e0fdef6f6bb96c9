"""BigBiGAN's encoders against NumPy; RevNet against itself with all activations kept."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch import Tensor

from ambigan.core import distributed
from ambigan.core.ema import ExponentialMovingAverage
from ambigan.core.errors import ConfigError
from ambigan.estimate.memory import saved_bytes
from ambigan.networks.layers import basic as layers
from ambigan.networks.layers.basic import BatchNorm
from ambigan.networks.layers.checkpointing import Checkpointed
from ambigan.networks.layers.reversible import Reversible
from ambigan.networks.resnet50 import Branch, ResNet50Encoder, StemKind
from live_memory import LiveMemory
from reference import numpy_bigbigan as reference

revnet50 = partial(ResNet50Encoder, reversible=True)
MAKERS = {"resnet50": ResNet50Encoder, "revnet50": revnet50}
SMALL = {"width": 1 / 32, "head_width": 6, "head_depth": 2}


def plain(network: Reversible, x: Tensor) -> Tensor:
    """The same map with activations kept."""
    x1, x2 = layers.at_least_float32(x).chunk(2, 1)
    for branch in network.branches:
        x1, x2 = x2, x1 + branch(x2)
    return torch.cat([x1, x2], 1)


def blocks(num: int = 5, channels: int = 8) -> Reversible:
    torch.manual_seed(0)
    network = Reversible([Branch(channels, channels) for _ in range(num)])
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.2, 0.5)
    return network.train()


def gradients(y: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)
    return torch.autograd.grad((y * weights).sum(), inputs)


def both(
    network: Reversible, x: Tensor
) -> Iterator[tuple[Callable[[Reversible, Tensor], Tensor], Reversible]]:
    for run in (Reversible.forward, plain):
        yield run, copy.deepcopy(network).to(x.dtype)


def check_equal(ours: list[Tensor], theirs: list[Tensor]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9 * float(b.detach().abs().max()))


@pytest.mark.parametrize("num", [1, 2, 5])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_gradients_and_statistics_equal_those_with_activations_kept(
    num: int, training: bool
) -> None:
    x = torch.randn(3, 16, 5, 4, dtype=torch.float64, requires_grad=True)
    found = []
    for run, network in both(blocks(num), x):
        network.train(training)
        y = run(network, x)
        found.append([y, *gradients(y, [x, *network.parameters()]), *network.buffers()])
    check_equal(*found)
    assert all(norm.num_batches == int(training) for norm in norms_of(network))


def norms_of(network: torch.nn.Module) -> list[BatchNorm]:
    return [part for part in network.modules() if isinstance(part, BatchNorm)]


def test_a_whole_network_as_it_starts_has_the_gradients_of_activations_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No unit starts where the sign of a rounding error decides on its gradient."""
    torch.manual_seed(0)
    network = revnet50((3, 16, 16), 4, depths=(2, 3, 4), **SMALL).double()
    x = torch.randn(6, 3, 16, 16, dtype=torch.float64)
    ours = gradients(network(x), list(network.parameters()))
    monkeypatch.setattr(Reversible, "forward", plain)
    theirs = gradients(network(x), list(network.parameters()))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6 * float(b.abs().max()))


def test_statistics_are_counted_once_and_again_in_the_next_forward_pass() -> None:
    network = blocks().double()
    x = torch.randn(3, 16, 5, 4, dtype=torch.float64)
    y = network(x)
    after_forward = [buffer.clone() for buffer in network.buffers()]
    gradients(y, list(network.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(after_forward, network.buffers(), strict=True))
    network(x)
    assert all(norm.num_batches == 2 for norm in norms_of(network))


def test_under_bfloat16_the_second_run_is_as_the_first() -> None:
    x = torch.randn(4, 16, 5, 4)
    found = []
    for run, network in both(blocks(), x):
        with torch.autocast("cpu", torch.bfloat16):
            y = run(network, x.bfloat16())
        assert y.dtype == torch.float32
        found.append([y, *gradients(y, list(network.parameters()))])
    for ours, theirs in zip(*found, strict=True):
        assert float((ours - theirs).detach().norm() / theirs.detach().norm()) < 1e-3


def test_weights_have_gradients_inside_of_autocast_too() -> None:
    network = blocks()
    with torch.autocast("cpu", torch.bfloat16):
        y = network(torch.randn(4, 16, 5, 4))
        assert all(g.abs().max() > 0 for g in gradients(y, list(network.parameters())))


def test_batch_norm_over_ranks_is_run_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path that averages over processes, with the average left out."""
    monkeypatch.setattr(layers, "world", lambda: distributed.World(0, 2))
    x = torch.randn(3, 16, 5, 4, dtype=torch.float64, requires_grad=True)
    found = []
    for run, network in both(blocks(), x):
        y = run(network, x)
        found.append([y, *gradients(y, [x, *network.parameters()]), *network.buffers()])
    check_equal(*found)


def test_an_average_is_a_network_of_its_own() -> None:
    network = blocks().double()
    average = ExponentialMovingAverage(network, 0.5).module
    x = torch.randn(3, 16, 5, 4, dtype=torch.float64)
    before = average(x)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    torch.testing.assert_close(average(x), before)
    average.requires_grad_(True)
    ours = gradients(average(x), list(average.parameters()))
    theirs = gradients(plain(average, x), list(average.parameters()))
    torch.testing.assert_close(ours, theirs)


def test_frozen_weights_are_left_out_and_a_graph_can_be_used_twice() -> None:
    network = blocks().double()
    frozen, *learned = network.parameters()
    frozen.requires_grad_(False)
    y = network(torch.randn(3, 16, 5, 4, dtype=torch.float64)).square().sum()
    once = torch.autograd.grad(y, learned, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(y, learned), once)


def test_weights_that_moved_before_the_backward_pass_are_noticed() -> None:
    network = blocks()
    y = network(torch.randn(3, 16, 5, 4))
    with torch.no_grad():
        next(network.parameters()).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradients(y, list(network.parameters()))


def test_a_mode_that_changed_before_the_backward_pass_is_noticed() -> None:
    network = blocks()
    y = network(torch.randn(3, 16, 5, 4))
    network.eval()
    with pytest.raises(RuntimeError, match="changed its mode"):
        gradients(y, list(network.parameters()))


def test_gradients_of_gradients_are_refused() -> None:
    x = torch.randn(3, 16, 5, 4, requires_grad=True)
    with pytest.raises(ConfigError, match="no gradients of gradients"):
        torch.autograd.grad(blocks()(x).sum(), x, create_graph=True)


def kept_and_peak(network: ResNet50Encoder, x: Tensor) -> tuple[int, int]:
    """Bytes between the forward and the backward pass, and at most during both."""
    with saved_bytes() as saved:
        y = network(x)
        kept = saved.now
        torch.autograd.grad(y.square().sum(), list(network.parameters()))
    return kept, saved.most


@pytest.mark.parametrize("side", [32, 72])
def test_sixteen_blocks_keep_a_third_of_the_activations(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the larger stem, torch's own recomputation is not counted in the peak."""
    network = revnet50((3, side, side), 4, width=1 / 8, head_width=6, head_depth=2)
    assert sum(isinstance(part, Branch) for part in network.modules()) == 16
    x = torch.randn(4, 3, side, side)
    kept, peak = kept_and_peak(network, x)
    monkeypatch.setattr(Reversible, "forward", plain)
    monkeypatch.setattr(Checkpointed, "forward", torch.nn.Sequential.forward)
    all_kept, all_peak = kept_and_peak(network, x)
    assert kept <= 0.35 * all_kept
    assert peak <= 0.35 * all_peak


def most_alive(network: torch.nn.Module, x: Tensor) -> int:
    """Bytes of all that both passes make, what autograd does not keep too, at their most."""
    with LiveMemory([x, *network.parameters(), *network.buffers()]) as live:
        gradients(network(x), list(network.parameters()))
    return live.most


def test_all_that_is_alive_is_a_third_at_sixteen_blocks_and_no_more_at_thirty_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = torch.randn(4, 64, 16, 16)
    few, many = (Reversible([Branch(32, 32) for _ in range(num)]) for num in (16, 32))
    ours, deeper = most_alive(few, x), most_alive(many, x)
    weights = sum(parameter.nbytes for parameter in few.parameters())  # whose gradients are results
    assert deeper <= ours + weights
    monkeypatch.setattr(Reversible, "forward", plain)
    theirs = most_alive(few, x)
    assert ours <= 0.35 * theirs
    assert most_alive(many, x) > 1.8 * theirs


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    ("stem", "size", "places"),
    [("small", (8, 10), 1), ("imagenet", (26, 30), 1), ("small", (15, 24), 3)],
)
def test_encoders_equal_numpy(
    kind: str, stem: StemKind, size: tuple[int, int], places: int
) -> None:
    torch.manual_seed(0)
    sizes = {"depths": (3, 2, 1), "stem": stem, "head_places": places}
    network = MAKERS[kind]((2, *size), 3, **sizes, **SMALL)
    reference.scramble(network)
    x = torch.randn(4, 2, *size, dtype=torch.float64)
    expected = reference.encoder(network, x.numpy(), reversible=kind == "revnet50")
    seen: dict[str, Tensor] = {}
    for name in expected:
        network.get_submodule(name).register_forward_hook(
            lambda _m, _i, h, name=name: seen.update({name: h.detach()})
        )
    network(x)
    for name, values in expected.items():
        torch.testing.assert_close(seen[name], torch.tensor(values))


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(("side", "maps"), [(32, [32, 16, 8, 4]), (64, [64, 32, 16, 8])])
def test_small_images_keep_their_size_in_the_first_stage(kind, side: int, maps: list[int]) -> None:
    assert sides(MAKERS[kind]((3, side, side), 4, **SMALL), side) == [side, *maps]


@pytest.mark.parametrize("kind", MAKERS)
def test_large_images_are_made_smaller_by_the_stem(kind: str) -> None:
    assert sides(MAKERS[kind]((3, 128, 128), 4, **SMALL), 128) == [32, 32, 16, 8, 4]
    network = MAKERS[kind]((3, 128, 128), 4, depths=(1, 1), stem="small", **SMALL)
    assert sides(network, 128) == [128, 128, 64]


def sides(network: ResNet50Encoder, side: int) -> list[int]:
    seen: list[int] = []
    for name in network.hidden_names:
        network.get_submodule(name).register_forward_hook(lambda _m, _i, h: seen.append(h.shape[2]))
    assert network.eval()(torch.randn(1, 3, side, side)).shape == (1, *network.out_shape) == (1, 4)
    return seen


def test_sizes_are_those_reported_of_the_paper_s_encoders() -> None:
    with torch.device("meta"):
        wide, usual = revnet50((3, 256, 256), 240, width=4), ResNet50Encoder((3, 256, 256), 240)
    assert (wide.num_features, usual.num_features) == (8192, 2048)
    assert round(without_head(wide) / 1e6) == 86
    assert round(without_head(usual) / 1e6, 1) == 23.5


def without_head(network: ResNet50Encoder) -> int:
    return sum(p.numel() for n, p in network.named_parameters() if not n.startswith("output."))


def test_no_gradient_comes_from_the_features_that_are_only_read() -> None:
    network = revnet50((3, 16, 16), 4, depths=(1, 1), **SMALL)
    parameters = list(network.parameters())
    found = torch.autograd.grad(network(torch.randn(4, 3, 16, 16)).sum(), parameters)
    assert len(found) == len(parameters)
    assert network.crelu is not None
    assert network.crelu.norm.num_batches == 1
    assert revnet50((3, 16, 16), 4, depths=(1, 1), crelu=False, **SMALL).vector_names == ("pool",)
