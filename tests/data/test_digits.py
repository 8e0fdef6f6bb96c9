"""scikit-learn's digits: pixels, and a split in proportion."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch

from ambigan.data import DataSettings, open_dataset


def test_form() -> None:
    data = open_dataset(DataSettings())
    assert (len(data.train), len(data.test)) == (1500, 297)
    assert data.train.values.shape[1:] == data.spec.shape == (1, 8, 8)
    assert data.train.values.dtype == torch.uint8
    assert data.spec.bounded
    assert data.label_names == tuple("0123456789")
    assert data.scaling is None


def test_pixels_and_labels_are_those_of_their_rows() -> None:
    bunch: Any = import_module("sklearn.datasets").load_digits()
    for split in (open_dataset(DataSettings()).train, open_dataset(DataSettings()).test):
        assert split.rows is not None
        assert split.labels is not None
        grays = torch.as_tensor(bunch.images)[split.rows]
        assert torch.equal(split.values[:, 0], (grays * 255 / 16).round().to(torch.uint8))
        assert torch.equal(split.labels, torch.as_tensor(bunch.target)[split.rows])


def test_no_digit_is_in_both_splits() -> None:
    data = open_dataset(DataSettings())
    assert data.train.rows is not None
    assert data.test.rows is not None
    assert sorted([*data.train.rows.tolist(), *data.test.rows.tolist()]) == list(range(1797))


@pytest.mark.parametrize(
    ("settings", "held_out"),
    [
        (DataSettings(), 297),
        (DataSettings(test_fraction=0.5, split_seed=3), 898),
        (DataSettings(holdout=200), 200),
    ],
)
def test_classes_are_held_out_in_proportion(settings: DataSettings, held_out: int) -> None:
    data = open_dataset(settings)
    assert data.train.labels is not None
    assert data.test.labels is not None
    counts, rest = data.test.labels.bincount(), data.train.labels.bincount()
    assert len(data.test) == held_out
    shares = counts / (counts + rest)
    assert (shares - held_out / (held_out + len(data.train))).abs().max() < 0.01


def test_the_split_is_fixed_by_its_seed() -> None:
    hashes = [open_dataset(DataSettings(split_seed=seed)).sha256 for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
