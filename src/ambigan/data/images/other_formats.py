"""Images that neither Pillow nor tifffile reads: DICOM, JPEG XL and arrays of NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..file_kinds import DICOM, JPEG_XL, NUMPY, FileKind

OTHERS = (DICOM, JPEG_XL, NUMPY)
"""Kinds of files that are read here."""


def read_other(
    content: Path | bytes, kind: FileKind, index: int, *, window: bool = True
) -> NDArray[Any]:
    """Decodes a frame of a file to `(H, W)` or `(C, H, W)`, in its own depth.

    Args:
        content: The file, or the bytes of one.
        kind: Its kind.
        index: Number of the frame.
        window: Whether values of DICOM are clipped to the window of the file.

    Raises:
        Exception: The file is damaged, or its extra is missing; the error is the decoder's.
    """
    if kind is DICOM:
        return _read_dicom(content, index, window)
    if kind is NUMPY:
        array: NDArray[Any] = np.load(_source(content), allow_pickle=False)
        is_last = array.ndim == 3 and array.shape[2] < min(array.shape[:2])
        return array.transpose(2, 0, 1) if is_last else array
    data = content if isinstance(content, bytes) else content.read_bytes()
    pixels: NDArray[Any] = import_module("imagecodecs").jpegxl_decode(data)
    return pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels


def num_frames(content: Path | bytes, kind: FileKind) -> int:
    """Returns the number of frames of a file."""
    if kind is not DICOM:
        return 1
    return int(_dicom_header(content).get("NumberOfFrames") or 1)


def _source(content: Path | bytes) -> Any:
    return BytesIO(content) if isinstance(content, bytes) else content


def _pydicom(part: str = "") -> Any:
    try:
        return import_module(f"pydicom{part}")  # late: it is an extra
    except ImportError as error:
        raise OSError(DICOM.needed) from error


def _dicom_header(content: Path | bytes) -> Any:
    return _pydicom().dcmread(_source(content), stop_before_pixels=True, force=True)


def _read_dicom(content: Path | bytes, index: int, window: bool) -> NDArray[Any]:
    """Values in the units of the file: rescaled, in its window, and bright where it says so."""
    data = _pydicom().dcmread(_source(content), force=True)
    if "PixelData" not in data and "FloatPixelData" not in data:
        raise OSError("a DICOM file without an image")
    pixels_of = _pydicom(".pixels")
    stored: NDArray[Any] = pixels_of.pixel_array(data, index=index)
    kind = str(data.get("PhotometricInterpretation", "MONOCHROME2"))
    if kind == "PALETTE COLOR":
        stored = pixels_of.apply_color_lut(stored, data)
    if stored.ndim == 3:
        return stored.transpose(2, 0, 1)
    frame = _of_frame(data, index)
    values, ends = (_rescaled(part, frame) for part in (stored, _stored_range(data, stored.dtype)))
    window_ends = _window(frame, values.dtype) if window else None
    if window_ends is not None:
        values, ends = values.clip(*window_ends), window_ends
    if kind == "MONOCHROME1":
        values = (float(ends[0]) + float(ends[1]) - values.astype(np.float64)).astype(values.dtype)
    return values


def _rescaled(values: NDArray[Any], data: Any) -> NDArray[Any]:
    """Stored values in the units of the file, of their own type where these are the same."""
    slope, intercept = _first(data.get("RescaleSlope")), _first(data.get("RescaleIntercept"))
    if (slope or 1, intercept or 0) == (1, 0) and "ModalityLUTSequence" not in data:
        return values
    return _pydicom(".pixels").apply_modality_lut(values, data)


def _stored_range(data: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The least and the greatest value that can be stored."""
    bits = int(data.get("BitsStored", 8 * dtype.itemsize))
    low = -(1 << (bits - 1)) if dtype.kind == "i" else 0
    return np.array([low, low + (1 << bits) - 1]).astype(dtype)


def _of_frame(data: Any, index: int) -> Any:
    """The data set with the rescaling and the window of one frame of an enhanced file."""
    groups: list[Any] = [*data.get("SharedFunctionalGroupsSequence", ())]
    groups += [*data.get("PerFrameFunctionalGroupsSequence", ())][index : index + 1]
    found: dict[str, Any] = {}
    for group in groups:
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for item in group.get(name, ()):
                found |= {element.keyword: element.value for element in item}
    if not found:
        return data
    own = _pydicom().Dataset()
    for name, value in found.items():
        setattr(own, name, value)
    return own


def _window(data: Mapping[str, Any] | Any, dtype: np.dtype[Any]) -> tuple[Any, Any] | None:
    """The least and the greatest value of the first window, as DICOM PS3.3 C.11.2.1.2 has it."""
    centre, width = _first(data.get("WindowCenter")), _first(data.get("WindowWidth"))
    if centre is None or width is None or width < 1:
        return None
    if str(data.get("VOILUTFunction", "LINEAR")) == "LINEAR":
        centre, width = centre - 0.5, width - 1
    low, high = centre - width / 2, centre + width / 2
    if dtype.kind == "f":
        return low, high
    limits = np.iinfo(dtype)
    low, high = (min(max(round(edge), limits.min), limits.max) for edge in (low, high))
    return (low, high) if low < high else None


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
