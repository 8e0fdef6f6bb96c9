"""Invariant 4: every draw is a function of (seed, images seen, turn), sliced by rank."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from ambigan.core.randomness import Randomness, seed_from
from ambigan.data import Batches, open_dataset
from ambigan.engine.train_step import draw_rows, keyed_noise, make_batch
from ambigan.testing.checks import check_randomness
from games import subject, toy_config, toy_method

KEYS = st.tuples(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 7))


@given(KEYS, KEYS)
def test_equal_keys_and_only_they_give_equal_seeds(one: tuple, two: tuple) -> None:
    assert (seed_from(*one) == seed_from(*two)) == (one == two)


@given(KEYS, st.integers(1, 4), st.integers(1, 6))
def test_ranks_hold_slices_of_what_one_rank_draws(key: tuple, size: int, rows: int) -> None:
    whole = Randomness(*key)
    parts = [Randomness(*key, rank=rank, world_size=size) for rank in range(size)]
    for name in ("normal", "uniform"):
        expected = getattr(whole, name)(rows * size, 3)
        assert torch.equal(expected, torch.cat([getattr(p, name)(rows, 3) for p in parts]))


def draw(method, batches, settings, images_seen, turn):
    """A turn's batch, as the engine draws it."""
    rows = draw_rows(batches, settings, images_seen)
    return make_batch(method, batches, rows, keyed_noise(batches, settings.seed, images_seen, turn))


def test_a_turn_draws_the_same_whatever_was_drawn_before(variant: str) -> None:
    config = toy_config(variant)
    method = toy_method(config)
    batches = Batches(open_dataset(config.data).train, seed=0)
    first = draw(method, batches, config.train, 300, 0)
    draw(method, batches, config.train, 0, 0)
    torch.rand(5)
    again = draw(method, batches, config.train, 300, 0)
    other = draw(method, batches, config.train, 300, 1)
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.z, again.z)
    assert not torch.equal(first.z, other.z)


def test_losses_draw_from_the_batch_alone(variant: str) -> None:
    check_randomness(subject(variant))
