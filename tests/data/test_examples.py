"""All that a source holds, as a trained model takes it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError, DataError
from ambigan.data import (
    Dataset,
    DataSettings,
    Scaling,
    SourceSplit,
    open_dataset,
    open_examples,
    open_framed,
)

GRAY = DataSpec("images", (1, 8, 8), bounded=True)
VALUES = np.random.default_rng(0).normal(3, 2, (40, 3))
HEADER = "a,b,c"


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """What a model settles is no mistake where settings have it too."""
    with warnings.catch_warnings(action="error"):
        yield


def csv(path: Path, header: str, *columns: Any) -> Path:
    lines = [header, *(",".join(map(str, row)) for row in zip(*columns, strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def source(path: Path) -> str:
    return f"{path.suffix[1:]}:{path}"


@pytest.fixture
def model(tmp_path: Path) -> Dataset:
    """A table that a model was trained on."""
    return open_dataset(DataSettings(source(csv(tmp_path / "train.csv", HEADER, *VALUES.T))))


def read(path: Path, model: Dataset, **settings: Any) -> SourceSplit:
    return open_examples(DataSettings(source(path), **settings), model.spec, model.scaling)


def refused(path: Path, model: Dataset, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, model, **settings)
    said = str(caught.value)
    assert str(path) in said
    assert "\n" not in said
    return said


def scaled(model: Dataset, values: Any) -> torch.Tensor:
    assert model.scaling is not None
    return model.scaling.apply(torch.as_tensor(np.asarray(values, np.float64)))


def picture(path: Path, level: Any, size: tuple[int, int] = (8, 8), mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), level).save(path)
    return path


def rows_of(split: SourceSplit) -> list[int]:
    assert split.rows is not None
    return split.rows.tolist()


def test_all_digits_in_their_order() -> None:
    bunch: Any = import_module("sklearn.datasets").load_digits()
    split = open_examples(DataSettings(holdout=100, split_seed=4), GRAY, None)
    assert split.values.dtype == torch.uint8
    assert np.array_equal(split.values[:, 0], (bunch.images * 255 / 16).round())
    assert split.labels is not None
    assert np.array_equal(split.labels, bunch.target)
    assert rows_of(split) == list(range(1797))
    assert split.label_names == tuple("0123456789")


@pytest.mark.data
def test_all_of_mnist_is_train_and_then_test(data_root: Path) -> None:
    settings = DataSettings("mnist", root=str(data_root))
    split = open_examples(settings, DataSpec("images", (1, 28, 28), bounded=True), None)
    data = open_dataset(settings)
    assert torch.equal(split.values, torch.cat([data.train.values, data.test.values]))
    assert rows_of(split)[-1] == 69_999


@pytest.mark.parametrize(
    ("typed", "spec", "said"),
    [
        (
            "digits",
            DataSpec("images", (1, 28, 28), bounded=True),
            "digits holds images of 1x8x8; the model takes images of 1x28x28.",
        ),
        (
            "digits",
            DataSpec("vectors", (3,), bounded=False),
            "digits holds images; the model takes vectors of 3 values.",
        ),
    ],
)
def test_data_of_another_form(typed: str, spec: DataSpec, said: str) -> None:
    with pytest.raises(DataError) as caught:
        open_examples(DataSettings(typed), spec, None)
    assert str(caught.value) == said


def test_what_is_no_source() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'digits'"):
        open_examples(DataSettings("digit"), GRAY, None)


def test_images_of_any_size_and_colour_are_brought_to_the_models_form(tmp_path: Path) -> None:
    picture(tmp_path / "b.png", 7, (30, 9))
    picture(tmp_path / "a.png", (255, 0, 0), (5, 50), "RGB")
    settings = DataSettings(f"folder:{tmp_path}", size=(3, 3), grayscale=True)
    gray = open_examples(settings, GRAY, None)
    assert gray.values.shape == (2, 1, 8, 8)
    assert gray.files == ("a.png", "b.png")
    assert gray.values[:, 0, 4, 4].tolist() == [76, 7]
    colour = open_examples(settings, DataSpec("images", (3, 4, 6), bounded=True), None)
    assert colour.values[:, :, 2, 2].tolist() == [[255, 0, 0], [7, 7, 7]]
    assert colour.values.dtype == torch.uint8


def test_gray_images_for_a_model_of_colours(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 9)
    spec = DataSpec("images", (3, 8, 8), bounded=True)
    split = open_examples(DataSettings(f"folder:{tmp_path}"), spec, None)
    assert split.values.unique().tolist() == [9]


def test_a_folder_is_read_train_then_test_with_classes(tmp_path: Path) -> None:
    for name in ("train/dog/a.png", "train/cat/b.png", "test/dog/c.png", "extra/d.png"):
        picture(tmp_path / name, 1)
    split = open_examples(DataSettings(f"folder:{tmp_path}"), GRAY, None)
    assert split.files == ("train/cat/b.png", "train/dog/a.png", "test/dog/c.png")
    assert split.labels is not None
    assert (split.labels.tolist(), split.label_names) == ([0, 1, 1], ("cat", "dog"))
    assert rows_of(split) == [0, 1, 2]


def test_a_class_that_only_one_split_has_is_none(tmp_path: Path) -> None:
    for name in ("train/a.png", "test/cat/b.png", "test/dog/c.png"):
        picture(tmp_path / name, 1)
    split = open_examples(DataSettings(f"folder:{tmp_path}"), GRAY, None)
    assert (split.labels, split.label_names) == (None, None)


def test_images_left_out_are_listed_and_rows_skip_them(tmp_path: Path) -> None:
    for name in "ac":
        picture(tmp_path / f"{name}.png", ord(name))
    (tmp_path / "b.png").write_text("no image")
    settings = DataSettings(f"folder:{tmp_path}", max_corrupt=0.5)
    split = open_examples(settings, GRAY, None)
    assert split.skipped == ("b.png: text, not an image of a known format",)
    assert split.files == ("a.png", "c.png")
    assert rows_of(split) == [0, 2]
    with pytest.raises(DataError, match="1 of 3 images cannot be read"):
        open_examples(DataSettings(f"folder:{tmp_path}"), GRAY, None)


def test_the_models_own_table_comes_in_the_order_of_the_file(
    tmp_path: Path, model: Dataset
) -> None:
    split = read(tmp_path / "train.csv", model)
    assert rows_of(split) == list(range(40))
    for part in (model.train, model.test):
        assert part.rows is not None
        assert torch.allclose(split.values[part.rows], part.values, atol=1e-6)


def test_columns_are_found_by_name_and_others_ignored(tmp_path: Path, model: Dataset) -> None:
    path = csv(tmp_path / "t.csv", "c,note,a,empty,b", [3], ["text"], [1], [""], [2])
    split = read(path, model)
    assert split.values.dtype == torch.float32
    assert torch.equal(split.values, scaled(model, [[1, 2, 3]]))
    assert split.labels is None


def test_names_that_occur_twice_matter_only_if_they_are_needed(
    tmp_path: Path, model: Dataset
) -> None:
    path = csv(tmp_path / "t.csv", "a,x,b,x,c", [1], [0], [2], [0], [3])
    assert torch.equal(read(path, model).values, scaled(model, [[1, 2, 3]]))
    csv(path, "a,b,c,b", [1], [2], [3], [4])
    assert "has 2 columns named 'b'" in refused(path, model)


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    train = csv(tmp_path / "train.csv", "width,height", *VALUES.T[:2])
    model = open_dataset(DataSettings(source(train)))
    path = csv(tmp_path / "t.csv", "widht,height", [1], [2])
    said = refused(path, model)
    assert "has no column 'width', which the model takes. Did you mean 'widht'?" in said
    assert "Its columns: widht, height." in said


def test_a_needed_column_must_hold_numbers(tmp_path: Path, model: Dataset) -> None:
    path = csv(tmp_path / "t.csv", HEADER, [1], ["red"], [3])
    said = refused(path, model)
    assert "column 'b' holds text ('red' in row 0, counted from 0), not numbers" in said
    assert "the model takes numbers" in said
    assert "--data" not in said


@pytest.mark.parametrize("value", ["", "nan", "-inf"])
def test_missing_and_infinite_values_are_refused(
    tmp_path: Path, model: Dataset, value: str
) -> None:
    path = csv(tmp_path / "t.csv", HEADER, [1, 1], [2, value], [3, 3])
    said = refused(path, model)
    assert "in column 'b', row 1 (counted from 0); fill them in or remove these rows." in said


def test_too_large_values_and_no_rows_are_refused(tmp_path: Path, model: Dataset) -> None:
    assert "too large" in refused(csv(tmp_path / "t.csv", HEADER, [1e39], [1], [1]), model)
    assert "0 rows; at least 1 is" in refused(csv(tmp_path / "t.csv", HEADER, [], [], []), model)


def test_labels_are_read_where_there_are_some(tmp_path: Path, model: Dataset) -> None:
    path = csv(tmp_path / "t.csv", f"{HEADER},label,kind", *VALUES.T[:, :2], ["y", "x"], [5, 5])
    for settings, codes, names in (
        ({}, [1, 0], ("x", "y")),
        ({"label_column": "kind"}, [0, 0], ("5",)),
        ({"label_column": "species"}, None, None),
        ({"drop": ("label", "species")}, None, None),
    ):
        split = read(path, model, **settings)
        assert (None if split.labels is None else split.labels.tolist()) == codes
        assert split.label_names == names


def test_a_needed_column_is_no_label_unless_it_is_named(tmp_path: Path) -> None:
    train = csv(tmp_path / "train.csv", "a,label,kind", *VALUES.T[:2], np.arange(40))
    model = open_dataset(DataSettings(source(train), label_column="kind"))
    split = read(csv(tmp_path / "t.csv", "a,label", [1], [2.5]), model)
    assert split.labels is None
    assert torch.equal(split.values, scaled(model, [[1, 2.5]]))


def test_settings_that_a_model_has_settled_do_not_matter(tmp_path: Path, model: Dataset) -> None:
    csv(tmp_path / "t.csv", HEADER, [1], [2], [3])
    settings = {"scaling": "minmax", "holdout": 9, "test_fraction": 0.9, "drop_constant": True}
    split = read(tmp_path / "t.csv", model, **settings)
    assert torch.equal(split.values, scaled(model, [[1, 2, 3]]))


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_an_array_has_no_names_and_is_taken_as_it_stands(
    tmp_path: Path, model: Dataset, kind: str
) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "npy":
        np.save(path, VALUES[:1].astype(">f4"))
    else:
        np.savez(path, VALUES[:1].astype(">f4"))
    split = read(path, model, label_column="species", drop=("note",))
    assert torch.equal(split.values, scaled(model, VALUES[:1].astype(np.float32)))
    assert (split.labels, rows_of(split)) == (None, [0])


def test_published_parts_of_an_archive_follow_each_other(tmp_path: Path) -> None:
    arrays = {"x_train": VALUES[:30], "x_test": VALUES[30:], "y_train": np.arange(30) % 2}
    path = tmp_path / "x.npz"
    np.savez(path, **arrays, y_test=np.full(10, 7))
    model = open_dataset(DataSettings(source(path)))
    split = read(path, model)
    assert torch.equal(split.values, scaled(model, VALUES))
    assert rows_of(split) == list(range(40))
    assert split.labels is not None
    assert split.labels.tolist() == [0, 1] * 15 + [2] * 10
    assert split.label_names == ("0", "1", "7")
    np.savez(path, **arrays)
    assert read(path, model).labels is None


def dropped(tmp_path: Path) -> Dataset:
    """A model of columns 0, 2 and 3 of four."""
    np.save(tmp_path / "train.npy", np.insert(VALUES, 1, 5, axis=1))
    return open_dataset(DataSettings(source(tmp_path / "train.npy"), drop_constant=True))


def test_columns_that_were_kept_are_found_by_position(tmp_path: Path) -> None:
    model, path = dropped(tmp_path), tmp_path / "x.npy"
    np.save(path, [[1, np.nan, 2, 3]])
    assert torch.equal(read(path, model).values, scaled(model, [[1, 2, 3]]))
    np.save(path, [[1, 2, 3]])  # as the model itself writes them
    assert torch.equal(read(path, model).values, scaled(model, [[1, 2, 3]]))
    np.save(path, [[1, 0, np.nan, 3]])
    assert "in column '2', row 0" in refused(path, model)
    np.save(path, [[1, 2]])
    assert "has 2 columns; the model takes 3 (0, 2, 3)." in refused(path, model)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((2, 5)), "it has 5 columns; the model takes 3 (a, b, c)."),
        (np.zeros((2, 0)), "it has 0 columns"),
        (np.zeros(3), "the array is 1-D"),
        (np.zeros((0, 3)), "holds 0 rows; at least 1 is needed"),
        ([[1, np.inf, 3]], "in column 'b', row 0"),
        ([["a", "b", "c"]], "not real numbers"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, model: Dataset, values: Any, said: str) -> None:
    np.save(tmp_path / "x.npy", values)
    assert said in refused(tmp_path / "x.npy", model)


def test_a_table_for_a_model_that_knows_no_names(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", VALUES)
    model = open_dataset(DataSettings(source(tmp_path / "train.npy")))
    path = csv(tmp_path / "t.csv", "x,y,z,label", [1], [2], [3], ["u"])
    split = read(path, model, label_column=None)
    assert torch.equal(split.values, scaled(model, [[1, 2, 3]]))
    assert split.label_names == ("u",)
    csv(path, "x,y", [1], [2])
    assert refused(path, model, drop=("w",)).endswith("it has 2 columns; the model takes 3.")
    csv(path, "x,y,z,w", [1], [2], [3], ["text"])
    assert "column 'w' holds text ('text' in row 0, counted from 0)" in refused(path, model)
    assert len(read(path, model, drop=("w",))) == 1


def test_digits_behind_a_large_offset_are_kept(tmp_path: Path) -> None:
    shift, scale = torch.tensor([[1.7e9], [1e3]], dtype=torch.float64)
    scaling = Scaling(shift, scale, ("t",))
    spec = DataSpec("vectors", (1,), bounded=False)
    table = csv(tmp_path / "t.csv", "t", [1_700_000_001, 1_700_000_002.5])
    np.save(tmp_path / "x.npy", np.array([[1_700_000_001], [1_700_000_002.5]]))
    for path in (table, tmp_path / "x.npy"):
        split = open_examples(DataSettings(source(path)), spec, scaling)
        assert torch.equal(split.values, torch.tensor([[0.001], [0.0025]]))


def test_without_a_scaling_values_are_as_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", [[1, 2, 3]])
    spec = DataSpec("vectors", (3,), bounded=False)
    split = open_examples(DataSettings(source(tmp_path / "x.npy")), spec, None)
    assert torch.equal(split.values, torch.tensor([[1.0, 2.0, 3.0]]))


def test_vectors_are_not_taken_for_images(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((4, 64)))
    typed = f"npy:{tmp_path / 'x.npy'}"
    with pytest.raises(DataError) as caught:
        open_examples(DataSettings(typed), GRAY, None)
    assert str(caught.value) == f"{typed} holds vectors; the model takes images of 1x8x8."


def test_other_data_are_split_as_their_own_settings_say() -> None:
    settings = DataSettings("digits", holdout=300, max_train=60)
    framed, own = open_framed(settings, GRAY, None), open_dataset(settings)
    for ours, theirs in ((framed.train, own.train), (framed.test, own.test)):
        assert torch.equal(ours.values, theirs.values)
