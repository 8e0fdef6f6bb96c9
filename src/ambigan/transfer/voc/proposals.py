"""Boxes in which objects are looked for: from a file, or by selective search."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError
from ...core.files import write_bytes
from ...core.imports import import_extra
from .dataset import VocData, VocExample

Proposals = dict[str, NDArray[np.float64]]
"""Boxes `(N, 4)` of each image by its name: first and last pixel, from 0, the best first."""

COLUMNS = ("xmin", "ymin", "xmax", "ymax")
SEARCH_WIDTH = 500
"""Pixels of an image's width in selective search, as in R-CNN's code."""
LEAST_SIDE = 20
"""Side, in those pixels, below which boxes are left out, as in R-CNN's code."""
_KEPT_EVERY = 50

logger = logging.getLogger(__name__)


def read_proposals(path: Path, data: VocData) -> Proposals:
    """Reads boxes that were found elsewhere.

    A `.csv` or `.parquet` file has the columns `image`, `xmin`, `ymin`, `xmax` and `ymax`, a row
    for each box; a `.npz` file has arrays of these names. Images go by their names in the lists.
    Corners are as in VOC's annotations: pixels counted from 1, both ends inside. Boxes of an image
    stand in their order of merit, since the first ones are taken. Other images may be there.

    Raises:
        DataError: The file is missing, damaged or lacks a column, an image has no boxes, or a box
            is empty or outside its image.
    """
    stored = _read_boxes(path)
    found: Proposals = {}
    for example in (*data.train, *data.test):
        if example.name not in stored:
            raise DataError(
                f"--proposals {path} has no boxes of {example.name}; it needs some of every image"
                f" of {data.splits[0]} and {data.splits[1]}."
            )
        mine = found[example.name] = stored[example.name]
        height, width = example.size
        inside = (mine[:, :2] >= 0) & (mine[:, :2] <= mine[:, 2:]) & (mine[:, 2:] < [width, height])
        if not inside.all():
            first = mine[int(np.argmin(inside.all(1)))] + 1
            raise DataError(
                f"--proposals {path}: the box {', '.join(f'{x:g}' for x in first)} of"
                f" {example.name} is empty or outside the image of {width}x{height}; pixels are"
                " counted from 1 to the width or height."
            )
    return found


def search_proposals(
    data: VocData, kept: Path, searching: Callable[[int, int], object] | None = None
) -> Proposals:
    """Boxes by selective search in its fast mode, kept in a file that `read_proposals` reads.

    Source: Uijlings et al. (2013), by OpenCV's `ximgproc`, in its order. Fast R-CNN used the boxes
    that the authors of selective search had computed.

    Args:
        data: Images.
        kept: File of boxes that were found before, to which new ones are added (.npz).
        searching: Called with how many images are done and of how many.

    Raises:
        ConfigError: OpenCV is not installed.
        DataError: The file of earlier boxes is damaged.
    """
    examples = [*data.train, *data.test]
    found = _read_boxes(kept) if kept.is_file() else {}
    todo = [example for example in examples if example.name not in found]
    if todo:
        import_extra(
            "cv2.ximgproc", "detection", "selective search", "or give boxes by --proposals FILE"
        )
        logger.info(f"selective search in {len(todo):,} images; boxes are kept in {kept}")
    for done, example in enumerate(todo, start=1):
        found[example.name] = _search(example)
        if searching is not None:
            searching(done, len(todo))
        if done % _KEPT_EVERY == 0 or done == len(todo):
            _write_boxes(kept, found)
    return {example.name: found[example.name] for example in examples}


def _search(example: VocExample) -> NDArray[np.float64]:
    """Boxes of one image, at least one: the whole image where nothing is found."""
    cv2: Any = import_extra("cv2", "detection", "selective search")
    height, width = example.size
    size = (SEARCH_WIDTH, max(1, round(height * SEARCH_WIDTH / width)))
    colours = np.ascontiguousarray(example.pixels(3).numpy()[::-1].transpose(1, 2, 0))
    cv2.setRNGSeed(0)
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(cv2.resize(colours, size))
    search.switchToSelectiveSearchFast()
    boxes = np.asarray(search.process(), dtype=np.float64).reshape(-1, 4)
    boxes = boxes[boxes[:, 2:].min(1) >= LEAST_SIDE]
    whole = np.array([[0.0, 0.0, width - 1, height - 1]])
    if not len(boxes):
        return whole
    scale = np.array([width / size[0], height / size[1]] * 2)
    ends = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]) * scale
    first, last = np.floor(ends[:, :2]), np.ceil(ends[:, 2:]) - 1
    return np.clip(np.hstack([first, np.maximum(first, last)]), 0, whole[0, [2, 3, 2, 3]])


def _read_boxes(path: Path) -> Proposals:
    """All boxes of a file, by image."""
    try:
        table: Mapping[str, Any]
        if path.suffix == ".npz":
            with np.load(path) as stored:
                table = {key: stored[key] for key in ("image", *COLUMNS)}
        else:
            rows = _read_rows(path)
            table = {key: rows[key].to_numpy() for key in ("image", *COLUMNS)}
        names = np.asarray(table["image"]).astype(str)
        boxes = np.stack([np.asarray(table[key], dtype=np.float64) for key in COLUMNS], 1) - 1
    except MemoryError:
        raise
    except Exception as error:  # each reader fails on damage in its own way
        raise DataError(
            f"{path} cannot be read as boxes: {error}. Boxes stand in a .csv or .parquet file with"
            f" the columns image, {', '.join(COLUMNS)}, or in a .npz file with such arrays."
        ) from error
    if len(names) != len(boxes):
        raise DataError(f"{path} has {len(names):,} images for {len(boxes):,} boxes.")
    order = np.argsort(names, kind="stable")
    found, starts = np.unique(names[order], return_index=True)
    parts = np.split(boxes[order], starts[1:])
    return dict(zip(found.tolist(), parts, strict=True))


def _read_rows(path: Path) -> Any:
    if path.suffix == ".parquet":
        return import_module("pyarrow.parquet").read_table(path)
    if path.suffix != ".csv":
        raise ValueError(f"'{path.suffix}' is no ending of such a file")
    csv = import_module("pyarrow.csv")
    # Names such as 000001 are no numbers.
    types = {"image": import_module("pyarrow").string()}
    return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=types))


def _write_boxes(path: Path, found: Proposals) -> None:
    names = np.repeat([*found], [len(boxes) for boxes in found.values()])
    corners = np.concatenate([*found.values()]) + 1
    stream = io.BytesIO()
    np.savez_compressed(stream, image=names, **dict(zip(COLUMNS, corners.T, strict=True)))
    write_bytes(path, stream.getvalue())
