"""Vectors from arrays and tables: checked, split and scaled, or read whole for a trained model."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.data_spec import DataSpec
from ...core.errors import DataError
from ..dataset import Dataset, Scaling, SourceSplit, Split
from ..inventory import Inventory
from ..labels import encode_labels, is_missing_label
from ..settings import DataSettings
from ..splits import (
    apply_holdout,
    arange,
    assemble,
    concat,
    group_codes,
    held_out_groups,
    num_held_out,
    shuffled,
    split_at,
    take,
    warn_of_published,
)
from .missing import filled, fitted_fill, rows_with_missing, with_marks
from .raw_vectors import RawVectors, checked_targets, checked_values, listed_columns, some
from .scaling import Floats, Rows, constant_columns, fit_scaling, inflated_columns


def build_vectors(raw: RawVectors, settings: DataSettings) -> Dataset:
    """Checks, splits and scales vectors.

    Args:
        raw: Content of the file.
        settings: Settings of the data.

    Raises:
        DataError: Values cannot be used; the message names the file and the column.
    """
    raw = _without_missing(raw, settings)
    splits, label_names = _raw_splits(raw, is_filled=settings.missing in ("mean", "median"))
    arrays: list[Floats] = [split.values.numpy() for split in splits]
    numbered = [replace(split, values=arange(len(split))) for split in splits]
    if len(numbered) == 2:  # counted on, so that a holdout of the training split is known by it
        numbered[1] = replace(numbered[1], values=numbered[1].values + len(arrays[0]))
    train, test = apply_holdout(*_divided(numbered, settings, raw), settings, label_names)
    if len(train) < 2:
        raise DataError(
            f"{raw.file}: only {len(train)} of {len(train) + len(test)} rows is left to train on;"
            " at least 2 are needed."
        )
    fill, facts = None, list(raw.facts)
    if settings.missing in ("mean", "median"):
        fill = fitted_fill(_rows_of(train, arrays), settings.missing)
        arrays, by_column = filled(arrays, fill)
        count = int(by_column[_first_of_each(raw)].sum())
        facts += [f"{count:,} missing values filled by the {settings.missing}"] * (count > 0)
    rows = _rows_of(train, arrays)
    kept, columns = _without_constants(raw, rows, settings)
    rows = replace(rows, columns=kept)
    scaling = replace(
        fit_scaling(rows, settings.scaling, columns),
        fill=None if fill is None else torch.as_tensor(fill[kept]),
        categories=raw.categories,
        integers=_integers(raw, columns, rows),
    )
    spec = DataSpec("vectors", (len(kept),), settings.scaling in ("minmax", "quantile"))
    values = [rows, replace(_rows_of(test, arrays), columns=kept)]
    scaled = [
        replace(split, values=part.scaled(scaling))
        for split, part in zip((train, test), values, strict=True)
    ]
    facts.append(f"{len(kept):,} column{'s' * (len(kept) != 1)}")
    if train.targets is not None:
        num = train.targets.shape[1] if train.targets.ndim > 1 else 1
        facts.append(f"{num} target{'s' * (num > 1)}")
    if raw.groups is not None:
        facts.append(f"{len(set(raw.groups.tolist())):,} groups, whole on one side of the split")
    inventory = Inventory(
        "rows",
        facts=tuple(facts),
        left_alone=raw.left_alone,
        warnings=(*raw.warnings, *_inflated(raw, rows, columns, settings)),
    )
    pair = scaled[0], scaled[1]
    return assemble(settings, spec, pair, label_names, scaling, inventory=inventory)


def _first_of_each(raw: RawVectors) -> list[int] | slice:
    """The places of columns, of those that one column of categories is made into the first only."""
    later = {f"{name}={v}" for name, levels in raw.categories.items() for v in levels[1:]}
    return [place for place, name in enumerate(raw.columns) if name not in later] or slice(None)


def _without_missing(raw: RawVectors, settings: DataSettings) -> RawVectors:
    """Marks missing values, and leaves out and counts their rows where the settings say so."""
    parts = tuple((name, with_marks(array, settings)) for name, array in raw.parts)
    raw = replace(raw, parts=parts)
    if settings.missing != "drop" or any(a.dtype.kind != "f" or a.ndim != 2 for _, a in parts):
        return raw
    kept = [~rows_with_missing(array) for _, array in parts]
    for place, given in enumerate(raw.labels):
        if given is not None and len(given) == len(kept[place]) and given.ndim == 1:
            kept[place] &= ~is_missing_label(given)
    count = sum(int((~part).sum()) for part in kept)
    if not count:
        return raw
    if not all(part.any() for part in kept):
        raise DataError(
            f"{raw.file}: every row has a missing value; fill them in with --data.missing mean, or"
            " leave out columns with --data.drop."
        )
    pairs = zip(raw.parts, kept, strict=True)
    rows = np.flatnonzero(kept[0]) if raw.rows is None else raw.rows[kept[0]]
    return replace(
        raw,
        parts=tuple((name, array[part]) for (name, array), part in pairs),
        labels=tuple(
            None if some is None else some[part]
            for some, part in zip(raw.labels, kept, strict=True)
        ),
        targets=tuple(
            None if some is None else some[part]
            for some, part in zip(raw.targets, kept, strict=False)
        ),
        ids=None if raw.ids is None else raw.ids[kept[0]],
        groups=None if raw.groups is None else raw.groups[kept[0]],
        rows=rows if len(parts) == 1 else None,
        left_alone={**raw.left_alone, "rows with missing values": count},
    )


def _integers(raw: RawVectors, columns: tuple[str, ...], rows: Rows) -> tuple[str, ...]:
    """Returns the names of columns of whole numbers, as the file or the values tell."""
    if not columns or not raw.columns:
        return ()
    if raw.integers is not None:
        return tuple(name for name in columns if name in set(raw.integers))
    is_whole = np.ones(len(columns), np.bool_)
    for part in rows.parts():
        is_whole &= (part == np.floor(part)).all(0)
    levels = {f"{name}={level}" for name, found in raw.categories.items() for level in found}
    return tuple(
        name for name, whole in zip(columns, is_whole, strict=True) if whole and name not in levels
    )


def _inflated(
    raw: RawVectors, rows: Rows, columns: tuple[str, ...], settings: DataSettings
) -> tuple[str, ...]:
    """Returns one line for each column, of few, whose scaling one value decides."""
    if settings.scaling not in ("standard", "minmax"):
        return ()
    lines: list[str] = []
    for place, value, count in inflated_columns(rows, settings.scaling):
        name = f"column '{columns[place]}'" if columns else f"column {rows.columns[place]}"
        often = f"{count} rows" if count > 1 else "one row"
        lines.append(
            f"{name} holds {value:.6g} in {often}, far from all its other values, which scaling"
            " then makes almost the same; give --data.scaling robust (or quantile), or if it marks"
            f" missing values, --data.missing-marks {value!r} --data.missing drop."
        )
    more = [f"so do {len(lines) - _TOLD} more columns."] if len(lines) > _TOLD else []
    return (*lines[:_TOLD], *more)


_TOLD = 3
"""Columns that are warned of one by one."""


def _rows_of(split: Split, arrays: list[NDArray[np.floating]]) -> Rows:
    """The rows that a split of numbered ones stands for; they all lie in one of the arrays."""
    places, first = split.values.numpy(), len(arrays[0])
    if len(places) and places[0] >= first:
        return replace(Rows.whole(arrays[1]), places=places - first)
    return replace(Rows.whole(arrays[0]), places=places)


def read_vectors(
    raw: RawVectors, spec: DataSpec, scaling: Scaling | None, settings: DataSettings
) -> SourceSplit:
    """Returns all vectors in the order of the file, as a trained model takes them.

    Args:
        raw: Content of the file; for a table, the columns that the model takes.
        spec: Form of the model's vectors.
        scaling: Scaling fitted in training; None to leave the values unchanged.
        settings: Settings of the data, which say what happens to missing values.

    Raises:
        DataError: The width differs, or values are missing, infinite or not numbers.
    """
    splits, label_names = _as_trained(raw, spec, scaling, settings)
    return concat(splits, label_names)


def build_vectors_as(
    raw: RawVectors, settings: DataSettings, spec: DataSpec, scaling: Scaling | None
) -> Dataset:
    """Both splits of vectors, in the columns and the scaling of a trained model.

    Raises:
        DataError: As `read_vectors`.
    """
    raw = _without_missing(raw, settings)
    splits, label_names = _as_trained(raw, spec, scaling, settings)
    parts = apply_holdout(*_divided(splits, settings, raw), settings, label_names)
    return assemble(settings, spec, parts, label_names, scaling)


def _as_trained(
    raw: RawVectors, spec: DataSpec, scaling: Scaling | None, settings: DataSettings
) -> tuple[list[Split], tuple[str, ...] | None]:
    """The splits of a file with the columns and the scaling of a trained model."""
    columns = scaling.columns if scaling else ()
    parts = [
        (name, _taken(array, spec.num_values, columns, raw.where(name)))
        for name, array in raw.parts
    ]
    taken = replace(raw, parts=tuple(parts), columns=raw.columns or columns, is_for_model=True)
    taken = _without_missing(taken, settings)
    fill = scaling.fill if scaling else None
    if fill is not None and all(array.dtype.kind == "f" for _, array in taken.parts):
        names = [name for name, _ in taken.parts]
        arrays, _ = filled([array for _, array in taken.parts], fill.numpy())
        taken = replace(taken, parts=tuple(zip(names, arrays, strict=True)))
    splits, label_names = _raw_splits(taken)
    scaled = [
        replace(split, values=scaling.apply(split.values) if scaling else split.values.float())
        for split in splits
    ]
    for split in scaled:
        bad = ~torch.isfinite(split.values).all(1)
        if bad.any() and split.rows is not None:
            row = int(split.rows[bad][0])
            raise DataError(
                f"{raw.file}: row {row} (counted from 0) is so far from the training data that its"
                " scaled values are not finite in float32; correct it or leave it out."
            )
    return scaled, label_names


def _taken(array: NDArray[Any], width: int, columns: tuple[str, ...], where: str) -> NDArray[Any]:
    """Returns the columns of an array that a model takes: all, or those kept in training."""
    if array.ndim != 2 or array.shape[1] == width:
        return array  # later checks reject all arrays that are not 2-D
    kept = _positions(columns)
    if kept and kept[-1] < array.shape[1]:
        return array[:, kept]
    names = f" ({some(columns)})" if columns else ""
    raise DataError(f"{where}: it has {array.shape[1]} columns; the model takes {width}{names}.")


def _positions(columns: tuple[str, ...]) -> list[int]:
    """Returns the positions of an array's kept columns; none if the names are a table's."""
    if not all(name.isascii() and name.isdecimal() for name in columns):
        return []
    kept = [int(name) for name in columns]
    return kept if kept == sorted(set(kept)) else []


def _raw_splits(
    raw: RawVectors, *, is_filled: bool = False
) -> tuple[list[Split], tuple[str, ...] | None]:
    values = [checked_values(raw, name, array, is_filled) for name, array in raw.parts]
    widths = [array.shape[1] for array in values]
    if len(set(widths)) > 1:
        raise DataError(
            f"{raw.file}: '{raw.parts[0][0]}' has {widths[0]} columns and '{raw.parts[1][0]}' has"
            f" {widths[1]}; both must have the same; leave columns out of one."
        )
    codes, names = encode_labels(raw.labels, f"{raw.file}, {raw.labels_name}")
    for (part, _), array, code in zip(raw.parts, values, codes, strict=True):
        if code is not None and len(code) != len(array):
            raise DataError(
                f"{raw.where(part)}: {len(array)} rows but {len(code)} labels; each row needs one."
            )
    targets = raw.targets or (None,) * len(values)
    ids = () if raw.ids is None else tuple(map(str, raw.ids.tolist()))
    groups = () if raw.groups is None else raw.groups.tolist()
    with warnings.catch_warnings():  # of a memory-mapped file, which is only read
        warnings.filterwarnings("ignore", message=".*array is not writable.*")
        tensors = [torch.as_tensor(array) for array in values]
    splits = [
        Split(
            tensor,
            code,
            arange(len(array)) if raw.rows is None else torch.as_tensor(raw.rows),
            targets=checked_targets(raw, some, len(array)),
            ids=ids,
            groups=group_codes(groups, len(array)) if len(values) == 1 else None,
        )
        for tensor, array, code, some in zip(tensors, values, codes, targets, strict=True)
    ]
    return splits, names


def _divided(splits: list[Split], settings: DataSettings, raw: RawVectors) -> tuple[Split, Split]:
    """Returns the published splits, or splits by the seed; shuffled, so any stretch is fair.

    Groups are kept on one side.
    """
    parts = [
        take(split, shuffled(len(split), settings, name))
        for split, name in zip(splits, ("split", "test"), strict=False)
    ]
    if len(parts) == 2:
        if settings.test_fraction is not None:
            warn_of_published(settings.source)
        return parts[0], parts[1]
    if raw.groups is None:
        test, train = split_at(parts[0], num_held_out(len(parts[0]), settings))
        return train, test
    held_out = list(held_out_groups(raw.groups.tolist(), settings, str(raw.file)))
    order = shuffled(len(splits[0]), settings, "split")
    is_test = torch.as_tensor(np.isin(raw.groups, held_out))[order]
    return take(splits[0], order[~is_test]), take(splits[0], order[is_test])


def _without_constants(
    raw: RawVectors, train: Rows, settings: DataSettings
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Returns the columns that change in training, by position, and their names."""
    constant = constant_columns(train)
    if not constant.any():
        return train.columns, raw.columns
    names = raw.columns or tuple(str(place) for place in range(len(constant)))
    found = [name for name, is_constant in zip(names, constant, strict=True) if is_constant]
    if not settings.drop_constant:
        counted = "" if raw.columns else " (counted from 0)"
        raise DataError(
            f"{raw.file}: {listed_columns(found)}{counted} never changes in the {len(train)}"
            " training rows; leave out constant columns with --data.drop-constant true."
        )
    if constant.all():
        raise DataError(
            f"{raw.file}: every column is constant in the {len(train)} training rows; there"
            " is nothing to learn; give other data."
        )
    return np.flatnonzero(~constant), tuple(name for name in names if name not in set(found))
