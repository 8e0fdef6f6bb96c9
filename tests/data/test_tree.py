"""Which images a folder holds, by split and class."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from ambigan.core.errors import DataError
from ambigan.data.image_sources.folder_scan import Scan
from ambigan.data.image_sources.folder_scan import find_images as scan_of
from ambigan.data.image_sources.listing import list_folder


def plant(root: Path, *names: str) -> Path:
    """Files with a pixel each; names in `.txt` are text."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no image")
        else:
            Image.new("L", (1, 1)).save(path, format="PNG")
    return root


def find_images(root: Path, *folders: str) -> Scan:
    return scan_of(list_folder(root), folders)


def found(root: Path, *folders: str) -> tuple[dict[str, str | None], dict[str, str | None] | None]:
    scan = find_images(root, *folders)
    train, test = scan.train, scan.test
    labels = {image.name: image.label for image in train}
    return labels, None if test is None else {image.name: image.label for image in test}


def test_flat(tmp_path: Path) -> None:
    root = plant(tmp_path, "b.png", "a.PNG", "notes.txt")
    assert found(root) == ({"a.PNG": None, "b.png": None}, None)


def test_classes_are_the_first_folders(tmp_path: Path) -> None:
    root = plant(tmp_path, "cat/1.png", "dog/old/2.png")
    assert found(root) == ({"cat/1.png": "cat", "dog/old/2.png": "dog"}, None)


def test_images_beside_folders_leave_no_classes(tmp_path: Path) -> None:
    root = plant(tmp_path, "cat/1.png", "2.png")
    assert found(root) == ({"2.png": None, "cat/1.png": None}, None)


@pytest.mark.parametrize("held_out", ["test", "val", "Valid", "validation"])
def test_published_splits(tmp_path: Path, held_out: str) -> None:
    root = plant(tmp_path, "train/cat/1.png", f"{held_out}/cat/2.png", "extra/3.png")
    assert found(root) == ({"train/cat/1.png": "cat"}, {f"{held_out}/cat/2.png": "cat"})


def test_test_is_preferred_to_val(tmp_path: Path) -> None:
    root = plant(tmp_path, "train/1.png", "val/2.png", "test/3.png")
    assert found(root) == ({"train/1.png": None}, {"test/3.png": None})


def test_a_lone_train_is_the_folder(tmp_path: Path) -> None:
    root = plant(tmp_path, "train/cat/1.png", "train/dog/2.png")
    assert found(root) == ({"train/cat/1.png": "cat", "train/dog/2.png": "dog"}, None)


def test_train_may_be_a_class_among_others(tmp_path: Path) -> None:
    root = plant(tmp_path, "train/1.png", "bus/2.png")
    assert found(root)[0] == {"bus/2.png": "bus", "train/1.png": "train"}
    (warning,) = find_images(root).warnings
    assert "'train' lies among other folders, none of them its test split" in warning


def test_splits_are_known_by_their_other_names(tmp_path: Path) -> None:
    root = plant(tmp_path, "Training/bus/1.png", "Testing/bus/2.png")
    train, test = found(root)
    assert train == {"Training/bus/1.png": "bus"}
    assert test == {"Testing/bus/2.png": "bus"}


def test_hidden_things_are_left_out(tmp_path: Path) -> None:
    root = plant(tmp_path, "a.png", ".b.png", "._a.png", ".cache/c.png", "__MACOSX/a.png")
    assert found(root)[0] == {"a.png": None}


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", "cat/1.png")
    plant(tmp_path / "away", "2.png")
    os.symlink(tmp_path / "away", root / "dog")
    os.symlink(root, root / "cat" / "loop")
    assert found(root)[0] == {"cat/1.png": "cat", "dog/2.png": "dog"}


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path}/no does not exist; a folder of images"):
        find_images(tmp_path / "no")


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    path = plant(tmp_path, "a.png") / "a.png"
    with pytest.raises(DataError, match=r"a\.png is a file; a folder of images was expected"):
        find_images(path)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path} holds no images: it is empty"):
        find_images(tmp_path)


def test_only_other_files_are_counted_by_kind(tmp_path: Path) -> None:
    plant(tmp_path, "a.txt", "b/b.txt")
    (tmp_path / "c.xyz").write_bytes(b"\0")
    with pytest.raises(DataError, match=r"no images, only other files \(2 \.txt, 1 \.xyz\)"):
        find_images(tmp_path)


def test_an_empty_split_is_named(tmp_path: Path) -> None:
    (plant(tmp_path, "a/train/a.png") / "a" / "test").mkdir()
    (plant(tmp_path, "b/train/cat/a.png", "b/train/dog/b.png") / "b" / "test").mkdir()
    for name in "ab":
        with pytest.raises(DataError, match=f"{tmp_path}/{name}/test holds no images"):
            find_images(tmp_path / name)


def test_a_name_in_another_encoding_is_escaped(tmp_path: Path) -> None:
    raw = os.path.join(os.fsencode(tmp_path), b"caf\xe9.png")
    try:
        with open(raw, "wb") as file:
            file.write(b"x")
    except OSError:
        pytest.skip("this file system takes no such names")
    listing = list_folder(tmp_path)
    (found,) = scan_of(listing).train
    assert found.name.encode("utf-8") == b"caf\\udce9.png"
    path = listing.content(found.place)
    assert isinstance(path, Path)
    assert path.exists()
