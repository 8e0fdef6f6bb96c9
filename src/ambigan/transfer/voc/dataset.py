"""A task's images and annotations, from a folder in VOC's layout."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import ConfigError, DataError
from ...data.images.image_decoding import read_header, read_pixels
from ...evaluation.result import DataRecord
from .annotations import VOID, Objects, read_mask, read_objects
from .layout import Task, VocFolder, choose_splits, find_folder, read_names

VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair"),
    *("cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""Names of VOC's indices in masks; the twenty classes are in the order of the alphabet."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VocExample:
    """One image and what is known of it.

    Attributes:
        name: Name in the list of its split.
        image: File of the image.
        size: Height and width, in pixels.
        boxes: float64 `(N, 4)`, first and last pixel `x1, y1, x2, y2` of each object, from 0.
        classes: int64 `(N,)`, places in `VocData.classes`.
        difficult: bool `(N,)`.
        mask: File of the mask, or None.
    """

    name: str
    image: Path
    size: tuple[int, int]
    boxes: NDArray[np.float64]
    classes: NDArray[np.int64]
    difficult: NDArray[np.bool_]
    mask: Path | None = None

    def pixels(self, channels: int) -> Tensor:
        """The image, uint8 `(channels, height, width)`.

        Raises:
            DataError: The file is damaged.
        """
        try:
            return torch.from_numpy(np.array(read_pixels(self.image, channels, None)))  # pyright: ignore[reportUnknownMemberType]
        except MemoryError:
            raise
        except Exception as error:  # each decoder fails on damage in its own way
            raise DataError(f"{self.image} cannot be decoded: {error}") from error

    def labels(self, num_classes: int) -> NDArray[np.int64]:
        """Whether each class is in the image: 1, -1 if not, 0 if only as difficult objects.

        Source: the VOC 2007 development kit, whose files `CLASS_SPLIT.txt` say the same.
        """
        labels = np.full(num_classes, -1, dtype=np.int64)
        labels[self.classes] = 0
        labels[self.classes[~self.difficult]] = 1
        return labels


@dataclass(frozen=True)
class VocData:
    """The two splits of a task.

    Attributes:
        task: What is learned.
        classes: Names of the classes; of masks in the order of their indices.
        train: Examples to train on.
        test: Examples to test on.
        splits: Names of the two splits.
        void: Index of mask pixels without a class, beside 255.
        record: Name, hash and sizes, for provenance.
        counts: What was read, by split: images, objects, and those that do not count.
    """

    task: Task
    classes: tuple[str, ...]
    train: tuple[VocExample, ...]
    test: tuple[VocExample, ...]
    splits: tuple[str, str]
    void: int
    record: DataRecord
    counts: dict[str, dict[str, int]]

    def mask(self, example: VocExample) -> Tensor:
        """The mask of an example, int64 `(height, width)`, with 255 where there is no class."""
        assert example.mask is not None, "only segmentation has masks"
        return torch.from_numpy(read_mask(example.mask, example.size, self.void).astype(np.int64))  # pyright: ignore[reportUnknownMemberType]


def open_voc(
    source: str,
    task: Task,
    *,
    train: str | None = None,
    test: str | None = None,
    void: int = VOID,
) -> VocData:
    """Reads and checks all annotations of two splits; one line says what was read.

    Args:
        source: `voc:DIR`, see `layout.find_folder`.
        task: What is to be learned.
        train: Split to train on; see `layout.choose_splits` for the default.
        test: Split to test on.
        void: Index of mask pixels that belong to no class, beside 255.

    Raises:
        ConfigError: A split is unknown, or the two share images.
        DataError: A file is missing, damaged or does not fit its image, or a class has no
            training example.
    """
    if not 0 <= void <= VOID:
        raise ConfigError(f"--void {void}: an index of a mask is a number from 0 to {VOID}.")
    folder = find_folder(source, task)
    splits = choose_splits(folder, train, test)
    names = [read_names(folder, split) for split in splits]
    if both := set(names[0]) & set(names[1]):
        raise ConfigError(
            f"{len(both):,} images are in both {splits[0]}.txt and {splits[1]}.txt, such as"
            f" {min(both)}; choose splits without common images by --train-split and --test-split."
        )
    digest = hashlib.sha256()
    read = _masked if task == "segmentation" else _boxed
    classes, pair, counts = read(folder, names, splits, void, digest)
    sizes = (len(pair[0]), len(pair[1]))
    record = DataRecord(folder.root.name, digest.hexdigest(), *sizes)
    described = "; ".join(
        f"{split}: {', '.join(f'{count:,} {what}' for what, count in found.items())}"
        for split, found in counts.items()
    )
    logger.info(f"{source}: {len(classes)} classes ({', '.join(classes)}); {described}")
    return VocData(task, classes, *pair, splits, void, record, counts)


_Read = tuple[
    tuple[str, ...],
    tuple[tuple[VocExample, ...], tuple[VocExample, ...]],
    dict[str, dict[str, int]],
]


def _boxed(
    folder: VocFolder,
    names: list[list[str]],
    splits: tuple[str, str],
    void: int,
    digest: hashlib._Hash,  # pyright: ignore[reportPrivateUsage]
) -> _Read:
    """Examples with boxes."""
    if void != VOID:
        raise ConfigError("--void is of masks; leave it out of this task.")
    sizes = {name: _size(folder.images[name], digest) for part in names for name in part}
    found: dict[str, Objects] = {}
    for name, size in sizes.items():
        digest.update(folder.annotations[name].read_bytes())
        found[name] = read_objects(folder.annotations[name], size)
    classes = tuple(sorted({each for objects in found.values() for each in objects.names}))
    if not classes:
        raise DataError(
            f"{folder.list_file(splits[0])} and {splits[1]}.txt list no objects at all."
        )
    place = {name: number for number, name in enumerate(classes)}
    pair = [
        tuple(
            VocExample(
                name,
                folder.images[name],
                sizes[name],
                found[name].boxes,
                np.array([place[each] for each in found[name].names], dtype=np.int64),
                found[name].difficult,
            )
            for name in part
        )
        for part in names
    ]
    learned = {int(c) for example in pair[0] for c in example.classes[~example.difficult]}
    _check_learned(classes, learned, folder.list_file(splits[0]), "object that is not difficult")
    counts: dict[str, dict[str, int]] = {}
    for split, part in zip(splits, names, strict=True):
        of = [found[name] for name in part]
        counts[split] = {
            "images": len(of),
            "objects": sum(len(o.names) for o in of),
            "difficult": sum(int(o.difficult.sum()) for o in of),
            "truncated": sum(int(o.truncated.sum()) for o in of),
            "images without objects": sum(not o.names for o in of),
        }
    return classes, (pair[0], pair[1]), counts


def _masked(
    folder: VocFolder,
    names: list[list[str]],
    splits: tuple[str, str],
    void: int,
    digest: hashlib._Hash,  # pyright: ignore[reportPrivateUsage]
) -> _Read:
    """Examples with masks, each of which is read once to be checked."""
    pair: list[tuple[VocExample, ...]] = []
    counts: dict[str, dict[str, int]] = {}
    pixels: list[Counter[int]] = []
    no_objects = np.empty((0, 4)), np.empty(0, np.int64), np.empty(0, np.bool_)
    for split, part in zip(splits, names, strict=True):
        examples: list[VocExample] = []
        seen: Counter[int] = Counter()
        for name in part:
            size = _size(folder.images[name], digest)
            path = folder.annotations[name]
            indices = read_mask(path, size, void)
            digest.update(indices.tobytes())
            found, number = np.unique(indices, return_counts=True)
            seen.update(dict(zip(found.tolist(), number.tolist(), strict=True)))
            examples.append(VocExample(name, folder.images[name], size, *no_objects, mask=path))
        num_void = seen.pop(VOID, 0)
        pair.append(tuple(examples))
        pixels.append(seen)
        counts[split] = {
            "images": len(part),
            "labelled pixels": seen.total(),
            "void pixels": num_void,
        }
    used = {*pixels[0], *pixels[1]}
    if len(used) < 2:
        raise DataError(f"{folder.list_file(splits[0])}: masks have fewer than two classes.")
    classes = _class_names(folder.root, 1 + max(used))
    learned = {*pixels[0]} | {*range(len(classes))} - used
    _check_learned(classes, learned, folder.list_file(splits[0]), "pixel in the masks")
    return classes, (pair[0], pair[1]), counts


def _class_names(root: Path, num: int) -> tuple[str, ...]:
    """Names of indices: of `classes.txt`, one a line; VOC's in a folder VOC20xx; else numbers."""
    path = root / "classes.txt"
    if path.is_file():
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        names = tuple(name for name in names if name)
        if len(names) < num or len(set(names)) < len(names):
            raise DataError(
                f"{path} has {len(set(names))} different names and masks go up to index {num - 1};"
                " give one name a line, or name the index of void pixels by --void."
            )
        return names
    if re.fullmatch(r"VOC\d{4}", root.name) and num <= len(VOC_CLASSES):
        return VOC_CLASSES
    return tuple(str(number) for number in range(num))


def _check_learned(classes: tuple[str, ...], learned: set[int], path: Path, what: str) -> None:
    """Refuses classes that are in the test split alone."""
    if lacking := [name for place, name in enumerate(classes) if place not in learned]:
        raise DataError(
            f"{path} has no {what} of class {', '.join(lacking)}, which can then not be learned;"
            " add one, or take it out of the other split's annotations."
        )


def _size(path: Path, digest: hashlib._Hash) -> tuple[int, int]:  # pyright: ignore[reportPrivateUsage]
    """Height and width of an image, whose content is hashed."""
    try:
        content = path.read_bytes()
        header = read_header(content)
    except MemoryError:
        raise
    except Exception as error:  # each decoder fails on damage in its own way
        raise DataError(f"{path} cannot be read as an image: {error}") from error
    digest.update(content)
    return header.height, header.width
