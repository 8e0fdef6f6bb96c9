"""Which of many named arrays hold examples, labels and splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...core.errors import DataError
from ..registry import RawExamples
from ..settings import DataSettings
from .layout import examples_of_arrays

_EXAMPLES = ("x", "data", "images", "image", "features", "samples", "inputs", "arr_0")
_LABELS = ("y", "labels", "label", "target", "targets", "classes", "class", "arr_1")
_TRAIN, _TEST = ("train", "training"), ("test", "testing", "val", "valid", "validation")


def named_arrays(
    path: Path,
    names: Sequence[str],
    read: Callable[[str], NDArray[Any]],
    settings: DataSettings,
) -> RawExamples:
    """Reads the arrays of examples and labels among those of a file; others are counted.

    Args:
        path: The file, for messages.
        names: Names of all its arrays.
        read: Function that reads one.
        settings: Settings of the data.

    Raises:
        DataError: No array is recognised as the examples.
    """
    examples, labels = _chosen(path, names)
    used = {*examples, *filter(None, labels)}
    others = [name for name in names if name not in used]
    left = {f"other arrays ({', '.join(others[:5])})": len(others)} if others else {}
    named = " and ".join(f"'{name}'" for name in labels if name)
    return examples_of_arrays(
        path,
        [(name, read(name)) for name in examples],
        [read(name) if name else None for name in labels],
        settings,
        labels_name=f"array {named}",
        left_alone=left,
    )


def _chosen(path: Path, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """Returns the names of the arrays of examples, and those of their labels."""
    known = {name.casefold(): name for name in reversed(names)}
    train, test = (_of_split(known, _EXAMPLES, split) for split in (_TRAIN, _TEST))
    if train and test:
        return (train, test), tuple(_of_split(known, _LABELS, part) for part in (_TRAIN, _TEST))
    if train:
        return (train,), (_of_split(known, _LABELS, _TRAIN),)
    whole = next((known[name] for name in _EXAMPLES if name in known), None)
    if whole is not None:
        return (whole,), (next((known[name] for name in _LABELS if name in known), None),)
    if len(names) == 1:
        return (names[0],), (None,)
    raise DataError(
        f"{path} holds arrays named {', '.join(names) or 'nothing'}; needed are x (and y for"
        " labels), or x_train and x_test (and y_train, y_test), or a single array."
    )


def _of_split(known: dict[str, str], kinds: Sequence[str], split: Sequence[str]) -> str | None:
    """Returns the name of an array of a split, such as `x_train`, `train_images` or `trainX`."""
    wanted = (
        form
        for part in split
        for kind in kinds
        for form in (f"{kind}_{part}", f"{part}_{kind}", f"{part}{kind}", f"{kind}{part}")
    )
    return next((known[form] for form in wanted if form in known), None)
