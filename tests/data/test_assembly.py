"""What is held out, and the hash."""

from __future__ import annotations

import pytest
import torch

from ambigan.core.errors import ConfigError
from ambigan.data import DataSettings, Split
from ambigan.data.splits import (
    apply_holdout,
    data_fingerprint,
    num_held_out,
    shuffled,
    split_at,
    take,
)


def split_of(length: int) -> Split:
    rows = torch.arange(length)
    return Split(
        rows[:, None].float(), rows % 3, rows, tuple(f"{row}.png" for row in range(length))
    )


@pytest.mark.parametrize(
    ("length", "fraction", "held_out"),
    [(100, None, 10), (100, 0.25, 25), (3, None, 1), (2, 0.9, 1), (10, 0.99, 9), (10, 0.001, 1)],
)
def test_at_least_one_is_held_out_and_one_stays(
    length: int, fraction: float | None, held_out: int
) -> None:
    assert num_held_out(length, DataSettings(test_fraction=fraction)) == held_out


def test_a_source_may_have_its_own_default() -> None:
    assert num_held_out(1797, DataSettings(), 297) == 297
    assert num_held_out(1797, DataSettings(test_fraction=0.1), 297) == 180


def test_the_order_is_keyed_by_the_split_seed() -> None:
    orders = [shuffled(30, DataSettings(split_seed=seed)) for seed in (0, 0, 1)]
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])
    assert sorted(orders[2].tolist()) == list(range(30))


def test_take_and_cut_keep_values_labels_rows_and_files_together() -> None:
    head, tail = split_at(take(split_of(6), torch.tensor([5, 0, 3])), 1)
    assert head.values.tolist() == [[5.0]]
    assert tail.rows is not None
    assert tail.labels is not None
    assert (tail.rows.tolist(), tail.labels.tolist(), tail.files) == (
        [0, 3],
        [0, 0],
        ("0.png", "3.png"),
    )


def test_a_holdout_is_the_end_of_train_and_replaces_test() -> None:
    train, test = apply_holdout(split_of(10), split_of(2), DataSettings(holdout=3))
    assert (len(train), test.files) == (7, ("7.png", "8.png", "9.png"))


def test_no_more_than_asked_for_are_trained_on() -> None:
    train, test = apply_holdout(split_of(10), split_of(2), DataSettings(holdout=3, max_train=4))
    assert train.files == ("0.png", "1.png", "2.png", "3.png")
    assert test.files == ("7.png", "8.png", "9.png")
    whole, _ = apply_holdout(split_of(10), split_of(2), DataSettings(max_train=40))
    assert len(whole) == 10


def test_a_holdout_must_leave_something() -> None:
    with pytest.raises(ConfigError, match=r"holdout of 10 leaves none of the 10.*0 to 9"):
        apply_holdout(split_of(10), split_of(2), DataSettings(holdout=10))


def test_the_hash_sees_values_labels_shapes_and_types() -> None:
    values, labels = torch.arange(6.0).view(3, 2), torch.tensor([0, 1, 2])
    variants = [
        (Split(values, labels), Split(values, labels)),
        (Split(values + 1, labels), Split(values, labels)),
        (Split(values, labels + 1), Split(values, labels)),
        (Split(values, None), Split(values, labels)),
        (Split(values.view(2, 3), labels), Split(values, labels)),
        (Split(values.view(torch.int32), labels), Split(values, labels)),
        (Split(values, labels), Split(values, None)),
    ]
    hashes = [data_fingerprint(*splits) for splits in variants]
    assert len(set(hashes)) == len(hashes)
    assert data_fingerprint(Split(values.t().contiguous().t(), labels), variants[0][1]) == hashes[0]
