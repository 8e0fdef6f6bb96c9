"""Objects of NumPy, SciPy, torch, pandas, polars and Arrow in the few forms that are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..core.errors import ConfigError, DataError
from .files import first_line

WHERE = "data in memory"

_EXAMPLES = ("image", "images", "img", "pixel_values", "x", "data", "input", "inputs", "features")
_LABELS = ("label", "labels", "target", "targets", "y", "class")


def known_object(data: Any) -> Any:
    """Brings an object to a form that is read: an array, a frame, a mapping of arrays, or items.

    Sparse matrices become dense and masked values NaN. Arrays with named fields, columns by name
    and lists of records become frames. A series is the list of its values in their order.

    Raises:
        ConfigError: Objects of an array are no numbers.
    """
    if hasattr(data, "tocsr"):  # SciPy
        return data.toarray()
    if isinstance(data, Tensor):
        return data.to_dense() if data.layout != torch.strided else data
    if isinstance(data, np.ndarray):
        return _plain_array(cast("NDArray[Any]", data))
    if hasattr(data, "dtype") or hasattr(data, "type"):  # a series of pandas, polars or Arrow
        for convert in ("to_pylist", "to_list"):
            if hasattr(data, convert):
                return getattr(data, convert)()
    if isinstance(data, Mapping):
        return _plain_mapping(cast("Mapping[str, Any]", data))
    if isinstance(data, list) and data and all(map(_is_record, cast("list[Any]", data))):
        return _table("Table.from_pylist", data)
    return cast(Any, data)


def _plain_array(array: NDArray[Any]) -> Any:
    if array.dtype.names is not None:
        return _table("table", {name: array[name] for name in array.dtype.names})
    if isinstance(array, np.ma.MaskedArray):
        masked = cast(Any, array)
        if not np.ma.getmaskarray(masked).any():
            return masked.data
        return masked.astype(np.result_type(masked.dtype, np.float32)).filled(np.nan)
    if array.dtype.kind not in "OU" or array.ndim == 0:
        return array
    if array.ndim == 1:  # paths or images
        return array.tolist()
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"data are an array of objects that are no numbers: {error}. Give a frame, whose"
            " columns have types, or convert them."
        ) from error


def _plain_mapping(data: Mapping[str, Any]) -> Any:
    """A frame of columns; a mapping of arrays where some of them have more dimensions."""
    if is_frame(data.get("data")):  # scikit-learn's data sets as frames
        return data
    sizes = {name: np.ndim(value) for name, value in data.items() if not isinstance(value, str)}
    if max(sizes.values(), default=0) > 1:
        return {name: known_object(data[name]) for name, size in sizes.items() if size}
    if 1 not in sizes.values():
        raise ConfigError(
            f"data are a mapping without arrays (of {', '.join(map(str, data)) or 'nothing'}); give"
            " columns by name, or an array of examples and one of labels, as {'X': ..., 'y': ...}."
        )
    return _table("table", {str(name): data[name] for name in data})


def _is_record(item: Any) -> bool:
    """Whether an item is a row of a table: values by name, none of which is an image."""
    if not isinstance(item, Mapping):
        return False
    values = cast("Mapping[str, Any]", item).values()
    return all(value is None or isinstance(value, (int, float, str, np.number)) for value in values)


def is_array(data: Any) -> bool:
    """Whether data are an array, a tensor, or lists of numbers or of arrays of one shape."""
    if isinstance(data, (list, tuple)) and data:
        items = cast("Sequence[Any]", data)
        shapes = {tuple(item.shape) for item in items if is_tensor(item)}
        if shapes:
            return len(shapes) == 1 and all(map(is_tensor, items))
        return is_array(items[0])
    return is_tensor(data) or isinstance(data, (int, float, np.number))


def is_tensor(data: Any) -> bool:
    """Whether an object is an array or a tensor."""
    return isinstance(data, (np.ndarray, Tensor))


def is_frame(data: Any) -> bool:
    """Whether an object is a frame of pandas or polars, or a table of Arrow."""
    return hasattr(data, "__arrow_c_stream__") or hasattr(data, "__dataframe__")


def arrow_of(frame: Any) -> Any:
    """A frame as a table of Arrow, without the row index of pandas.

    Raises:
        DataError: Names occur twice, or a column holds what Arrow does not know.
    """
    if type(frame).__module__.partition(".")[0] != "pandas":
        return _table("table", frame)
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"{WHERE} has several columns named '{name}'; give each its own name.")
    kinds = {
        name: each.subtype for name, each in frame.dtypes.items() if hasattr(each, "fill_value")
    }
    frame = frame.astype(kinds) if kinds else frame  # sparse columns
    return _table("Table.from_pandas", frame, preserve_index=False)


def _table(function: str, data: Any, **options: Any) -> Any:
    """What a function of Arrow makes of data.

    Raises:
        DataError: It knows no such values.
    """
    arrow: Any = import_module("pyarrow")  # late: it takes a while to import
    try:
        return attrgetter(function)(arrow)(data, **options)
    except (arrow.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"{WHERE}: {first_line(error).strip('()')}; convert this column to numbers or text, or"
            " leave it out. Images are given as a list or an array."
        ) from error


def array_of(data: Any, what: str = "data", form: str = "an array") -> NDArray[Any]:
    """An array or tensor, or lists of them, as a NumPy array.

    Args:
        data: The object.
        what: Name of the argument, for messages.
        form: What it should be, for messages.

    Raises:
        ConfigError: It is no array.
    """
    if isinstance(data, Tensor):
        data = data.detach().cpu()
        data = data.float() if data.dtype in (torch.bfloat16, torch.float16) else data
    try:
        array = np.asarray(data)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"{what} cannot be read as {form}: {error}.") from error
    return array.astype(np.float64) if array.dtype.kind == "f" and array.itemsize > 8 else array


def labels_in_memory(y: Any, data: Any = None) -> NDArray[Any]:
    """Labels or targets as an array `(N,)`; missing ones among objects are empty text.

    Args:
        y: Labels, a series or a column.
        data: The examples, whose index those of pandas have.

    Raises:
        ConfigError: They are no labels.
        DataError: They have the index of the examples in another order.
    """
    ours, theirs = getattr(data, "index", None), getattr(y, "index", None)
    if all(hasattr(each, "equals") for each in (ours, theirs)):
        a, b = cast(Any, ours), cast(Any, theirs)
        if len(a) == len(b) and not a.equals(b) and a.sort_values().equals(b.sort_values()):
            raise DataError(
                f"{WHERE}: y has the index of the data in another order; give y.loc[data.index], or"
                " y.to_numpy() if the rows are in the right order."
            )
    if isinstance(y, str) or not hasattr(y, "__len__"):
        raise ConfigError(
            f"y is of type {type(y).__name__}; give a label for each example in a list or an array,"
            " or name a column of a frame by label_column."
        )
    array = array_of(y.to_numpy() if hasattr(y, "to_numpy") else y, "labels")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "O":
        missing = np.array([value is None or value != value for value in array.tolist()], np.bool_)
        array = np.where(missing, "", array.astype(np.str_))
    return array


def example_and_label(item: Any) -> tuple[Any, Any]:
    """The example of an item, and its label where the item is a pair or has one by name.

    Raises:
        DataError: Several values by name may be the example.
    """
    if isinstance(item, Mapping):
        named = cast("Mapping[str, Any]", item)
        label = next((named[name] for name in _LABELS if name in named), None)
        return _example_by_name(named), label
    if isinstance(item, (tuple, list)) and item:
        values = cast("Sequence[Any]", item)
        first: Any = values[0]
        if isinstance(first, (np.ndarray, Tensor, Image.Image, str, Path, bytes, BytesIO)):
            return cast(Any, first), values[1] if len(values) > 1 else None
        if isinstance(first, (float, int)) and not any(map(is_picture, values)):
            return np.array(values), None
        raise DataError(
            f"{WHERE}: items are pairs or lists of"
            f" {', '.join(type(value).__name__ for value in values)}; give pairs of example and"
            " label, in this order."
        )
    return cast(Any, item), None


def is_picture(value: Any) -> bool:
    """Whether a value may be an image: an array, a tensor or an image of Pillow."""
    return is_tensor(value) or isinstance(value, Image.Image)


def _example_by_name(named: Mapping[str, Any]) -> Any:
    known = [name for name in _EXAMPLES if name in named]
    likely = known[:1] or [name for name, value in named.items() if is_picture(value)]
    if len(likely) != 1:
        raise DataError(
            f"{WHERE}: items have values named {', '.join(map(str, named))}; name the example"
            " 'image' and its label 'label'."
        )
    return named[likely[0]]
