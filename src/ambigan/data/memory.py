"""Data in memory: arrays, tensors, frames, data sets of torch, lists of images or of paths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..core.errors import ConfigError, DataError
from .arrays.layout import as_shaped, examples_of_arrays
from .arrays.named_arrays import named_arrays
from .image_sources.image_tables import read_image_table
from .images.deep_images import as_bands
from .images.image_decoding import Content, undistorted
from .images.image_source import ImageSource
from .labels import encode_labels
from .opening.registry import RawExamples
from .python_objects import (
    WHERE,
    array_of,
    arrow_of,
    example_and_label,
    is_array,
    is_frame,
    is_tensor,
    known_object,
    labels_in_memory,
)
from .settings import DataSettings
from .tables.raw_vectors import RawVectors
from .tables.readers import read_frame

MEMORY = "memory"
"""The source that stands in the settings of a run whose data were passed in Python."""

_LABELS_OF_Y = "y of fit"
"""Name of the column of labels that are passed next to a frame of images."""


def is_in_memory(data: Any) -> bool:
    """Whether data are objects, and no source as it is typed."""
    return not isinstance(data, (str, Path, DataSettings))


def examples_in_memory(
    data: Any,
    y: Any = None,
    settings: DataSettings | None = None,
    needed: tuple[str, ...] | None = None,
) -> RawExamples:
    """Returns data in memory in the form that files are read in, without copying arrays.

    Args:
        data: A NumPy array or tensor: numbers `(N, D)`, or images in any layout. A pandas or polars
            frame or an Arrow table, with one example a row. A map-style data set of torch, whose
            items are examples or pairs of example and label. A list of images of Pillow, of arrays,
            of paths to images, or of records. Columns or arrays by name.
        y: Labels `(N,)`, integers or text, or real values to predict; None where there are none or
            where `data` have them.
        settings: Settings of the data; the defaults if None.
        needed: Names of the columns that a trained model takes; None for training.

    Raises:
        ConfigError: Data are of another type.
        DataError: Arrays or labels do not fit.
    """
    settings = settings or DataSettings(MEMORY)
    if _is_pair(data):
        data, y = data[0], data[1] if y is None else y
    labels = None if y is None else labels_in_memory(y, data)
    if labels is not None and settings.label_column is not None:
        raise ConfigError(
            f"labels are given by y and by label_column='{settings.label_column}'; give one."
        )
    data = known_object(data)
    if isinstance(data, Mapping):
        return _by_name(cast("Mapping[str, Any]", data), y, settings, needed)
    if is_frame(data):
        return _of_frame(arrow_of(data), labels, settings, needed)
    if is_array(data):
        array = array_of(data)
        if array.dtype.kind not in "biuf":
            raise ConfigError(f"data are of type {array.dtype}; give integers or floats.")
        return as_shaped(_of_array(array, labels, settings), settings)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return _items(data, labels, settings)
    raise ConfigError(
        f"data are of type {type(data).__name__}; give an array, a frame, a data set with"
        " __getitem__ and __len__ (of a DataLoader its dataset, of an iterator list(data)), a list"
        " of images or paths, or a source such as 'folder:photos'."
    )


def _is_pair(data: Any) -> bool:
    """Whether data are examples and their labels, as scikit-learn returns them."""
    if not isinstance(data, tuple):
        return False
    pair = cast("tuple[Any, ...]", data)
    dims = [getattr(each, "ndim", 0) for each in pair]
    return len(pair) == 2 and dims[0] > 1 and dims[1] == 1 and len(pair[0]) == len(pair[1])


def _of_array(
    array: NDArray[Any], labels: NDArray[Any] | None, settings: DataSettings
) -> RawExamples:
    """Numbers or images; real values to predict are targets of numbers."""
    targets = None
    if labels is not None and array.ndim == 2 and _are_real(labels):
        labels, targets = None, [_as_targets(labels)]
    return examples_of_arrays(WHERE, [("", array)], [labels], settings, targets=targets)


def _are_real(labels: NDArray[Any]) -> bool:
    """Whether labels are real values, which are measured as targets."""
    return labels.dtype.kind == "f" and bool((labels % 1 != 0)[np.isfinite(labels)].any())


def _as_targets(labels: NDArray[Any]) -> NDArray[np.float64]:
    """Real values `(N,)` or `(N, K)` as targets `(N, K)`."""
    targets = labels.astype(np.float64)
    return targets[:, None] if targets.ndim == 1 else targets


def _by_name(
    data: Mapping[str, Any], y: Any, settings: DataSettings, needed: tuple[str, ...] | None
) -> RawExamples:
    """Examples and labels among named arrays, as those of a file."""
    frame = data.get("data")
    if is_frame(frame):
        return examples_in_memory(frame, data.get("target") if y is None else y, settings, needed)
    found = named_arrays(
        Path(WHERE), list(data), lambda name: array_of(data[name], name), settings, needed
    )
    if y is None:
        return found
    if isinstance(found, RawVectors):
        return replace(found, labels=(labels_in_memory(y),), labels_name="labels")
    raise ConfigError("give labels among the arrays by name or by y, not both.")


def _of_frame(
    table: Any,
    labels: NDArray[Any] | None,
    settings: DataSettings,
    needed: tuple[str, ...] | None,
) -> RawExamples:
    """Rows of numbers, or the images of a column of paths or bytes."""
    if labels is not None and len(labels) != table.num_rows:
        raise DataError(
            f"{WHERE}: {table.num_rows} rows but {len(labels)} labels; each row needs one."
        )
    if not needed:
        own = table
        if labels is not None:  # in the order of the rows, whichever split they are of
            own = table.append_column(_LABELS_OF_Y, [labels])
            settings = replace(settings, label_column=_LABELS_OF_Y)
        images = read_image_table(Path(WHERE), settings, own.slice(0, 100), lambda: own)
        if images is not None:
            return images
        settings = replace(settings, label_column=None) if labels is not None else settings
    raw = read_frame(table, settings, needed)
    if labels is None:
        return as_shaped(raw, settings)
    left = dict(raw.left_alone)
    if raw.labels[0] is not None:
        left[f"labels of {raw.labels_name}, since y is given"] = 1
    raw = replace(raw, labels=(labels,), labels_name="labels", left_alone=left)
    if _are_real(labels):
        raw = replace(raw, labels=(None,), targets=(_as_targets(labels),))
    return as_shaped(raw, settings)


def _items(data: Any, labels: NDArray[Any] | None, settings: DataSettings) -> RawExamples:
    """Examples by index: a list, or a data set of torch or of the hub."""
    length = len(data)
    if not length:
        raise DataError(f"{WHERE}: there are no examples; give two or more.")
    example, label = example_and_label(_item(data, 0))
    if label is not None and labels is None:
        labels = labels_in_memory([_label(data, place) for place in range(length)])
    if labels is not None and len(labels) != length:
        raise DataError(f"{WHERE}: {length} examples but {len(labels)} labels; each needs one.")
    if is_tensor(example) and example.ndim == 1:
        rows = [array_of(example_and_label(_item(data, place))[0]) for place in range(length)]
        other = next((n for n, row in enumerate(rows) if row.shape != rows[0].shape), None)
        if other is not None:
            raise DataError(
                f"{WHERE}: example 0 has shape {rows[0].shape} and example {other}"
                f" {rows[other].shape}; give vectors of one length."
            )
        return as_shaped(_of_array(np.stack(rows), labels, settings), settings)
    codes, names = encode_labels([labels], f"{WHERE}, labels")
    return ImageSource(
        WHERE,
        length,
        lambda place: _picture(example_and_label(data[place])[0]),
        codes[0],
        names,
        names=[str(path) for path in data] if isinstance(data[0], (str, Path)) else (),
    )


def _item(data: Any, place: int) -> Any:
    """An item of a list or data set.

    Raises:
        DataError: The data set fails.
    """
    try:
        return data[place]
    except Exception as error:  # whatever a user's data set raises
        raise DataError(
            f"{WHERE}: item {place} cannot be read ({type(error).__name__}: {error}); give an"
            " array, a frame, a list or a data set whose items are numbered from 0."
        ) from error


def _label(data: Any, place: int) -> Any:
    label: Any = example_and_label(_item(data, place))[1]
    if not hasattr(label, "shape"):
        return label
    if math.prod(label.shape) != 1:
        raise DataError(
            f"{WHERE}: the label of item {place} has shape {tuple(label.shape)}; give one number or"
            " text for each example, of one-hot codes their argmax."
        )
    return label.item()


def _picture(item: Any) -> Content:
    """One image of a list or data set, as a file of it would be decoded.

    Raises:
        OSError: It is none.
    """
    if isinstance(item, (str, Path)):
        path = Path(item).expanduser()
        if not path.exists():
            raise OSError("there is no such file")
        return path
    if isinstance(item, Image.Image):
        if item.mode == "I":
            return as_bands(np.asarray(item))
        return undistorted(item)
    if isinstance(item, bytes):
        return item
    if isinstance(item, BytesIO):
        return item.getvalue()
    if not is_tensor(item):
        raise OSError(f"it is of type {type(item).__name__}, no image")
    pixels: NDArray[Any] = item.detach().cpu().numpy() if isinstance(item, Tensor) else item
    is_last = pixels.ndim == 3 and pixels.shape[2] < min(pixels.shape[:2])
    return as_bands(pixels.transpose(2, 0, 1) if is_last else pixels)
