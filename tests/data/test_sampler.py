"""The stream of examples: pure, endless, whole epochs, shared by ranks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ambigan.core.errors import ConfigError
from ambigan.core.randomness import seed_from
from ambigan.data import Batches, Sampler, Split

lengths = st.integers(1, 40)
seeds = st.integers(0, 2**40)
unhurried = settings(deadline=None)  # a shared machine may stall any example


@unhurried
@given(lengths, seeds, st.integers(0, 5))
def test_every_epoch_is_a_permutation(length: int, seed: int, epoch: int) -> None:
    order = Sampler(length, seed).indices(epoch * length, length)
    assert order.dtype == torch.int64
    assert sorted(order.tolist()) == list(range(length))


def test_epochs_are_keyed_as_documented() -> None:
    generator = torch.Generator().manual_seed(seed_from(7, "permutation", 3))
    expected = torch.randperm(50, generator=generator)
    assert torch.equal(Sampler(50, 7).indices(150, 50), expected)


@unhurried
@given(lengths, seeds, st.lists(st.tuples(st.integers(0, 200), st.integers(1, 90)), min_size=1))
def test_indices_are_a_pure_function(length: int, seed: int, calls: list[tuple[int, int]]) -> None:
    used = Sampler(length, seed)
    for images_seen, count in calls:
        fresh = Sampler(length, seed).indices(images_seen, count)
        assert torch.equal(used.indices(images_seen, count), fresh)


@unhurried
@given(lengths, seeds, st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_how_the_stream_is_cut_does_not_change_it(
    length: int, seed: int, counts: list[int]
) -> None:
    sampler, seen, pieces = Sampler(length, seed), 0, list[torch.Tensor]()
    for count in counts:
        pieces.append(sampler.indices(seen, count))
        seen += count
    assert torch.equal(torch.cat(pieces), Sampler(length, seed).indices(0, seen))


def test_the_caller_may_change_what_it_got() -> None:
    sampler = Sampler(10, 0)
    first = sampler.indices(0, 10).clone()
    sampler.indices(0, 10).zero_()
    assert torch.equal(sampler.indices(0, 10), first)


def test_seeds_differ() -> None:
    assert not torch.equal(Sampler(50, 0).indices(0, 50), Sampler(50, 1).indices(0, 50))


@unhurried
@given(st.integers(0, 300), st.integers(1, 4), st.sampled_from([1, 2, 3, 4]))
def test_ranks_together_hold_the_global_batch(seen: int, rows: int, world_size: int) -> None:
    batches = Batches(Split(torch.arange(20.0)[:, None], None), seed=1)
    size = rows * world_size
    whole = batches.draw(seen, size)
    shares = [batches.draw(seen, size, rank, world_size) for rank in range(world_size)]
    assert torch.equal(torch.cat(shares), whole)


def test_images_come_as_floats_and_vectors_as_they_are() -> None:
    images = Batches(Split(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1), None), 0)
    assert sorted(images.draw(0, 2).flatten().tolist()) == [-1.0, 1.0]
    vectors = Batches(Split(torch.tensor([[3.5], [-7.0]]), None), 0)
    assert sorted(vectors.draw(0, 2).flatten().tolist()) == [-7.0, 3.5]


def test_a_batch_is_a_copy() -> None:
    batches = Batches(Split(torch.zeros(4, 2), None), 0)
    batches.draw(0, 4).add_(1)
    assert not batches.values.any()


def test_gathering_the_indices_is_drawing() -> None:
    batches = Batches(Split(torch.arange(9.0)[:, None], None), seed=3)
    indices = batches.indices(5, 8, rank=1, world_size=2)
    assert torch.equal(batches.gather(indices), batches.draw(5, 8, rank=1, world_size=2))


@pytest.mark.parametrize(
    ("size", "world_size", "said"),
    [
        (256, 1, "a batch of 256 is larger than the 200 training examples.* 2 to 200"),
        (0, 1, "1 or more"),
        (10, 4, "does not divide over 4 processes"),
    ],
)
def test_batches_that_cannot_be(size: int, world_size: int, said: str) -> None:
    batches = Batches(Split(torch.zeros(200, 1), None), 0)
    with pytest.raises(ConfigError, match=said):
        batches.draw(0, size, 0, world_size)
