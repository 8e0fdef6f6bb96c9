"""The affine map of vectors against its definition in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ambigan.data import DataSettings, open_dataset
from ambigan.data.settings import ScalingName
from ambigan.data.tables.scaling import Rows, constant_columns, fit_scaling

TRAIN = np.random.default_rng(0).normal([5, -3000, 0], [1, 50, 1e-6], (200, 3)).astype(np.float32)


def test_standard() -> None:
    scaling = fit_scaling(Rows.whole(TRAIN), "standard", ("a", "b", "c"))
    exact = TRAIN.astype(np.float64)
    expected = (exact - exact.mean(0)) / exact.std(0)
    assert np.abs(scaling.apply(torch.as_tensor(TRAIN)).numpy() - expected).max() < 1e-4
    assert scaling.columns == ("a", "b", "c")


def test_minmax() -> None:
    scaled = fit_scaling(Rows.whole(TRAIN), "minmax").apply(torch.as_tensor(TRAIN))
    assert torch.allclose(scaled.amin(0), torch.tensor(-1.0), atol=1e-5)
    assert torch.allclose(scaled.amax(0), torch.tensor(1.0), atol=1e-5)


def test_values_beyond_the_training_range_are_not_clipped() -> None:
    scaling = fit_scaling(Rows.whole(np.array([[0.0], [1.0]], np.float32)), "minmax")
    assert scaling.apply(torch.tensor([[2.0]])).item() == 3.0


def test_none_changes_nothing() -> None:
    scaling = fit_scaling(Rows.whole(TRAIN), "none")
    assert torch.equal(scaling.apply(torch.as_tensor(TRAIN)), torch.as_tensor(TRAIN))
    assert scaling.shift.tolist() == [0, 0, 0]
    assert scaling.scale.tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", ["standard", "minmax", "none"])
def test_it_can_be_inverted(kind: ScalingName) -> None:
    scaling, raw = fit_scaling(Rows.whole(TRAIN), kind), torch.as_tensor(TRAIN).double()
    assert scaling.shift.dtype == scaling.scale.dtype == torch.float64
    assert torch.allclose(scaling.invert(scaling.apply(raw)), raw, rtol=1e-5, atol=1e-10)


def test_constant_columns() -> None:
    columns = [[7, 7, 7], [0, 0, 0], [1e9, 1e9 + 64, 1e9], [1e-42, 0, 0], [0, 1, 0], [1e-6, 0, 0]]
    constant = constant_columns(Rows.whole(np.array(columns, np.float32).T))
    assert constant.tolist() == [True, True, True, True, False, False]


def test_a_large_offset_keeps_its_digits() -> None:
    seconds = np.random.default_rng(0).normal(1.7e9, 1000, (200, 1))
    scaling, raw = (
        fit_scaling(Rows.whole(seconds.astype(np.float32)), "standard"),
        torch.as_tensor(seconds),
    )
    expected = (seconds - scaling.shift.numpy()) / scaling.scale.numpy()
    scaled = scaling.apply(raw)
    assert scaled.dtype == torch.float32
    assert np.abs(scaled.numpy() - expected).max() < 1e-6
    again = scaling.invert(scaled)
    assert again.dtype == torch.float64
    assert (again - raw).abs().max() < 1e-3
    assert (raw.float().double() - raw).abs().max() > 10  # what float32 would have kept


def test_what_is_scaled_stays_as_it_was() -> None:
    scaling = fit_scaling(Rows.whole(TRAIN), "standard")
    raw = torch.as_tensor(TRAIN).double()
    before = raw.clone()
    scaling.invert(raw)
    scaling.apply(raw)
    assert torch.equal(raw, before)


def test_training_sees_all_digits_of_a_large_offset(tmp_path: Path) -> None:
    seconds = np.random.default_rng(0).normal(1.7e9, 1000, (200, 2))
    np.save(tmp_path / "times.npy", seconds)
    data = open_dataset(DataSettings(source=f"npy:{tmp_path / 'times.npy'}"))
    assert data.scaling is not None
    assert data.train.rows is not None
    again = data.scaling.invert(data.train.values).numpy()
    assert np.abs(again - seconds[data.train.rows.numpy()]).max() < 1e-3


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_parts_give_the_bits_of_the_whole(
    width: int, kind: type[np.floating], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ambigan.data.tables.scaling._PART", 64)
    random = np.random.default_rng(0)
    array = random.normal(3.0, 10.0, (1000, 5)).astype(kind)
    rows = Rows(array, random.permutation(1000)[:900], np.arange(width))
    chosen = np.ascontiguousarray(array[rows.places][:, :width])
    scaling = fit_scaling(rows, "standard")
    np.testing.assert_array_equal(scaling.shift.numpy(), chosen.mean(0, dtype=np.float64))
    np.testing.assert_array_equal(scaling.scale.numpy(), chosen.std(0, dtype=np.float64))
    exact = (chosen.astype(np.float64) - scaling.shift.numpy()) / scaling.scale.numpy()
    np.testing.assert_array_equal(rows.scaled(scaling).numpy(), exact.astype(np.float32))
