"""Arrays as images or vectors, by their dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import DataError
from ..images.deep_images import as_bands
from ..images.image_decoding import Content
from ..images.image_source import ImageSource
from ..labels import encode_labels
from ..opening.registry import RawExamples
from ..settings import DataSettings
from ..tables.raw_vectors import RawVectors

_FEW = 4
"""Length up to which a dimension may well be that of channels."""


def examples_of_arrays(
    where: str | Path,
    parts: Sequence[tuple[str, NDArray[Any]]],
    labels: Sequence[NDArray[Any] | None],
    settings: DataSettings,
    *,
    labels_name: str = "labels",
    left_alone: dict[str, int] | None = None,
    targets: Sequence[NDArray[Any] | None] | None = None,
    facts: Sequence[str] = (),
) -> RawExamples:
    """Returns vectors for arrays of two dimensions, and images for those of more.

    Args:
        where: File, or what else holds the arrays, for messages.
        parts: One array, or a training and a test array, each with its name.
        labels: Labels of each part, or None.
        settings: Settings of the data, whose `layout` names the dimensions of images.
        labels_name: Name of the array of labels, for messages.
        left_alone: How many other arrays there are, by the reason why they are not read.
        targets: Real-valued targets of each part of vectors, or None.
        facts: What is worth knowing of how the arrays were read.

    Raises:
        DataError: The dimensions leave a doubt, or labels do not fit.
    """
    left = left_alone or {}
    is_flat = all(array.ndim < 3 for _, array in parts)
    if is_flat and (settings.layout is None or settings.shape is not None):
        path = Path(where)
        return RawVectors(
            path,
            tuple(parts),
            tuple(labels),
            (),
            labels_name,
            left_alone=left,
            targets=tuple(targets or ()),
            facts=tuple(facts),
        )
    images, layouts = list[NDArray[Any]](), list[str]()
    for name, array in parts:
        place = f"{where}, array '{name}'" if name else str(where)
        layouts.append(settings.layout or recognised_layout(array.shape, place))
        images.append(as_images(array, layouts[-1], place))
    lengths = [len(array) for array in images]
    codes, names = encode_labels(labels, f"{where}, {labels_name}")
    for (name, _), length, code in zip(parts, lengths, codes, strict=True):
        if code is not None and len(code) != length:
            raise DataError(
                f"{where}{f', array {name!r}' if name else ''}: {length} images but {len(code)}"
                " labels; each image needs one."
            )
    has_labels = any(code is not None for code in codes)
    blanks = [torch.full((length,), -1) for length in lengths]
    joined = [b if code is None else code for b, code in zip(blanks, codes, strict=True)]

    def content(place: int) -> Content:
        part, row = (0, place) if place < lengths[0] else (1, place - lengths[0])
        return as_bands(images[part][row])

    return ImageSource(
        where=str(where),
        length=sum(lengths),
        content=content,
        labels=torch.cat(joined) if has_labels else None,
        label_names=names,
        num_train=lengths[0] if len(images) > 1 else None,
        arrays=tuple(images),
        left_alone=left,
        facts=(*facts, f"read as {layouts[0]}"),
    )


def as_shaped(examples: RawExamples, settings: DataSettings) -> RawExamples:
    """Returns vectors as the images that `shape` says they are; others as they are.

    Raises:
        DataError: The vectors have another number of values.
    """
    if settings.shape is None or not isinstance(examples, RawVectors):
        return examples
    shape, where = settings.shape, str(examples.file)
    layout = settings.layout or ("NHW" if len(shape) == 2 else "NHWC")
    parts: list[tuple[str, NDArray[Any]]] = []
    for name, array in examples.parts:
        if array.ndim != 2 or array.shape[1] != math.prod(shape):
            raise DataError(
                f"{where}: rows have {array.shape[-1]} values and --data.shape"
                f" {','.join(map(str, shape))} asks for {math.prod(shape)}; leave out other columns"
                " with --data.drop, or name the label with --data.label-column."
            )
        parts.append((name, _narrowed(array).reshape(len(array), *shape)))
    images = examples_of_arrays(
        where,
        parts,
        examples.labels,
        replace(settings, layout=layout),
        labels_name=examples.labels_name,
        left_alone=dict(examples.left_alone),
    )
    assert isinstance(images, ImageSource)
    facts = (*examples.facts, f"rows read as images {layout}")
    return replace(images, facts=facts, warnings=examples.warnings)


def _narrowed(array: NDArray[Any]) -> NDArray[Any]:
    """Returns numbers as 8 or 16-bit integers where they are such, else as they are."""
    if array.dtype.kind != "f":
        return array
    parts = np.array_split(array, max(1, array.size >> 22))
    if not all(bool((part == np.floor(part)).all()) for part in parts):
        return array
    low, high = array.min(), array.max()
    if low < 0 or high > 65535:
        return array
    return array.astype(np.uint8 if high <= 255 else np.uint16)


def recognised_layout(shape: tuple[int, ...], where: str) -> str:
    """Returns the layout of an array of images, where its lengths leave no doubt.

    The dimension of channels is shorter than height and width.

    Raises:
        DataError: They do leave a doubt; the message names the layouts to choose from.
    """
    if len(shape) == 3:
        if shape[2] > _FEW and shape[0] > _FEW:
            return "NHW"
        choices = "HWC for one image or NHW for many" if shape[2] <= _FEW else "CHW or NHW"
        raise _doubt(shape, where, choices)
    if len(shape) != 4:
        raise DataError(
            f"{where}: the array is {len(shape)}-D, {shape}; images are 3-D or 4-D, and vectors"
            " 2-D, one example a row; reshape it."
        )
    _, first, second, third = shape
    if first < min(second, third):
        return "NCHW"
    if third < min(first, second):
        return "NHWC"
    if second <= _FEW:
        raise _doubt(shape, where, "HWCN, with the examples last, as MATLAB writes them")
    raise _doubt(shape, where, "NCHW or NHWC")


def as_images(array: NDArray[Any], layout: str, where: str = "data") -> NDArray[Any]:
    """Returns a view `(N, C, H, W)` of an array in another layout.

    Raises:
        DataError: The array has another number of dimensions.
    """
    if array.ndim != len(layout):
        raise DataError(
            f"{where}: the array is {array.ndim}-D, {array.shape}, and --data.layout {layout} names"
            f" {len(layout)} dimensions."
        )
    for letter in "NC":
        if letter not in layout:
            array, layout = array[None], letter + layout
    return array.transpose([layout.index(letter) for letter in "NCHW"])


def _doubt(shape: tuple[int, ...], where: str, choices: str) -> DataError:
    return DataError(
        f"{where}: the lengths {shape} do not tell which dimension holds channels; say it with"
        f" --data.layout {choices}."
    )
