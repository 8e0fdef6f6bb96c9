"""`.npy` and `.npz`, sound and not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ambigan.core.errors import ConfigError, DataError
from ambigan.data import Dataset, DataSettings, open_dataset

VALUES = np.random.default_rng(0).normal(3, 2, (40, 3))
LABELS = np.arange(40) % 3


def npy(folder: Path, values: Any) -> Path:
    np.save(folder / "x.npy", values, allow_pickle=True)
    return folder / "x.npy"


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "x.npz", **arrays)
    return folder / "x.npz"


def opened(path: Path, **settings: Any) -> Dataset:
    return open_dataset(DataSettings(f"{path.suffix[1:]}:{path}", **settings))


def test_npy_is_split_and_scaled(tmp_path: Path) -> None:
    data = opened(npy(tmp_path, VALUES), test_fraction=0.25)
    assert (len(data.train), len(data.test)) == (30, 10)
    assert (data.spec.kind, data.spec.shape, data.spec.bounded) == ("vectors", (3,), False)
    assert data.train.values.dtype == torch.float32
    assert torch.allclose(data.train.values.mean(0), torch.zeros(3), atol=1e-6)
    assert torch.allclose(data.train.values.std(0, correction=0), torch.ones(3), atol=1e-6)
    assert data.train.labels is None
    assert data.label_names is None
    assert data.scaling is not None
    assert data.scaling.columns == ()
    for split in (data.train, data.test):
        assert split.rows is not None
        raw = data.scaling.invert(split.values).numpy()
        assert np.allclose(raw, VALUES[split.rows.numpy()], atol=1e-5)


def test_minmax_counts_as_bounded_and_is_fitted_on_train(tmp_path: Path) -> None:
    data = opened(npy(tmp_path, VALUES), scaling="minmax")
    assert data.spec.bounded
    assert data.train.values.abs().max() <= 1 + 1e-6


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", ">f8", "longdouble"])
def test_any_real_numbers(tmp_path: Path, dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 2, (30, 2)).astype(dtype)
    data = opened(npy(tmp_path, values), scaling="none")
    assert data.train.rows is not None
    assert np.array_equal(data.train.values, values[data.train.rows].astype(np.float32))


def test_fortran_order(tmp_path: Path) -> None:
    data = opened(npy(tmp_path, np.asfortranarray(VALUES)))
    assert data.sha256 == opened(npy(tmp_path, VALUES)).sha256


@pytest.mark.parametrize("name", ["y", "labels"])
def test_npz_with_labels(tmp_path: Path, name: str) -> None:
    data = opened(npz(tmp_path, x=VALUES, **{name: LABELS}))
    assert data.label_names == ("0", "1", "2")
    assert data.train.labels is not None
    assert data.train.rows is not None
    assert torch.equal(data.train.labels, data.train.rows % 3)


def test_npz_with_a_published_split(tmp_path: Path) -> None:
    arrays = {"x_train": VALUES[:30], "x_test": VALUES[30:31]}
    data = opened(npz(tmp_path, **arrays, y_train=LABELS[:30], y_test=LABELS[30:31]))
    assert (len(data.train), len(data.test)) == (30, 1)
    assert data.train.rows is not None
    assert data.train.labels is not None
    assert sorted(data.train.rows.tolist()) == list(range(30))
    assert torch.equal(data.train.labels, data.train.rows % 3)
    assert opened(npz(tmp_path, **arrays)).label_names is None


def test_npz_with_a_single_array(tmp_path: Path) -> None:
    assert opened(npz(tmp_path, embeddings=VALUES)).spec.shape == (3,)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            np.zeros((4, 2, 3)),
            r"lengths \(4, 2, 3\) do not tell .* --data\.layout HWC",
        ),
        (np.zeros(4), "1-D"),
        (np.zeros((1, 4)), "holds 1 rows; at least 2"),
        (np.zeros((0, 4)), "holds 0 rows"),
        (np.zeros((4, 0)), "holds no values"),
        (np.array([[1j], [2]]), "type complex128 are not real numbers"),
        (np.array([["a"], ["b"]]), "type <U1 are not real numbers"),
        (np.array([[1, "a"], [2, None]], object), "Python objects, which are refused.*astype"),
        (np.array([[0, np.nan], [np.inf, 1]]), r"2 values are missing \(NaN\) .* nan at \[0, 1\]"),
        (np.array([[0, 1], [1e300, 1]]), r"1 values are too large for float32, .*1e\+300 at \[1"),
    ],
)
def test_values_that_cannot_be_used(tmp_path: Path, values: Any, said: str) -> None:
    path = npy(tmp_path, values)
    with pytest.raises(DataError, match=said) as caught:
        opened(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_constant_columns_are_refused_with_the_remedy(tmp_path: Path) -> None:
    values = np.hstack([VALUES, np.ones((40, 1))])
    with pytest.raises(DataError, match=r"column '3' \(counted from 0\) never changes in the 36"):
        opened(npy(tmp_path, values))
    values = np.hstack([np.zeros((40, 2)), VALUES])
    with pytest.raises(DataError, match=r"each of 2 columns \('0', '1'\).*drop-constant true"):
        opened(npy(tmp_path, values))


def test_constant_columns_are_dropped_if_asked(tmp_path: Path) -> None:
    data = opened(npy(tmp_path, np.insert(VALUES, 1, 5, axis=1)), drop_constant=True)
    assert data.spec.shape == (3,)
    assert data.scaling is not None
    assert data.scaling.columns == ("0", "2", "3")
    with pytest.raises(DataError, match="every column is constant"):
        opened(npy(tmp_path, np.ones((40, 2))), drop_constant=True)


def test_two_rows_are_not_enough_to_hold_one_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only 1 of 2 rows is left to train on"):
        opened(npy(tmp_path, VALUES[:2]))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            {"a": VALUES, "b": VALUES},
            "holds arrays named a, b; name the one of the examples with --data.key",
        ),
        ({}, "holds arrays named nothing; name the one"),
        ({"x": VALUES, "y": LABELS[:7]}, "'x': 40 rows but 7 labels"),
        ({"x": VALUES, "y": LABELS + 0.5}, "'y'.* 0.5 is not a label"),
        ({"x_train": VALUES, "x_test": VALUES[:, :2]}, "'x_train' has 3 columns and 'x_test' has"),
        ({"x_train": VALUES, "x_test": np.full((2, 3), np.nan)}, "'x_test': 6 values are missing"),
        ({"x_train": VALUES, "x_test": VALUES[:0]}, "'x_test': it holds no values"),
        ({"x": np.array([[None]])}, "Python objects"),
    ],
)
def test_archives_that_cannot_be_used(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    path = npz(tmp_path, **arrays)
    with pytest.raises(DataError, match=said) as caught:
        opened(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_files_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    path = npy(tmp_path, VALUES) if kind == "npy" else npz(tmp_path, x=VALUES)
    for keep in (0.3, 0.9):
        short = tmp_path / f"short.{kind}"
        short.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
        with pytest.raises(DataError, match=f"short.{kind} is damaged or cut short .*write it"):
            opened(short)
    (tmp_path / f"empty.{kind}").write_bytes(b"")
    with pytest.raises(DataError, match=f"empty.{kind} is empty; a .{kind} file was expected"):
        opened(tmp_path / f"empty.{kind}")
    (tmp_path / f"text.{kind}").write_text("1,2,3")
    with pytest.raises(DataError, match=f"text.{kind} is not a .{kind} file; write one with numpy"):
        opened(tmp_path / f"text.{kind}")
    with pytest.raises(DataError, match=f"none.{kind} does not exist"):
        opened(tmp_path / f"none.{kind}")
    (tmp_path / f"dir.{kind}").mkdir()
    with pytest.raises(DataError, match=f"dir.{kind} is a folder"):
        opened(tmp_path / f"dir.{kind}")


def test_one_kind_for_the_other_is_recognised(tmp_path: Path) -> None:
    path, archive = npy(tmp_path, VALUES), npz(tmp_path, x=VALUES)
    with pytest.raises(DataError, match=f"open it as npz:{archive}"):
        open_dataset(DataSettings(f"npy:{archive}"))
    with pytest.raises(DataError, match=f"open it as npy:{path}"):
        open_dataset(DataSettings(f"npz:{path}"))


def test_damage_to_the_header_is_found(tmp_path: Path) -> None:
    path = npy(tmp_path, VALUES)
    content = path.read_bytes()
    for wrong in (b"'descr", b"(40, 3)"):
        path.write_bytes(content.replace(wrong, b"{" * len(wrong)))
        with pytest.raises(DataError, match="damaged"):
            opened(path)
    path.write_bytes(content.replace(b"(40, 3), }         ", b"(40000000000000, 3)}"))
    with pytest.raises(DataError, match="damaged"):
        opened(path)


def test_damage_inside_an_archive_is_found(tmp_path: Path) -> None:
    path = npz(tmp_path, x=VALUES)
    content = bytearray(path.read_bytes())
    content[400] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        opened(path)


@pytest.mark.filterwarnings("ignore:data")
@pytest.mark.parametrize("settings", [{"drop": ("a",)}, {"label_column": "a"}])
def test_columns_have_no_names_here(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"names columns, and .*x\.npy has none"):
        opened(npy(tmp_path, VALUES), **settings)
