"""`ambigan.fit`: objects in memory give the runs that the same data in files give, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

import ambigan
from ambigan.core.errors import CheckpointError, ConfigError, DataError

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(40, 5))
LABELS = np.repeat([3, 7], 20)
COLOURS = RNG.integers(0, 256, (40, 8, 6, 3), dtype=np.uint8)
DEEP = RNG.integers(100, 4000, (40, 8, 6), dtype=np.uint16)
BANDS = RNG.normal(size=(40, 13, 16, 16)).astype(np.float32)

SETTINGS: dict[str, Any] = {"preset": "small", "epochs": 1, "batch_size": 8, "latent_dim": 3}


def fitted(data: Any, **settings: Any) -> ambigan.Run:
    network = {"network__hidden": (8, 8)}
    return ambigan.fit("bigan", data, **{**SETTINGS, **network, **settings})


def assert_same(ours: ambigan.Run, theirs: ambigan.Run) -> None:
    assert ours.spec == theirs.spec
    weights = theirs.method.state_dict()
    for name, value in ours.method.state_dict().items():
        assert torch.equal(value, weights[name]), name


def npy(values: np.ndarray) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        np.save(folder / "x.npy", values)
        return f"npy:{folder / 'x.npy'}"

    return write


def csv(folder: Path) -> str:
    pd.DataFrame(VECTORS, columns=[*"abcde"]).assign(label=LABELS).to_csv(
        folder / "x.csv", index=False
    )
    return f"csv:{folder / 'x.csv'}"


def npz(folder: Path) -> str:
    np.savez(folder / "x.npz", x=VECTORS, y=LABELS)
    return f"npz:{folder / 'x.npz'}"


def pictures(folder: Path) -> str:
    for place, pixels in enumerate(COLOURS):
        Image.fromarray(pixels).save(folder / f"{place:02}.png")
    return f"folder:{folder}"


FRAME = pd.DataFrame(VECTORS, columns=[*"abcde"]).assign(label=LABELS)
TENSORS = torch.tensor(VECTORS), torch.tensor(LABELS)


@pytest.mark.parametrize(
    ("data", "y", "file"),
    [
        (VECTORS, None, npy(VECTORS)),
        (VECTORS.tolist(), None, npy(VECTORS)),
        (torch.tensor(VECTORS), None, npy(VECTORS)),
        (VECTORS, LABELS, npz),
        (TensorDataset(*TENSORS), None, npz),
        (FRAME.set_index(FRAME.index * 7), None, csv),
        (pl.from_pandas(FRAME), None, csv),
        (pa.Table.from_pandas(FRAME), None, csv),
        (FRAME.drop(columns="label"), LABELS, csv),
        (COLOURS, None, npy(COLOURS)),
        (COLOURS.transpose(0, 3, 1, 2), None, npy(COLOURS)),
        (torch.tensor(COLOURS), None, npy(COLOURS)),
        ([Image.fromarray(pixels) for pixels in COLOURS], None, pictures),
        (TensorDataset(torch.tensor(COLOURS)), None, pictures),
        (DEEP, None, npy(DEEP)),
        (BANDS, None, npy(BANDS)),
    ],
)
def test_the_run_of_a_file(tmp_path: Path, data: Any, y: Any, file: Callable[[Path], str]) -> None:
    ours, theirs = fitted(data, y=y), fitted(file(tmp_path), out=tmp_path / "run")
    assert_same(ours, theirs)
    assert ours.label_names == theirs.label_names
    given = data if not isinstance(data, TensorDataset) else data.tensors[0].numpy()
    if ours.spec.kind == "vectors" or not isinstance(given, list):
        assert np.array_equal(ours.features(given), theirs.features(given))


def test_paths_are_the_files_of_a_folder(tmp_path: Path) -> None:
    source = pictures(tmp_path)
    paths = sorted(tmp_path.glob("*.png"))
    assert_same(fitted([str(path) for path in paths]), fitted(source, out=tmp_path / "run"))


def test_a_run_without_a_name_owns_its_folder() -> None:
    run = fitted(VECTORS)
    folder = run.path
    assert (folder / "config.json").is_file()
    del run
    assert not folder.exists()


def test_few_examples_make_small_batches(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    run = fitted(VECTORS[:30], batch_size=64)
    assert run.config.train.batch_size == 27
    assert "27 training examples: batches of 27 are made, not of 64" in caplog.text
    assert repr(run).startswith("<Run of bigan (small): vectors of 5 values, 27 examples seen; fea")


def test_columns_are_found_by_name() -> None:
    run = fitted(FRAME)
    turned = FRAME[FRAME.columns[::-1]].assign(other="text")
    assert np.array_equal(run.features(turned), run.features(VECTORS))
    with pytest.raises(DataError, match=r"has no column 'c', which the model takes"):
        run.features(FRAME.drop(columns="c"))


def test_values_come_back_in_their_units() -> None:
    run = fitted(DEEP, range=(0, 4095))
    assert run.scaling is not None
    drawn = run.sample(3)
    assert drawn.dtype == np.float64
    assert 0 <= drawn.min() <= drawn.max() <= 4095
    assert run.reconstruct(DEEP[:4]).shape == (4, 1, 8, 6)
    assert np.array_equal(run.features(DEEP[:4]), run.features(DEEP[:4, None].astype(float)))


def test_settings_of_the_data_hold_where_the_preset_is_chosen() -> None:
    cubes = RNG.integers(0, 256, (20, 16, 16, 16), dtype=np.uint8)
    run = ambigan.fit("gan", cubes, layout="NHWC", epochs=1, batch_size=8, network__width=4)
    assert run.spec.shape == (16, 16, 16)


def test_resume_compares_the_data(tmp_path: Path) -> None:
    run = fitted(VECTORS, out=tmp_path / "run")
    with pytest.raises(DataError, match=r"passed in Python.*resume\(run, data=X\)"):
        ambigan.resume(run.path)
    ambigan.resume(run.path, data=VECTORS)
    with pytest.raises(CheckpointError, match="is not the data"):
        ambigan.resume(run.path, data=VECTORS + 1)


def test_a_run_is_measured_on_data_in_memory() -> None:
    run = fitted(VECTORS, y=LABELS)
    with pytest.raises(DataError, match=r"passed in Python.*evaluate\(run, data=X\)"):
        ambigan.evaluate(run)
    (own, *_), (other, *_) = (
        ambigan.evaluate(run, data=data, y=LABELS, protocols=("knn1_euclidean",))
        for data in (VECTORS, VECTORS[::-1])
    )
    assert own.provenance.data == own.provenance.trained_on
    assert other.provenance.data != other.provenance.trained_on


@pytest.mark.parametrize(
    ("data", "settings", "said"),
    [
        (3.0, {}, "0-D"),
        (object(), {}, "type object"),
        (np.zeros((2, 2, 2, 2)), {}, "do not tell which dimension"),
        (VECTORS, {"latent_dimm": 3}, "no setting 'latent_dimm'.*latent_dim"),
        (np.char.add(VECTORS.astype(str), "!"), {}, "no numbers"),
        (VECTORS, {"y": LABELS[:4]}, "40 rows but 4 labels"),
    ],
)
def test_what_cannot_be_fitted_is_one_line(data: Any, settings: Any, said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said) as caught:
        fitted(data, **settings)
    assert "\n" not in str(caught.value)


MISSING = np.where(np.arange(40)[:, None] == 3, np.nan, VECTORS)
CONSTANT = np.where(np.arange(5) == 2, 1.0, VECTORS)


@pytest.mark.parametrize(
    ("data", "words", "settings"),
    [
        (CONSTANT, "drop_constant=True", {"drop_constant": True}),
        (MISSING, 'missing="drop"', {"missing": "drop"}),
    ],
)
def test_an_error_names_the_argument_that_mends_it(
    data: np.ndarray, words: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(DataError, match=words) as raised:
        fitted(data)
    assert "--" not in str(raised.value)
    fitted(data, **settings)
