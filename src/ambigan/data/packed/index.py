"""The index of packed images, one row per image, as a Parquet file that other tools can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.errors import DataError
from ...core.files import read_bytes, sha256_of, write_bytes
from ..files import ANEW
from ..tables.parquet import read_columns


@dataclass(frozen=True)
class PackedIndex:
    """The columns of `index.parquet`, with one row per image.

    Attributes:
        files: Names of the images in their source; empty where they have none.
        labels: Codes of the labels, int64, -1 for an image without one; None where no image has
            one.
        splits: Name of each image's split, `train` or `test`.
        places: Index of each image in its source, counted from 0 through both splits.
    """

    files: Sequence[str]
    labels: Tensor | None
    splits: Sequence[str]
    places: Sequence[int]


def write_index(path: Path, index: PackedIndex, label_names: tuple[str, ...] | None) -> str:
    """Writes the table atomically and returns the SHA-256 of its bytes."""
    arrow: Any = import_module("pyarrow")  # late: it takes a while to import
    length = len(index.places)
    labels = torch.full((length,), -1) if index.labels is None else index.labels
    codes = [None if code < 0 else int(code) for code in labels.numpy()]
    names = [None if code is None or not label_names else label_names[code] for code in codes]
    columns: dict[str, Any] = {
        "file": arrow.array(index.files or [None] * length, arrow.string()),
        "label": arrow.array(names, arrow.string()),
        "code": arrow.array(codes, arrow.int64()),
        "split": arrow.array(index.splits, arrow.string()),
        "place": arrow.array(index.places, arrow.int64()),
    }
    buffer = BytesIO()
    import_module("pyarrow.parquet").write_table(arrow.table(columns), buffer)
    content = buffer.getvalue()
    write_bytes(path, content)
    return sha256_of(content)


def read_index(path: Path, sha256: str, length: int) -> PackedIndex:
    """Reads the table.

    Args:
        path: Path of the file.
        sha256: Hash of the file's bytes that the manifest records.
        length: Expected number of rows.

    Raises:
        DataError: The file is missing, or differs from what was written.
    """
    try:
        content = read_bytes(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {ANEW}.") from error
    if sha256_of(content) != sha256:
        raise DataError(f"{path} is torn or altered: its hash does not match; {ANEW}.")
    table = read_columns(BytesIO(content))
    if table.num_rows != length:
        raise DataError(f"{path} has {table.num_rows} rows for {length} images; {ANEW}.")
    codes = table.column("code")
    is_labelled = codes.null_count < length
    labels = torch.tensor(codes.fill_null(-1).to_numpy()) if is_labelled else None
    has_names = table.column("file").null_count < length
    return PackedIndex(
        files=table.column("file").to_pylist() if has_names else (),
        labels=labels,
        splits=table.column("split").to_pylist(),
        places=table.column("place").to_pylist(),
    )
