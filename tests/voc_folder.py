"""Miniatures of VOC 2007 and 2012, with the oddities of the published files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Box = tuple[str, tuple[float, float, float, float], bool]
"""Class, first and last pixel counted from 1, and whether it is difficult."""

SIZE = (48, 64)


def object_xml(name: str, box: Sequence[object], difficult: bool = False) -> str:
    corners = "".join(
        f"<{key}>{value}</{key}>"
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    # VOC's persons have parts with names and boxes of their own.
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    return (
        f"<object><name>{name}</name><truncated>1</truncated><difficult>{int(difficult)}"
        f"</difficult><bndbox>{corners}</bndbox>{part if name == 'person' else ''}</object>"
    )


def write_xml(root: Path, name: str, objects: str) -> None:
    folder = root / "Annotations"
    folder.mkdir(parents=True, exist_ok=True)
    text = f"<annotation><filename>other.jpg</filename>{objects}</annotation>"
    (folder / f"{name}.xml").write_text(text)


def write_image(root: Path, name: str, boxes: Sequence[Box], size: tuple[int, int] = SIZE) -> None:
    """Noise with red squares for cats and blue ones for all else."""
    noise = np.random.default_rng(sum(name.encode())).integers(90, 140, (*size, 3))
    for kind, (left, top, right, bottom), _ in boxes:
        colour = (230, 20, 20) if kind == "cat" else (20, 20, 230)
        noise[round(top) - 1 : round(bottom), round(left) - 1 : round(right)] = colour
    (root / "JPEGImages").mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(noise.astype(np.uint8))
    image.save(root / "JPEGImages" / f"{name}.jpg", quality=95)


def write_lists(root: Path, kind: str, splits: Mapping[str, Sequence[str]]) -> None:
    folder = root / "ImageSets" / kind
    folder.mkdir(parents=True, exist_ok=True)
    for split, names in splits.items():
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


def write_voc2007(devkit: Path, num: int = 6) -> Path:
    """Boxes of cats and persons; returns `devkit/VOC2007`.

    There are a name with a dot, an image without objects, a difficult object, corners that are no
    whole numbers (as in VOC 2012), parts, lists of single classes, and images that no list has.
    """
    root = devkit / "VOC2007"
    random = np.random.default_rng(0)
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for split, names in splits.items():
        for number in range(num):
            name = f"{split}.{number:06d}"
            boxes: list[Box] = []
            for kind in (("cat",), ("person",), ("cat", "person"))[number % 3]:
                left, top = random.integers(1, 30), random.integers(1, 20)
                box = (int(left), int(top), int(left) + 20, int(top) + 16)
                boxes.append((kind, box, number == 2 and kind == "cat"))
            if number == 3:
                boxes = [("cat", (1, 1, SIZE[1], SIZE[0]), False)]
            if number == 4:
                boxes = [("person", (10.5, 3.2, 40.5, 30.2), False)]
            if number == 5:
                boxes = []
            names.append(name)
            write_image(root, name, boxes)
            write_xml(root, name, "".join(object_xml(*box) for box in boxes))
    write_image(root, "unlisted", [])
    splits["trainval"] = splits["train"] + splits["val"]
    write_lists(root, "Main", splits)
    write_lists(root, "Main", {"cat_train": [f"{name}  1" for name in splits["train"]]})
    return root


def write_voc2012(devkit: Path, num: int = 3) -> Path:
    """Masks with VOC's palette, where edges are void; returns `devkit/VOC2012`."""
    root = devkit / "VOC2012"
    (root / "SegmentationClass").mkdir(parents=True)
    splits: dict[str, list[str]] = {"train": [], "val": []}
    for split, names in splits.items():
        for number in range(num):
            name = f"{split}_{number}"
            left = 5 + 8 * number
            write_image(root, name, [("cat", (left, 10, left + 25, 40), False)])
            mask = np.zeros(SIZE, np.uint8)
            mask[9:40, left - 1 : left + 25] = 255
            mask[11:38, left + 1 : left + 23] = 8
            image = Image.fromarray(mask, "L").convert("P")
            image.putdata(mask.ravel().tolist())
            image.putpalette([0, 0, 0, 128, 0, 0] + [64] * 750 + [224, 224, 192])
            image.save(root / "SegmentationClass" / f"{name}.png")
            names.append(name)
    splits["trainval"] = splits["train"] + splits["val"]
    write_lists(root, "Segmentation", splits)
    return root
