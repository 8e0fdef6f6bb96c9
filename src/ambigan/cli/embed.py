"""Features as files other tools read."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.files import write_bytes
from ..data import Split


def write_npy(path: Path, values: NDArray[Any]) -> None:
    """Writes an array atomically as `.npy`."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def write_features(
    path: Path, features: NDArray[np.float32], split: Split, label_names: tuple[str, ...] | None
) -> None:
    """Writes `(N, D)` features: the bare array as `.npy`, or a table as `.parquet`.

    The table has a column `row` (where the example stood in its source), `file` for images of a
    folder, `label` where there are labels, and one column `f0`, `f1`, ... a dimension.
    """
    if path.suffix == ".npy":
        write_npy(path, features)
        return
    arrow: Any = import_module("pyarrow")  # late: it takes a while to import
    columns: dict[str, Any] = {}
    if split.rows is not None:
        columns["row"] = split.rows.numpy()
    if split.files:
        columns["file"] = list(split.files)
    if split.labels is not None:
        labels = split.labels.numpy().tolist()
        columns["label"] = [label_names[label] for label in labels] if label_names else labels
    columns |= {f"f{i}": features[:, i] for i in range(features.shape[1])}
    buffer = io.BytesIO()
    import_module("pyarrow.parquet").write_table(arrow.table(columns), buffer)
    write_bytes(path, buffer.getvalue())
