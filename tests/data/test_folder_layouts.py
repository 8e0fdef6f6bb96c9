"""Folders as people have them: strays, masks, splits by other names, files of other kinds."""

from __future__ import annotations

import io
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ambigan.cli import main
from ambigan.core.errors import DataError
from ambigan.data import Dataset, DataSettings, open_dataset

noise = np.random.default_rng(0)


def picture(path: Path, **options: Any) -> Path:
    """Writes an 8x8 image of noise; the format is PNG where the suffix tells none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(noise.integers(0, 256, (8, 8), np.uint8))
    image.save(path, **{"format": None if path.suffix in (".jpg", ".png") else "PNG", **options})
    return path


def plant(root: Path, *names: str, count: int = 4) -> Path:
    """Writes `count` images in each of the folders named."""
    for name in names:
        for number in range(count):
            picture(root / name / f"{number}.png")
    return root


def opened(root: Path, **settings: Any) -> Dataset:
    return open_dataset(DataSettings(f"folder:{root}", **settings))


def left_alone(data: Dataset) -> str:
    return "; ".join(f"{count} {reason}" for reason, count in data.inventory.left_alone.items())


def test_a_stray_image_next_to_class_folders_leaves_the_labels(tmp_path: Path) -> None:
    picture(plant(tmp_path, "cat", "dog") / "cover.png")
    data = opened(tmp_path)
    assert data.label_names == ("cat", "dog")
    assert data.inventory.num_read == 8
    assert left_alone(data) == "1 next to the folders of classes, at the top"
    assert "1 of 9 images lie next to the folders of classes" in data.inventory.warnings[0]


def test_a_stray_image_next_to_classes_in_a_folder_that_lies_alone(tmp_path: Path) -> None:
    picture(plant(tmp_path, "images/cat", "images/dog", "masks") / "images" / "cover.png")
    data = opened(tmp_path)
    assert (data.label_names, data.inventory.num_read) == (("cat", "dog"), 8)
    assert left_alone(data).endswith("1 next to the folders of classes, at images")


def test_many_stray_images_are_read_without_labels_and_a_setting_is_named(tmp_path: Path) -> None:
    plant(plant(tmp_path, "cat", "dog", count=2), ".", count=9)
    data = opened(tmp_path)
    assert (data.label_names, data.inventory.num_read) == (None, 13)
    assert "--data.folders cat,dog" in data.inventory.warnings[0]
    asked = opened(tmp_path, folders=("cat", "dog"))
    assert asked.label_names == ("cat", "dog")
    assert left_alone(asked) == "9 in other folders than those of --data.folders"


@pytest.mark.parametrize(
    ("images", "masks"),
    [("images", "masks"), ("Images", "ground truth"), ("JPEGImages", "SegmentationClass")],
)
def test_masks_next_to_images_are_left_alone(tmp_path: Path, images: str, masks: str) -> None:
    data = opened(plant(tmp_path, images, masks))
    assert data.label_names is None
    assert all(name.startswith(f"{images}/") for name in (*data.train.files, *data.test.files))
    assert left_alone(data) == f"4 in {masks}/ (masks; --data.folders {masks} reads them)"
    assert all(
        name.startswith(f"{masks}/") for name in opened(tmp_path, folders=(masks,)).train.files
    )


def test_masks_below_each_class_and_masks_by_name(tmp_path: Path) -> None:
    plant(tmp_path, "covid/images", "covid/masks", "normal/images", "normal/masks")
    data = opened(tmp_path)
    assert data.label_names == ("covid", "normal")
    assert data.inventory.num_read == 8
    flat = tmp_path / "flat"
    for number in range(5):
        picture(flat / f"scan{number}.png")
        picture(flat / f"scan{number}_mask.png")
    found = opened(flat)
    assert found.inventory.num_read == 5
    assert left_alone(found).startswith("5 named as masks of others")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train", "seg_test"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("images/train", "images/val"),
        ("train2017", "val2017"),
        ("data/Training", "data/Testing"),
        ("train/images", "test/images"),
    ],
)
def test_splits_are_known_by_parts_of_names(tmp_path: Path, train: str, test: str) -> None:
    plant(tmp_path, f"{train}/cat", f"{train}/dog", count=3)
    plant(tmp_path, f"{test}/cat", f"{test}/dog", count=2)
    data = opened(tmp_path)
    assert (len(data.train), len(data.test)) == (6, 4)
    assert data.label_names == ("cat", "dog")


def test_a_further_split_is_counted_and_can_be_asked_for(tmp_path: Path) -> None:
    plant(tmp_path, "train/a", "train/b", "test/a", "test/b", "val/a", "pred", count=2)
    data = opened(tmp_path)
    said = left_alone(data)
    assert "2 in val/ (--data.folders train,val tests on them)" in said
    assert "2 in pred/, next to the splits" in said
    assert all(
        name.startswith("val/") for name in opened(tmp_path, folders=("train", "val")).test.files
    )


def test_folders_that_sound_like_masks_or_splits_are_warned_of(tmp_path: Path) -> None:
    data = opened(plant(tmp_path, "cat", "dog", "masks"))
    (warning,) = data.inventory.warnings
    assert "--data.folders cat,dog" in warning
    assert opened(tmp_path, folders=("cat", "dog")).label_names == ("cat", "dog")


def test_a_folder_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    plant(tmp_path, "cat", "dog")
    with pytest.raises(DataError, match=r"no images in a folder 'cats'.* Did you mean 'cat'\?"):
        opened(tmp_path, folders=("cats",))


def test_content_decides_and_not_the_suffix(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b.jpg_large", "c.txt", "d.jpg", "e.bin", "f.png")):
        picture(tmp_path / name, format="JPEG" if number % 2 else "PNG")
    (tmp_path / "notes").write_text("not an image")
    (tmp_path / "page.html").write_text("<!DOCTYPE html><p>")
    (tmp_path / "light.exr").write_bytes(b"\x76\x2f\x31\x01" + bytes(20))
    data = opened(tmp_path)
    assert sorted((*data.train.files, *data.test.files)) == [
        *("a", "b.jpg_large", "c.txt", "d.jpg", "e.bin", "f.png")
    ]
    said = left_alone(data)
    assert "1 without suffix" in said
    assert "1 .html (page of HTML)" in said
    assert "1 .exr (OpenEXR; convert it to TIFF or PNG)" in said


def test_what_is_no_image_is_named_for_what_it_is(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / f"{number}.png")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    contents = {
        "a.jpg": b"",
        "b.jpg": pointer.encode(),
        "c.jpg": b"\n<html><body>404</body>",
        "d.jpg": b"PK\3\4" + bytes(60),
        "e.jpg": b"\x89PNG\r\n\x1a\n" + bytes(60),
        "f.jpg": b"%PDF-1.4",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        opened(tmp_path)
    said = str(caught.value)
    assert "6 of 10 images cannot be read" in said
    for part in (
        "a.jpg (an empty file",
        "b.jpg (a pointer of Git LFS, not an image of a known format; fetch the file with `git lfs",
        "c.jpg (a page of HTML",
        "d.jpg (a ZIP archive",
        "e.jpg (a damaged PNG",
        ", and 1 more",
    ):
        assert part in said
    data = opened(tmp_path, max_corrupt=0.7)
    assert "6 that cannot be read, the first a.jpg (an empty file" in left_alone(data)


def test_what_needs_an_extra_is_left_alone_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ambigan.data import file_kinds

    plant(tmp_path, ".")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    (tmp_path / "scan").write_bytes(bytes(128) + b"DICM" + bytes(20))
    monkeypatch.setattr(file_kinds, "find_spec", lambda _name: None)
    said = left_alone(opened(tmp_path))
    assert "1 .heic (HEIC, which needs the extra: pip install 'ambigan[heic]')" in said
    assert "1 without suffix (DICOM, which needs the extra: pip install 'ambigan[dicom]')" in said


def test_hidden_files_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture(plant(tmp_path, ".") / ".secret.png")
    with caplog.at_level(logging.INFO, "ambigan"):
        opened(tmp_path)
    first, second = caplog.messages[:2]
    assert first.startswith(
        f"folder:{tmp_path}: 4 images, 8x8, 1 channel; 3 to train and 1 to test"
    )
    assert second == f"folder:{tmp_path}: left alone: 1 hidden"


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_an_archive_is_the_folder(tmp_path: Path, kind: str) -> None:
    root = plant(tmp_path / "in", "photos/cat", "photos/dog")
    (root / "photos" / "notes.txt").write_text("dear")
    shutil.make_archive(str(tmp_path / "a"), kind, root)
    (path,) = tmp_path.glob("a.*")
    whole, packed = opened(root), open_dataset(DataSettings(f"archive:{path}"))
    assert whole.sha256 == packed.sha256
    assert whole.label_names == packed.label_names == ("cat", "dog")
    assert whole.train.files == packed.train.files
    assert left_alone(whole) == left_alone(packed) == "1 .txt"


def test_damaged_archives_are_one_line(tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "a"), "zip", plant(tmp_path / "in", "."))
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:200])
    (tmp_path / "other.rar").write_bytes(b"Rar!" + bytes(20))
    for name, said in (("cut.zip", "is damaged or cut short"), ("other.rar", "RAR archive; pack")):
        with pytest.raises(DataError, match=said) as caught:
            open_dataset(DataSettings(f"archive:{tmp_path / name}"))
        assert "\n" not in str(caught.value)


def test_xmp_turns_a_png_as_exif_does(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    for number, is_late in enumerate((False, True) * 2):
        info, buffer = PngInfo(), io.BytesIO()
        xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
        info.add_itxt("XML:com.adobe.xmp", xmp)
        image = Image.fromarray(noise.integers(0, 256, (4, 8), np.uint8))
        image.save(buffer, format="PNG", pnginfo=info)
        content = buffer.getvalue()
        if is_late:  # as ExifTool writes it
            start = content.index(b"iTXt") - 4
            end = content.index(b"IDAT") - 4
            tail = content.index(b"IEND") - 4
            content = content[:start] + content[end:tail] + content[start:end] + content[tail:]
        (tmp_path / f"{number}.png").write_bytes(content)
    assert opened(tmp_path).spec.shape == (1, 8, 4)


def test_runs_and_packed_folders_below_the_images_are_left_alone(tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    draw = np.random.default_rng(0)
    for number in range(20):
        folder = photographs / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{number}.png")
    before = open_dataset(DataSettings(str(photographs)))
    assert main(["prepare", str(photographs), str(photographs / "packed"), "--quiet"]) == 0
    run = photographs / "runs" / "first"
    words = ["train", "bigan", "--data", str(photographs), "--out", str(run), "--epochs", "1"]
    small = ["--preset", "small", "--settings.network.hidden", "8,8", "--batch-size", "4"]
    assert main([*words, *small, "--quiet"]) == 0
    assert main(["sample", str(run), "--num", "4", "--quiet"]) == 0
    after = open_dataset(DataSettings(str(photographs)))
    assert (after.sha256, after.label_names) == (before.sha256, ("a", "b"))
    assert any("ambigan wrote" in reason for reason in after.inventory.left_alone)
