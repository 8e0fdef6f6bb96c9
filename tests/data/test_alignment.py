"""Property: rows, names, labels, ids and targets stay with their example, whatever holds them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from ambigan.data import Dataset, DataSettings, open_dataset
from ambigan.data.memory import MEMORY, examples_in_memory

CLASSES = ("ape", "bee", "cat")


def few_and_many(check: Callable[..., None]) -> Callable[..., None]:
    """Runs a property on eight examples by default, and on two hundred among the slow tests."""

    @pytest.mark.parametrize("count", [8, pytest.param(200, marks=pytest.mark.slow)])
    def run(count: int) -> None:
        settings(max_examples=count, deadline=None)(check)()

    return run


def images_of(order: list[int]) -> np.ndarray[Any, Any]:
    """Images `(N, 4, 4)` of one value, which is their number in the source."""
    return np.array(order, np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)


def write_images(root: Path, order: list[int], container: str) -> DataSettings | np.ndarray:
    """Writes images; example n of the source has value `order[n]` and class `order[n] % 3`."""
    images, labels = images_of(order), [CLASSES[value % 3] for value in order]
    if container == "memory":
        return images
    if container in ("npz", "h5", "mat"):
        path, codes = root / f"x.{container}", np.array([value % 3 for value in order])
        if container == "npz":
            np.savez(path, images=images, labels=np.array(labels))
        elif container == "mat":
            savemat(path, {"images": images, "labels": codes})
        else:
            with h5py.File(path, "w") as file:
                file["images"], file["labels"] = images, codes
        return DataSettings(str(path), layout="NHW")
    for image, value, label in zip(images, order, labels, strict=True):
        folder = root / "d" / (label if container in ("folder", "zip") else ".")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{value}.png")
    if container == "zip":
        return DataSettings(shutil.make_archive(str(root / "a"), "zip", root / "d"))
    if container == "folder":
        return DataSettings(f"folder:{root / 'd'}")
    paths = [f"d/{value}.png" for value in order]
    frame = pd.DataFrame({"path": paths, "label": labels})
    if container == "bytes":
        content = [(root / path).read_bytes() for path in paths]
        frame = pd.DataFrame({"image": content, "label": labels})
        frame.to_parquet(root / "t.parquet")
        return DataSettings(str(root / "t.parquet"))
    frame.to_csv(root / "t.csv", index=False)
    return DataSettings(str(root / "t.csv"))


@few_and_many
@given(
    order=st.permutations(range(12)),
    container=st.sampled_from(
        ["memory", "npz", "h5", "mat", "folder", "zip", "paths", "bytes"],
    ),
    seed=st.integers(0, 9),
    holdout=st.integers(0, 3),
)
def test_images_keep_their_names(order: list[int], container: str, seed: int, holdout: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        source = write_images(Path(name), order, container)
        if isinstance(source, DataSettings):
            asked = DataSettings(
                source.source, layout=source.layout, split_seed=seed, holdout=holdout
            )
            data = open_dataset(asked)
        else:
            asked = DataSettings(MEMORY, layout="NHW", split_seed=seed, holdout=holdout)
            labels = np.array([CLASSES[value % 3] for value in order])
            data = open_dataset(asked, examples=examples_in_memory(source, labels, asked))
    found: list[int] = []
    for split in (data.train, data.test):
        assert split.rows is not None
        assert split.labels is not None
        values = split.values[:, 0, 0, 0].tolist()
        found += values
        for place, value in enumerate(values):
            row = int(split.rows[place])
            if container in ("folder", "zip", "paths"):
                assert Path(split.files[place]).stem == str(value)
            if container in ("folder", "zip"):
                in_order = sorted(order, key=lambda n: f"{CLASSES[n % 3]}/{n}.png")
                assert in_order[row] == value
            else:
                assert order[row] == value
            assert class_of(data, int(split.labels[place])) == value % 3
    assert len(set(found)) == len(found)
    if not holdout:
        assert sorted(found) == list(range(12))
    assert len(data.test) == (holdout or 1)


def class_of(data: Dataset, code: int) -> int:
    assert data.label_names is not None
    name = data.label_names[code]
    return CLASSES.index(name) if name in CLASSES else int(name)


@few_and_many
@given(
    order=st.permutations(range(14)),
    container=st.sampled_from(["memory", "csv", "tsv.gz", "parquet", "feather", "xlsx"]),
    missing=st.sets(st.integers(0, 13), max_size=4),
    seed=st.integers(0, 9),
    grouped=st.booleans(),
)
def test_rows_of_tables_keep_their_ids_labels_and_targets(
    order: list[int], container: str, missing: set[int], seed: int, grouped: bool
) -> None:
    x = np.array([value + 100.0 * (value % 2) for value in order])  # in no order, as no axis is
    frame = pd.DataFrame({"x": x, "y": -x})
    frame["name"] = [f"row {value}" for value in order]
    frame["kind"] = [CLASSES[value % 3] for value in order]
    frame["price"] = [value * 1.5 for value in order]
    frame["plate"] = [f"P{value % 5}" for value in order]
    for row in missing:
        frame.loc[row, "y"] = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"t.{container}")
        if container in ("csv", "tsv.gz"):
            frame.to_csv(path, index=False, sep="," if container == "csv" else "\t")
        elif container == "parquet":
            frame.to_parquet(path)
        elif container == "feather":
            frame.to_feather(path)
        elif container == "xlsx":
            frame.to_excel(path, index=False)
        asked = DataSettings(
            MEMORY if container == "memory" else str(path),
            id_column="name",
            label_column="kind",
            target_column=("price",),
            group="plate" if grouped else None,
            drop=() if grouped else ("plate",),
            missing="drop",
            scaling="none",
            split_seed=seed,
        )
        examples = examples_in_memory(frame, None, asked) if container == "memory" else None
        data = open_dataset(asked, examples=examples)
    found: list[int] = []
    for split in (data.train, data.test):
        assert split.rows is not None
        assert split.labels is not None
        assert split.targets is not None
        for place, (x, y) in enumerate(split.values.tolist()):
            value = int(x) % 100
            found.append(value)
            assert y == -x
            assert order[int(split.rows[place])] == value
            assert split.ids[place] == f"row {value}"
            assert class_of(data, int(split.labels[place])) == value % 3
            assert split.targets[place].item() == value * 1.5
    assert sorted(found) == sorted(set(range(14)) - {order[row] for row in missing})
    if grouped:
        plates = [{int(x) % 100 % 5 for x, _ in s.values.tolist()} for s in (data.train, data.test)]
        assert not plates[0] & plates[1]
