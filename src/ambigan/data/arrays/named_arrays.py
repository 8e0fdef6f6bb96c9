"""Which of many named arrays hold examples, labels and splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError, suggestion
from ..opening.registry import RawExamples
from ..settings import DataSettings
from ..tables.raw_vectors import some
from .layout import examples_of_arrays

_EXAMPLES = ("x", "data", "images", "image", "features", "samples", "inputs", "arr_0")
_LABELS = ("y", "labels", "label", "target", "targets", "classes", "class", "arr_1")
_TRAIN, _TEST = ("train", "training"), ("test", "testing", "val", "valid", "validation")


def named_arrays(
    path: Path,
    names: Sequence[str],
    read: Callable[[str], NDArray[Any]],
    settings: DataSettings,
    needed: tuple[str, ...] | None,
) -> RawExamples:
    """Reads the arrays of examples and labels among those of a file; others are counted.

    Args:
        path: The file, for messages.
        names: Names of all its arrays.
        read: Function that reads one.
        settings: Settings of the data.
        needed: None for training; a trained model needs no labels and targets that are not there.

    Raises:
        DataError: No array is recognised as the examples.
    """
    if needed is not None:
        is_there = settings.label_column in names
        settings = replace(
            settings,
            label_column=settings.label_column if is_there else None,
            target_column=tuple(name for name in settings.target_column if name in names),
        )
    examples, labels = _chosen(path, names, settings)
    targets = _asked(path, names, settings.target_column, "target_column")
    if targets and len(examples) > 1:
        raise DataError(
            f"{path}: targets are for a file with one split, and it holds two; leave out"
            " --data.target-column, or save the two as one."
        )
    used = {*examples, *filter(None, labels), *targets}
    others = [name for name in names if name not in used]
    left = {f"other arrays ({', '.join(others[:5])})": len(others)} if others else {}
    named = " and ".join(f"'{name}'" for name in labels if name)
    columns = [read(name) for name in targets]
    stacked = [array.reshape(len(array), -1) if array.ndim else array for array in columns]
    if len({len(array) for array in stacked}) > 1:
        raise DataError(
            f"{path}: arrays {', '.join(targets)} differ in length; each row"
            " needs one value of each."
        )
    return examples_of_arrays(
        path,
        [(name if len(names) > 1 else "", read(name)) for name in examples],
        [read(name) if name else None for name in labels],
        settings,
        labels_name=f"array {named}",
        left_alone=left,
        targets=[np.concatenate(stacked, 1)] if stacked else None,
        facts=[f"array {' and '.join(map(repr, examples))}"] if len(names) > 1 else [],
    )


def _asked(
    path: Path, names: Sequence[str], wanted: Sequence[str], setting: str
) -> tuple[str, ...]:
    """Returns the names of arrays that a setting asks for.

    Raises:
        DataError: There is none of a name.
    """
    for name in wanted:
        if name not in names:
            raise DataError(
                f"{path} has no array '{name}', which data.{setting} names."
                f"{suggestion(name, names)} It holds: {some(names) or 'nothing'}."
            )
    return tuple(wanted)


def _chosen(
    path: Path, names: Sequence[str], settings: DataSettings
) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """Returns the names of the arrays of examples, and those of their labels."""
    taken = {*settings.target_column, settings.label_column}
    # Groups of a file are parts of a name: train/x is as good as train_x.
    keys = {name: name.casefold().strip("/").replace("/", "_") for name in names}
    known = {keys[name]: name for name in reversed(names) if name not in taken}
    label = None
    if settings.label_column is not None:
        (label,) = _asked(path, names, (settings.label_column,), "label_column")
    if settings.key is not None:
        examples = _asked(path, names, (settings.key,), "key")
        return examples, (label or _whole_labels(known),)
    train, test = (_of_split(known, _EXAMPLES, split) for split in (_TRAIN, _TEST))
    if train and test and label is None:
        return (train, test), tuple(_of_split(known, _LABELS, part) for part in (_TRAIN, _TEST))
    if train:
        return (train,), (label or _of_split(known, _LABELS, _TRAIN),)
    whole = next((known[name] for name in _EXAMPLES if name in known), None)
    if whole is not None:
        return (whole,), (label or _whole_labels(known),)
    if len(known) == 1:
        return (next(iter(known.values())),), (label,)
    raise DataError(
        f"{path} holds arrays named {some(names) or 'nothing'}; name the one of the examples with"
        " --data.key and that of labels with --data.label-column. Recognised are x (and y for"
        " labels), and x_train and x_test (and y_train, y_test)."
    )


def _whole_labels(known: dict[str, str]) -> str | None:
    return next((known[name] for name in _LABELS if name in known), None)


def _of_split(known: dict[str, str], kinds: Sequence[str], split: Sequence[str]) -> str | None:
    """Returns the name of an array of a split, such as `x_train`, `train_images` or `trainX`."""
    wanted = (
        form
        for part in split
        for kind in kinds
        for form in (f"{kind}_{part}", f"{part}_{kind}", f"{part}{kind}", f"{kind}{part}")
    )
    return next((known[form] for form in wanted if form in known), None)
