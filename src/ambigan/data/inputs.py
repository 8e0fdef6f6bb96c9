"""Checks of the arrays that users pass to a `Run` in Python."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from .dataset import Scaling
from .images.value_range import to_range
from .python_objects import array_of
from .values import to_float

SLACK = 1e-3
"""Distance beyond [-1, 1] that rounding may move float images."""


def as_array(x: Any, what: str = "data") -> NDArray[Any]:
    """Converts an array, tensor or nested list of real numbers to a native NumPy array.

    Args:
        x: Array to convert.
        what: Name of the argument, for messages.

    Raises:
        ConfigError: It is not an array of real numbers.
    """
    array = array_of(x, what, "an array of numbers")
    array = array.view(np.uint8) if array.dtype.kind == "b" else array
    if array.dtype.kind not in "iuf":
        raise ConfigError(f"{what} are of type {array.dtype}; give integers or floats.")
    if array.dtype.kind == "f" and array.dtype.itemsize != 4:
        array = array.astype(np.float64)
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return native if native.flags.writeable else native.copy()  # torch warns of others


def as_examples(x: Any, spec: DataSpec, scaling: Scaling | None = None) -> Tensor:
    """Checks a user's array `(N, *spec.shape)` and brings it to what networks take.

    Images may also have their channels last, or none where the model takes one channel. Images of a
    model without scaling are integers from 0 to 255, as floats too, or floats in [-1, 1]; all else
    is in the units of its source.

    Args:
        x: Array to check.
        spec: Form of one example of the model's data.
        scaling: Scaling of the model; None for 8-bit images.

    Raises:
        ConfigError: The model does not take this shape, type or range.
    """
    array = _without_dropped(_channels_first(as_array(x), spec), spec, scaling)
    if spec.kind == "images" and getattr(x, "dtype", None) in (np.bool_, torch.bool):
        array = array * np.uint8(255)  # black and white, as in training
    if array.shape[1:] != spec.shape:
        wanted = ", ".join(map(str, spec.shape))
        raise ConfigError(f"data have shape {array.shape}; this model takes (N, {wanted}).")
    if len(array) == 0:
        raise ConfigError("there are no examples: the first dimension is 0.")
    if spec.kind == "vectors":
        return _vectors(array, scaling)
    if not np.isfinite(array).all():
        raise _not_finite(array)
    if scaling is not None:
        return to_range(array, scaling)
    low, high = float(array.min()), float(array.max())
    are_bytes = low >= 0 and 1 + SLACK < high <= 255 and bool((array == np.rint(array)).all())
    if array.dtype.kind != "f" or are_bytes:
        if low < 0 or high > 255:
            raise ConfigError(
                f"integer images must be in 0 to 255; these range from {low:g} to {high:g};"
                " divide them."
            )
        if high == 1 and low >= 0:
            _warn_of_range("of integers go from 0 to 255", "x * 255")
        return to_float(torch.as_tensor(array.astype(np.uint8)))
    if low < -1 - SLACK or high > 1 + SLACK:
        raise ConfigError(
            f"float images must be in -1 to 1; these range from {low:.3g} to {high:.3g}. Give "
            "integers from 0 to 255, or rescale: x / 127.5 - 1."
        )
    if low >= 0:
        _warn_of_range("of floats go from -1 to 1", "x * 2 - 1")
    return torch.as_tensor(array.astype(np.float32))


def as_mask(mask: Any, num: int, spec: DataSpec, scaling: Scaling | None = None) -> Tensor:
    """Checks a mask of known values and brings it to the shape of the examples.

    Args:
        mask: Bool, or 1 for a known value and 0 for an unknown one. Of images `(H, W)`,
            `(N, H, W)` or the shape of the images; of vectors `(D,)` or `(N, D)`.
        num: Number of examples.
        spec: Form of one example of the model's data.
        scaling: Scaling of the model.

    Returns:
        Bool `(num, *spec.shape)`.

    Raises:
        ConfigError: It has another shape or other values, or all values of an example are unknown.
    """
    array = as_array(mask, "mask values")
    if not np.isin(array, (0, 1)).all():
        raise ConfigError("a mask holds 1 or True where a value is known, else 0 or False.")
    is_image = spec.kind == "images"
    rows = array if array.ndim > len(spec.shape) - is_image else array[None]
    rows = _without_dropped(rows, spec, scaling)
    if is_image and rows.ndim == 3:
        rows = rows[:, None]
    elif is_image and rows.ndim == 4:
        rows = _channels_first(rows, spec)
    try:
        known = np.broadcast_to(rows, (num, *spec.shape))
    except ValueError:
        wanted = ("(H, W)", "(N, H, W)") if is_image else ("(D,)", "(N, D)")
        sizes = "x".join(map(str, (num, *spec.shape)))
        raise ConfigError(
            f"the mask has shape {array.shape}, which does not fit data of {sizes}; give"
            f" {wanted[0]} for all examples or {wanted[1]} for each."
        ) from None
    if not (has_known := known.reshape(num, -1).any(1)).all():
        raise ConfigError(
            f"the mask leaves nothing known of example {int(has_known.argmin())} (counted from 0);"
            " mark one value at least."
        )
    return torch.as_tensor(known.astype(np.bool_))


def without_missing(x: Any) -> tuple[Any, NDArray[np.bool_] | None]:
    """An array with 0 in place of missing values, and where values are known; None if all are."""
    array = as_array(x)
    missing = np.isnan(array)
    return (np.where(missing, 0, array), ~missing) if missing.any() else (x, None)


def _without_dropped(array: NDArray[Any], spec: DataSpec, scaling: Scaling | None) -> NDArray[Any]:
    """Vectors without the columns that the model does not take as they never changed."""
    if spec.kind != "vectors" or scaling is None or array.ndim != 2:
        return array
    kept = [int(name) for name in scaling.columns if name.isdecimal()]
    has_more = array.shape[1] > spec.num_values
    if not has_more or len(kept) < spec.num_values or max(kept) >= array.shape[1]:
        return array
    return array[:, kept]


def _vectors(array: NDArray[Any], scaling: Scaling | None) -> Tensor:
    """Scales vectors; missing values are filled in where the model does.

    Raises:
        ConfigError: Values are missing, infinite, or too large.
    """
    if scaling is not None and scaling.fill is not None and array.dtype.kind == "f":
        array = np.where(np.isnan(array), scaling.fill.numpy(), array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _not_finite(array)
    low, high = float(array.min()), float(array.max())
    if max(-low, high) > float(np.finfo(np.float32).max):
        value = high if high > -low else low
        row = int((np.abs(array) == abs(value)).any(1).argmax())
        raise ConfigError(
            f"the data hold values too large for float32, such as {value:.3g} in row {row} (counted"
            " from 0); rescale them."
        )
    raw = torch.as_tensor(array if array.dtype.kind == "f" else array.astype(np.float64))
    if scaling is None:
        return raw.double()
    scaled = scaling.apply(raw)
    bad = ~torch.isfinite(scaled).all(1)
    if bad.any():
        raise ConfigError(
            f"row {int(bad.int().argmax())} (counted from 0) is so far from the training data that"
            " its scaled values are not finite in float32; correct it or leave it out."
        )
    return scaled


def _not_finite(array: NDArray[Any]) -> ConfigError:
    """An error that names the first example with values that are not finite."""
    row = int((~np.isfinite(array)).reshape(len(array), -1).any(1).argmax())
    return ConfigError(
        "the data contain missing (NaN) or infinite values, the first in example"
        f" {row} (counted from 0); replace them or leave it out."
    )


def _channels_first(array: NDArray[Any], spec: DataSpec) -> NDArray[Any]:
    """Images with channels last or without channels as the `(N, C, H, W)` of the model."""
    if array.shape[1:] == spec.shape or spec.kind != "images":
        return array
    channels, *size = spec.shape
    if array.shape[1:] == (*size, channels):
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    return array[:, None] if array.shape[1:] == tuple(size) and channels == 1 else array


def _warn_of_range(allowed: str, scaled: str) -> None:
    """Warns that the range of float images suggests another scale."""
    warnings.warn(
        f"images {allowed}, and all of these lie between 0 and 1; if they are meant to go from 0 to"
        f" 1, scale them: {scaled}.",
        stacklevel=4,
    )
