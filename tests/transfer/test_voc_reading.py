"""Folders in VOC's layout: what is read of them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambigan.core.errors import ConfigError, DataError
from ambigan.transfer.voc import open_voc
from voc_folder import object_xml, write_image, write_lists, write_voc2007, write_voc2012, write_xml


@pytest.fixture
def voc2007(tmp_path: Path) -> Path:
    return write_voc2007(tmp_path / "VOCdevkit")


@pytest.fixture
def voc2012(tmp_path: Path) -> Path:
    return write_voc2012(tmp_path / "VOCdevkit")


def test_boxes_are_read_as_published(voc2007: Path) -> None:
    data = open_voc(f"voc:{voc2007}", "detection")
    assert (data.classes, data.splits) == (("cat", "person"), ("trainval", "test"))
    assert (len(data.train), len(data.test)) == (12, 6)
    assert [example.name for example in data.test] == [f"test.{i:06d}" for i in range(6)]
    whole, odd, empty = data.test[3:]
    assert whole.boxes.tolist() == [[0, 0, 63, 47]]
    assert odd.boxes.tolist() == [[9.5, pytest.approx(2.2), 39.5, pytest.approx(29.2)]]
    assert (len(empty.boxes), empty.size) == (0, (48, 64))
    assert data.counts["test"] == {
        "images": 6, "objects": 6, "difficult": 1, "truncated": 6, "images without objects": 1,
    }  # fmt: skip
    assert whole.pixels(3).shape == (3, 48, 64)


def test_labels_of_images_leave_difficult_objects_open(voc2007: Path) -> None:
    data = open_voc(f"voc:{voc2007}", "classification")
    labels = [example.labels(2).tolist() for example in data.test]
    assert labels == [[1, -1], [-1, 1], [0, 1], [1, -1], [-1, 1], [-1, -1]]


def test_masks_are_read_as_published(voc2012: Path) -> None:
    data = open_voc(f"voc:{voc2012}", "segmentation")
    assert data.splits == ("train", "val")
    assert data.classes[:2] == ("background", "aeroplane")
    assert data.classes[8] == "cat"
    mask = data.mask(data.train[0])
    assert mask.shape == (48, 64)
    assert sorted(mask.unique().tolist()) == [0, 8, 255]
    assert data.counts["train"]["void pixels"] == 3 * (31 * 26 - 27 * 22)


def test_the_folder_may_be_given_at_any_level(voc2007: Path) -> None:
    shas = {
        open_voc(f"voc:{folder}", "detection").record.sha256
        for folder in (voc2007, voc2007.parent, voc2007.parent.parent)
    }
    assert len(shas) == 1
    write_voc2012(voc2007.parent)
    with pytest.raises(ConfigError, match=r"holds 2 years; give one .*VOC2007 or voc:.*VOC2012"):
        open_voc(f"voc:{voc2007.parent}", "detection")


def test_plain_folders_of_images_and_masks_are_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_image(tmp_path, name, [])
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray((np.arange(3072) % 3).astype(np.uint8).reshape(48, 64)).save(
            tmp_path / "masks" / f"{name}.png"
        )
    (tmp_path / "JPEGImages").rename(tmp_path / "images")
    (tmp_path / "train.txt").write_text("a\n")
    (tmp_path / "test.txt").write_text("b\n")
    data = open_voc(f"voc:{tmp_path}", "segmentation", void=2)
    assert data.classes == ("0", "1")
    assert data.counts["test"]["void pixels"] == 1024
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    named = open_voc(f"voc:{tmp_path}", "segmentation", void=2)
    assert named.classes == ("sky", "road")
    with pytest.raises(DataError, match=r"classes.txt has 2 different names .* index 2"):
        open_voc(f"voc:{tmp_path}", "segmentation")


def test_splits_that_cannot_be_used_are_refused(voc2007: Path) -> None:
    source = f"voc:{voc2007}"
    with pytest.raises(ConfigError, match=r"--test-split tset: .*Did you mean 'test'.*trainval"):
        open_voc(source, "detection", test="tset")
    with pytest.raises(ConfigError, match=r"6 images are in both trainval.txt and val.txt"):
        open_voc(source, "detection", train="trainval", test="val")
    assert open_voc(source, "detection", test="val").splits == ("train", "val")
    write_lists(voc2007, "Main", {"gone": ["train.000000", "nowhere"]})
    with pytest.raises(DataError, match=r"gone.txt lists 1 of 2 images without .* nowhere"):
        open_voc(source, "detection", test="gone")
    write_lists(voc2007, "Main", {"twice": ["test.000000"] * 2, "none": []})
    with pytest.raises(DataError, match=r"twice.txt lists test.000000 twice"):
        open_voc(source, "detection", test="twice")
    with pytest.raises(DataError, match=r"none.txt lists no images"):
        open_voc(source, "detection", test="none")


def test_other_files_and_lists_do_not_disturb(voc2007: Path) -> None:
    before = open_voc(f"voc:{voc2007}", "detection")
    for name in ("test.000001.txt", "Thumbs.db", "._test.000001.jpg"):
        (voc2007 / "JPEGImages" / name).write_text("other")
    (voc2007 / "Annotations" / "test.000001.json").write_text("{}")
    assert open_voc(f"voc:{voc2007}", "detection").record == before.record
    write_lists(voc2007, "Main", {"own_train": ["train.000000", "train.000001"]})
    data = open_voc(f"voc:{voc2007}", "detection", train="own_train")
    assert [example.name for example in data.train] == ["train.000000", "train.000001"]
    Image.new("RGB", (64, 48)).save(voc2007 / "JPEGImages" / "test.000001.png")
    with pytest.raises(DataError, match=r"test.000001.png and test.000001.jpg have one name"):
        open_voc(f"voc:{voc2007}", "detection")


def test_other_layouts_are_refused(tmp_path: Path, voc2007: Path) -> None:
    with pytest.raises(ConfigError, match=r"give voc:DIR"):
        open_voc("cifar10", "detection")
    with pytest.raises(DataError, match=r"missing is no folder"):
        open_voc(f"voc:{tmp_path / 'missing'}", "detection")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no folder JPEGImages or images"):
        open_voc(f"voc:{tmp_path / 'empty'}", "detection")
    with pytest.raises(DataError, match=r"no folder SegmentationClass or masks"):
        open_voc(f"voc:{voc2007}", "segmentation")
    with pytest.raises(ConfigError, match=r"--void 300: .* from 0 to 255"):
        open_voc(f"voc:{voc2007}", "segmentation", void=300)
    with pytest.raises(ConfigError, match=r"--void is of masks"):
        open_voc(f"voc:{voc2007}", "detection", void=3)


@pytest.mark.parametrize("box", [(0, 1, 9, 9), (1, 1, 65, 9), (9, 1, 8, 9), ("nan", 1, 9, 9)])
def test_boxes_outside_the_image_are_refused(voc2007: Path, box: tuple[object, ...]) -> None:
    write_xml(voc2007, "test.000001", object_xml("cat", box))
    with pytest.raises(DataError, match=r"test.000001.xml: the box .* of object 1 .* 64x48"):
        open_voc(f"voc:{voc2007}", "detection")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "document type"),
        ('<!DOCTYPE a><annotation/>'.encode("utf-16"), "document type"),
        (b"<annotation>", "no readable XML"),
        (b"<svg/>", "holds <svg>"),
        (b"<annotation><object/></annotation>", "object 1 has no name"),
        (b"<annotation><object><name>a</name></object></annotation>", "bndbox has the numbers"),
    ],
)  # fmt: skip
def test_other_xml_is_refused(voc2007: Path, content: bytes, reason: str) -> None:
    (voc2007 / "Annotations" / "test.000001.xml").write_bytes(content)
    with pytest.raises(DataError, match=rf"test.000001.xml.*{reason}"):
        open_voc(f"voc:{voc2007}", "detection")


def test_masks_that_do_not_fit_are_refused(voc2012: Path) -> None:
    path = voc2012 / "SegmentationClass" / "val_1.png"
    Image.new("L", (64, 47)).save(path)
    with pytest.raises(DataError, match=r"val_1.png is 64x47 and its image 64x48"):
        open_voc(f"voc:{voc2012}", "segmentation")
    Image.new("RGB", (64, 48)).save(path)
    with pytest.raises(DataError, match=r"val_1.png is an image of mode RGB"):
        open_voc(f"voc:{voc2012}", "segmentation")
    Image.new("L", (64, 48), 13).save(path)
    with pytest.raises(DataError, match=r"train.txt has no pixel in the masks of class horse"):
        open_voc(f"voc:{voc2012}", "segmentation")
    path.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"val_1.png is no readable mask"):
        open_voc(f"voc:{voc2012}", "segmentation")


def test_classes_without_examples_are_refused(voc2007: Path) -> None:
    write_xml(voc2007, "test.000001", object_xml("dog", (1, 1, 9, 9)))
    with pytest.raises(DataError, match=r"trainval.txt has no object .* of class dog"):
        open_voc(f"voc:{voc2007}", "classification")
    write_xml(voc2007, "train.000001", object_xml("dog", (1, 1, 9, 9), difficult=True))
    with pytest.raises(DataError, match=r"of class dog"):
        open_voc(f"voc:{voc2007}", "classification")


def test_damaged_images_are_named(voc2007: Path) -> None:
    (voc2007 / "JPEGImages" / "test.000001.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"test.000001.jpg cannot be read"):
        open_voc(f"voc:{voc2007}", "detection")
