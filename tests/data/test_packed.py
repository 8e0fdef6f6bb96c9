"""A packed folder as a data set: mapped and not copied, and refused where it is not whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError, DataError
from ambigan.data import (
    DataSettings,
    find_image_source,
    open_dataset,
    open_examples,
    prepare_images,
    verify_packed,
)

NUM = 30


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Thirty packed images; the gray of each is its number in the folder."""
    for number in range(NUM):
        path = tmp_path / "in" / ("a", "b")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), number).save(path)
    settings = DataSettings(f"folder:{tmp_path / 'in'}")
    prepare_images(settings, find_image_source(settings), tmp_path / "out")
    return tmp_path / "out"


def settings_of(out: Path, holdout: int = 0) -> DataSettings:
    return DataSettings(f"packed:{out}", holdout=holdout)


def test_values_are_views_of_the_file(out: Path) -> None:
    data = open_dataset(settings_of(out, holdout=5))
    assert (len(data.train), len(data.test)) == (22, 5)
    for split in (data.train, data.test):
        assert split.rows is not None
        assert split.values[:, 0, 0, 0].tolist() == [int(name[2:4]) for name in split.files]
    images = np.load(out / "images.npy")
    assert np.array_equal(images[data.train.rows], data.train.values)
    assert np.array_equal(images[data.test.rows], data.test.values)
    with (out / "images.npy").open("r+b") as file:
        file.seek(-16, 2)
        file.write(b"\xff" * 16)
    assert data.test.values[-1].eq(255).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"size": (8, 8)}, r"data\.size is 8,8 and packed:.* was packed with 4,4; leave it out"),
        ({"test_fraction": 0.5}, r"data\.test_fraction is 0\.5 and .* was packed with none"),
        ({"split_seed": 3}, r"data\.split_seed is 3 and .* was packed with 0"),
    ],
)
def test_what_was_settled_otherwise_is_refused(
    values: dict[str, Any], said: str, out: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        open_dataset(DataSettings(f"packed:{out}", **values))


def test_what_was_settled_so_may_be_said_again(out: Path) -> None:
    settings = DataSettings(f"packed:{out}", size=(4, 4), grayscale=True)
    assert open_dataset(settings).sha256 == open_dataset(settings_of(out)).sha256


def test_a_holdout_is_other_data(out: Path) -> None:
    hashes = {open_dataset(settings_of(out, holdout=n)).sha256 for n in (0, 5, 6)}
    assert len(hashes) == 3


def test_whole_it_is_in_the_order_of_its_rows(out: Path) -> None:
    whole = open_examples(settings_of(out), DataSpec("images", (1, 4, 4), True), None)
    assert whole.rows is not None
    assert whole.rows.tolist() == list(range(NUM))
    assert whole.labels is not None
    assert whole.label_names == ("a", "b")
    assert np.array_equal(whole.values, np.load(out / "images.npy"))


def test_another_form_is_refused(out: Path) -> None:
    with pytest.raises(DataError, match="holds images of 1x4x4; the model takes images of 3x4x4"):
        open_examples(settings_of(out), DataSpec("images", (3, 4, 4), True), None)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def replaced_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def test_a_changed_pixel_is_found_when_it_is_asked_for(out: Path) -> None:
    assert verify_packed(out).num_images == NUM
    altered(out / "images.npy")
    open_dataset(settings_of(out))  # to hash all pixels whenever they are opened would take long
    with pytest.raises(DataError, match=r"images\.npy is altered: its hash does not match"):
        verify_packed(out)


def test_files_that_are_torn_altered_or_gone_are_named(out: Path) -> None:
    for name, harm, said in (
        ("images.npy", cut_off, r"images\.npy has .* bytes and not 608: it was cut"),
        ("images.npy", emptied, r"images\.npy has 0 bytes and not 608: it was cut"),
        ("images.npy", Path.unlink, r"images\.npy cannot be read \(No such file"),
        ("images.npy", replaced_by_a_pipe, r"images\.npy cannot be read \(it is no regular file"),
        ("index.parquet", cut_off, r"index\.parquet is torn or altered"),
        ("index.parquet", altered, r"index\.parquet is torn or altered"),
        ("index.parquet", Path.unlink, r"index\.parquet cannot be read \(No such file"),
        ("manifest.json", cut_off, r"manifest\.json is damaged"),
        ("manifest.json", Path.unlink, r"holds no manifest\.json: `ambigan prepare` did not"),
    ):
        whole = (out / name).read_bytes()
        harm(out / name)
        with pytest.raises(DataError, match=said) as caught:
            open_dataset(settings_of(out))
        assert "\n" not in str(caught.value)
        (out / name).unlink(missing_ok=True)
        (out / name).write_bytes(whole)
    open_dataset(settings_of(out))


def test_another_array_in_its_place_is_found(out: Path) -> None:
    np.save(out / "images.npy", np.zeros((NUM, 1, 4, 5), np.uint8))
    with pytest.raises(DataError, match=r"images\.npy has 728 bytes and not 608"):
        open_dataset(settings_of(out))
    np.save(out / "images.npy", np.zeros((NUM, 1, 8, 2), np.uint8))
    with pytest.raises(DataError, match=r"as uint8 of shape \(30, 1, 4, 4\) does, of which its"):
        open_dataset(settings_of(out))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 4}, "has format 4, and this version reads formats 1, 2, 3"),
        ({"shift": [1.0], "scale": [0.0]}, "manifest.json is damaged"),
        ({"shift": [1.0], "scale": [1.0, 1.0]}, "manifest.json is damaged"),
        ({"shape": [1, 4]}, "manifest.json is damaged"),
        ({"shape": [1, -4, -4]}, "manifest.json is damaged"),
        ({"shape": [1, 4, 1e30]}, "manifest.json is damaged"),
        ({"train": [0, -3]}, "manifest.json is damaged"),
        ({"train": [0.5, 30]}, "manifest.json is damaged"),
        ({"test": [29, 31]}, "manifest.json is damaged"),
        ({"skipped": [[[]]]}, "manifest.json is damaged"),
        ({"train": "all"}, "manifest.json is damaged"),
        ({"sha256": None}, "manifest.json is damaged"),
    ],
)
def test_a_manifest_that_says_something_else(
    out: Path, change: dict[str, object], said: str
) -> None:
    path = out / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=said):
        open_dataset(settings_of(out))


def test_what_is_no_packed_folder(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"nowhere is no folder; put back what .* where it lies now"
    ):
        open_dataset(settings_of(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=f"folder:{tmp_path} reads a folder of pictures"):
        open_dataset(settings_of(tmp_path))
    (tmp_path / "progress.json").write_text("")
    with pytest.raises(DataError, match="is not finished; repeat the `ambigan prepare`"):
        open_dataset(settings_of(tmp_path))
