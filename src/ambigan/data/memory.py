"""Data in memory: arrays, tensors, frames, data sets of torch, lists of images or of paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..core.errors import ConfigError, DataError
from .arrays.layout import as_shaped, examples_of_arrays
from .images.deep_images import as_bands
from .images.image_decoding import Content, undistorted
from .images.image_source import ImageSource
from .labels import encode_labels
from .opening.registry import RawExamples
from .settings import DataSettings
from .tables.readers import read_frame

MEMORY = "memory"
"""The source that stands in the settings of a run whose data were passed in Python."""

_WHERE = "data in memory"


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
            or of paths to images.
        y: Labels `(N,)`, integers or text; None where there are none or where `data` have them.
        settings: Settings of the data; the defaults if None.
        needed: Names of the columns that a trained model takes; None for training.

    Raises:
        ConfigError: Data are of another type.
        DataError: Arrays or labels do not fit.
    """
    settings = settings or DataSettings(MEMORY)
    labels = None if y is None else _array(y, "labels")
    if _is_frame(data):
        return as_shaped(read_frame(_arrow(data), settings, needed, labels), settings)
    if is_array(data):
        array = _array(data, "data")
        if array.dtype.kind not in "biuf":
            raise ConfigError(f"data are of type {array.dtype}; give integers or floats.")
        found = examples_of_arrays(_WHERE, [("", array)], [labels], settings)
        return as_shaped(found, settings)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return _items(data, labels, settings)
    raise ConfigError(
        f"data are of type {type(data).__name__}; give an array, a frame, a data set with"
        " __getitem__ and __len__, a list of images or paths, or a source such as 'folder:photos'."
    )


def is_array(data: Any) -> bool:
    """Whether data are an array, a tensor, or lists of numbers or of arrays of one shape."""
    if isinstance(data, (list, tuple)) and data:
        items = cast("Sequence[Any]", data)
        shapes = {tuple(item.shape) for item in items if _is_tensor(item)}
        return len(shapes) == 1 or (not shapes and is_array(items[0]))
    return _is_tensor(data) or isinstance(data, (int, float, np.number))


def _is_tensor(data: Any) -> bool:
    return isinstance(data, (np.ndarray, Tensor))


def _is_frame(data: Any) -> bool:
    return hasattr(data, "__arrow_c_stream__") or hasattr(data, "__dataframe__")


def _arrow(frame: Any) -> Any:
    """A frame as a table of Arrow, without the row index of pandas."""
    arrow: Any = import_module("pyarrow")  # late: it takes a while to import
    if type(frame).__module__.partition(".")[0] == "pandas":
        return arrow.Table.from_pandas(frame, preserve_index=False)
    return frame if isinstance(frame, arrow.Table) else arrow.table(frame)


def _array(data: Any, what: str) -> NDArray[Any]:
    if isinstance(data, Tensor):
        data = data.detach().cpu()
        data = data.float() if data.dtype in (torch.bfloat16, torch.float16) else data
    elif hasattr(data, "to_numpy"):
        data = data.to_numpy()
    try:
        array = np.asarray(data)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"{what} cannot be read as an array: {error}.") from error
    if array.dtype.kind == "O" and what == "labels":
        array = array.astype(np.str_)
    return array.astype(np.float64) if array.dtype.kind == "f" and array.itemsize > 8 else array


def _items(data: Any, labels: NDArray[Any] | None, settings: DataSettings) -> RawExamples:
    """Examples by index: a list, or a data set of torch or of the hub."""
    length = len(data)
    if not length:
        raise DataError(f"{_WHERE}: there are no examples; give two or more.")
    example, label = _example_and_label(data[0])
    if label is not None and labels is None:
        found = [_example_and_label(data[place])[1] for place in range(length)]
        labels = _array(
            [each.item() if hasattr(each, "item") else each for each in found], "labels"
        )
    if labels is not None and len(labels) != length:
        raise DataError(f"{_WHERE}: {length} examples but {len(labels)} labels; each needs one.")
    if _is_tensor(example) and example.ndim == 1:
        items = (_example_and_label(data[place])[0] for place in range(length))
        rows = np.stack([_array(item, "data") for item in items])
        return as_shaped(examples_of_arrays(_WHERE, [("", rows)], [labels], settings), settings)
    codes, names = encode_labels([labels], f"{_WHERE}, labels")
    return ImageSource(
        _WHERE,
        length,
        lambda place: _picture(_example_and_label(data[place])[0]),
        codes[0],
        names,
        names=[str(path) for path in data] if isinstance(example, (str, Path)) else (),
    )


def _example_and_label(item: Any) -> tuple[Any, Any]:
    """The example of an item, and its label where the item is a pair or has one by name."""
    if isinstance(item, Mapping):
        named = cast("Mapping[str, Any]", item)
        images = [value for value in named.values() if isinstance(value, Image.Image)]
        example = images[0] if images else next(iter(named.values()))
        return example, named.get("label")
    if isinstance(item, tuple):
        pair = cast("tuple[Any, ...]", item)
        return pair[0], pair[1] if len(pair) > 1 else None
    return item, None


def _picture(item: Any) -> Content:
    """One image of a list or data set, as a file of it would be decoded.

    Raises:
        OSError: It is none.
    """
    if isinstance(item, (str, Path)):
        return Path(item).expanduser()
    if isinstance(item, Image.Image):
        return undistorted(item)
    if not _is_tensor(item):
        raise OSError(f"it is of type {type(item).__name__}, no image")
    pixels: NDArray[Any] = item.detach().cpu().numpy() if isinstance(item, Tensor) else item
    is_last = pixels.ndim == 3 and pixels.shape[2] < min(pixels.shape[:2])
    return as_bands(pixels.transpose(2, 0, 1) if is_last else pixels)
