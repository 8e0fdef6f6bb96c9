"""VOC's XML annotations and masks, read strictly."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...core.errors import DataError

VOID = 255
"""Value of mask pixels that belong to no class, in VOC's files and in ours."""
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Objects:
    """The annotated objects of an image.

    Attributes:
        names: Class of each object.
        boxes: float64 `(N, 4)`, first and last pixel `x1, y1, x2, y2`, counted from 0.
        difficult: bool `(N,)`; such objects are neither learned from nor measured.
        truncated: bool `(N,)`, whether an object reaches beyond the image.
    """

    names: tuple[str, ...]
    boxes: NDArray[np.float64]
    difficult: NDArray[np.bool_]
    truncated: NDArray[np.bool_]


def read_objects(path: Path, size: tuple[int, int]) -> Objects:
    """Reads one file of `Annotations`.

    VOC counts pixels from 1, and both ends of a box belong to it. Parts of objects (the heads and
    hands of VOC's persons) are not objects.

    Args:
        path: XML file.
        size: Height and width of the image.

    Raises:
        DataError: The file is no such XML, declares a document type, or has a box that is empty or
            outside the image.
    """
    names: list[str] = []
    boxes: list[list[float]] = []
    flags: list[tuple[bool, bool]] = []
    for number, element in enumerate(_parse(path).findall("object"), start=1):
        name = (element.findtext("name") or "").strip()
        if not name:
            raise DataError(f"{path}: object {number} has no name.")
        names.append(name)
        boxes.append(_box(path, number, element, size))
        flags.append((_flag(element, "difficult"), _flag(element, "truncated")))
    signs = np.array(flags, dtype=np.bool_).reshape(-1, 2)
    corners = np.array(boxes, dtype=np.float64).reshape(-1, 4) - 1
    return Objects(tuple(names), corners, signs[:, 0], signs[:, 1])


def read_mask(path: Path, size: tuple[int, int], void: int) -> NDArray[np.uint8]:
    """Reads a mask of class indices, uint8 `(height, width)`, with `VOID` where there is no class.

    Args:
        path: PNG file with a palette, as VOC's, or in grey; the stored indices are the classes.
        size: Height and width of the image.
        void: Index of pixels without a class, beside 255.

    Raises:
        DataError: It is no such file, or of another size than the image.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L"):
                raise DataError(
                    f"{path} is an image of mode {image.mode}; a mask holds class indices, with a"
                    " palette (P) or in grey (L)."
                )
            indices = np.array(image, dtype=np.uint8)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is no readable mask: {error}.") from error
    if indices.shape != size:
        raise DataError(
            f"{path} is {indices.shape[1]}x{indices.shape[0]} and its image {size[1]}x{size[0]};"
            " a mask has one index for each pixel of its image."
        )
    indices[indices == void] = VOID
    return indices


def _parse(path: Path) -> ET.Element:
    """The root of an XML file without a document type, so that no entity is ever expanded."""
    builder, parser = ET.TreeBuilder(), expat.ParserCreate()

    def refuse(*_: Any) -> None:
        raise DataError(
            f"{path} declares a document type (DTD), which VOC's files do not; remove it."
        )

    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is no readable XML: {error}.") from error
    root: Any = builder.close()
    if root.tag != "annotation":
        raise DataError(f"{path} holds <{root.tag}>; a file of VOC's holds <annotation>.")
    return root


def _box(path: Path, number: int, element: ET.Element, size: tuple[int, int]) -> list[float]:
    """The four corners as they stand, checked against the image."""
    texts = [(element.findtext(f"bndbox/{corner}") or "").strip() for corner in _CORNERS]
    try:
        left, top, right, bottom = box = [float(text) for text in texts]
    except ValueError:
        raise DataError(
            f"{path}: object {number} has a box of {texts}; a bndbox has the numbers"
            f" {', '.join(_CORNERS)}."
        ) from None
    height, width = size
    if not (1 <= left <= right <= width and 1 <= top <= bottom <= height) or not all(
        map(math.isfinite, box)
    ):
        raise DataError(
            f"{path}: the box {', '.join(texts)} of object {number} is empty or outside the image"
            f" of {width}x{height}; VOC counts pixels from 1 to the width or height."
        )
    return box


def _flag(element: ET.Element, name: str) -> bool:
    return (element.findtext(name) or "0").strip() not in ("0", "")
