"""Choosing labelled examples: fractions of each class, parts held out, balanced draws."""

from __future__ import annotations

import pytest
import torch

from ambigan.core.errors import ConfigError
from ambigan.evaluation.classifiers.label_subsets import (
    balanced_draw,
    class_sizes,
    fraction_of_each,
    hold_out,
)

LABELS = torch.tensor([7] * 50 + [2] * 10 + [9] * 1)[
    torch.randperm(61, generator=torch.Generator().manual_seed(0))
]


def test_a_fifth_of_each_class_is_held_out_and_a_single_example_kept() -> None:
    kept, held = hold_out(LABELS, 0.2, seed=0)
    assert class_sizes(LABELS[held]) == {2: 2, 7: 10}
    assert class_sizes(LABELS[kept]) == {2: 8, 7: 40, 9: 1}
    assert torch.equal(torch.cat([kept, held]).sort().values, torch.arange(61))
    assert torch.equal(held, hold_out(LABELS, 0.2, seed=0)[1])
    assert not torch.equal(held, hold_out(LABELS, 0.2, seed=1)[1])


def test_one_example_of_each_class_cannot_be_split() -> None:
    with pytest.raises(ConfigError, match="none of the 3 labelled examples can be held out"):
        hold_out(torch.tensor([0, 1, 2]), 0.2, seed=0)


def test_a_fraction_has_one_of_each_class_at_least() -> None:
    assert class_sizes(LABELS[fraction_of_each(LABELS, 0.1, 0)]) == {2: 1, 7: 5, 9: 1}


def test_draws_are_balanced_and_differ() -> None:
    labels = torch.arange(300) % 3
    first, second = (balanced_draw(labels, 31, 0, draw) for draw in (0, 1))
    assert class_sizes(labels[first]) == {0: 11, 1: 10, 2: 10}
    assert not torch.equal(first, second)
    assert torch.equal(first, balanced_draw(labels, 31, 0, 0))
    assert len(first.unique()) == 31


def test_a_draw_needs_enough_of_each_class() -> None:
    with pytest.raises(ConfigError, match=r"need 4 training examples of each; label 9 has 1"):
        balanced_draw(LABELS, 12, 0, 0)
