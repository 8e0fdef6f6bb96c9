"""A plan against what is known of the networks it is of."""

from __future__ import annotations

import pytest
import torch

from ambigan import planning
from ambigan.engine.schedule import num_iterations
from ambigan.planning import describe, plan
from games import toy_config


def test_memory_is_that_of_the_tensors() -> None:
    config = toy_config("bigan-official", train__batch_size="50")
    found = plan(config)
    learned = sum(found.parameters.values())
    assert found.parameters.keys() == {"discriminator", "generator", "encoder"}
    assert found.optimizer == 2 * 4 * learned
    assert found.gradients == 4 * learned
    assert found.weights >= 4 * learned
    assert found.average == found.weights
    assert found.data == 1500 * 64
    assert found.images == num_iterations(config.train, 1500, 1) * 50


def test_alternating_players_need_the_gradients_of_one() -> None:
    together, apart = plan(toy_config("gan-official")), plan(toy_config("gan-alternating"))
    assert apart.gradients < together.gradients
    assert apart.gradients == 4 * max(apart.parameters.values())


def test_activations_are_what_autograd_keeps() -> None:
    """A chain of sines keeps each input, and two layers that keep one tensor count it once."""
    x = torch.rand(1000, requires_grad=True)
    with planning.saved_bytes() as saved:
        h = x * 1
        once = saved.most
        for _ in range(3):
            h = h.sin()
        both = h.sin() + h.cos()
        both.sum().backward()
    assert saved.most - once == 4 * 4000
    del h, both
    assert saved.now == 0


def test_it_is_told_in_a_few_lines() -> None:
    lines = dict(describe(plan(toy_config("autoencoder-images"))))
    assert lines.keys() == {"parameters", "memory", "data", "rate", "time"}
    assert "generator" in lines["parameters"]


@pytest.mark.parametrize(("seconds", "words"), [(3, "3 s"), (600, "10 min"), (36_000, "10.0 h")])
def test_durations(seconds: float, words: str) -> None:
    assert planning._duration(seconds) == words
