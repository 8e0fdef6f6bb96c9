"""A folder of images as a data set: its splits, its classes, its pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..core.errors import DataError
from ..core.spec import DataSpec
from .assembly import assemble, cut, hold_out, num_held_out, pick, shuffled
from .dataset import Dataset, SourceSplit, Split
from .decoding import Progress, decode_images
from .settings import DataSettings
from .tree import ImageFile, find_images


def open_folder(settings: DataSettings, path: Path, progress: Progress | None = None) -> Dataset:
    """Images below a folder; classes and splits are read from the names of folders, see `tree`.

    Examples are laid out in an order keyed by the split seed, since folders are sorted by class.

    Raises:
        DataError: no folder, no images, too many that cannot be read, or different sizes.
    """
    train_files, test_files = find_images(path)
    names = _label_names([*train_files, *(test_files or [])])
    orders = [shuffled(len(train_files), settings)]
    files = pick(train_files, orders[0])
    if test_files is not None:
        orders.append(shuffled(len(test_files), settings, "test"))
        files += pick(test_files, orders[1])
    channels = 1 if settings.grayscale else None
    values, kept, skipped = decode_images(
        path, files, settings.size, channels, settings.max_corrupt, progress
    )
    everything = Split(
        values=torch.as_tensor(values),
        labels=_codes(files, kept, names),
        rows=torch.cat(orders)[kept],
        files=tuple(files[place].name for place in kept),
    )
    num_train = None if test_files is None else sum(row < len(train_files) for row in kept)
    train, test = hold_out(*_divided(path, everything, num_train, settings), settings)
    spec = DataSpec("images", tuple(values.shape[1:]), bounded=True)
    splits = _without_blanks(train), _without_blanks(test)
    return assemble(settings, spec, splits, names, skipped=skipped)


def read_folder(
    settings: DataSettings, path: Path, spec: DataSpec, progress: Progress | None = None
) -> SourceSplit:
    """All images below a folder, sorted by name, resized and cut to what a trained model takes.

    Raises:
        DataError: no folder, no images, or too many that cannot be read.
    """
    channels, height, width = spec.shape
    assert channels in (1, 3), "images of files are gray or have three colours"
    train_files, test_files = find_images(path)
    files = [*train_files, *(test_files or [])]
    names = _label_names(files)
    values, kept, skipped = decode_images(
        path, files, (height, width), channels, settings.max_corrupt, progress
    )
    labels = _codes(files, kept, names)
    is_labelled = labels is not None and bool((labels >= 0).all())
    return SourceSplit(
        values=torch.as_tensor(values),
        labels=labels if is_labelled else None,
        rows=torch.tensor(kept),
        files=tuple(files[place].name for place in kept),
        label_names=names if is_labelled else None,
        skipped=skipped,
    )


def _divided(
    path: Path, everything: Split, num_train: int | None, settings: DataSettings
) -> tuple[Split, Split]:
    if num_train is not None:
        train, test = cut(everything, num_train)
    elif len(everything) > 1:
        test, train = cut(everything, num_held_out(len(everything), settings))
    else:
        train, test = cut(everything, 1)
    if not len(train) or not len(test):
        raise DataError(
            f"{path}: {len(train)} images are left to train on and {len(test)} to test; at least"
            " one of each is needed."
        )
    return train, test


def _label_names(files: list[ImageFile]) -> tuple[str, ...] | None:
    """Class names, sorted; None where there is but one, since all in one folder is no class."""
    names = sorted({file.label for file in files if file.label is not None})
    return tuple(names) if len(names) > 1 else None


def _codes(files: list[ImageFile], kept: list[int], names: tuple[str, ...] | None) -> Tensor | None:
    """Codes of the kept files' classes, -1 for a file of a split without classes."""
    if names is None:
        return None
    code_of = {name: code for code, name in enumerate(names)}
    labels = [files[place].label for place in kept]
    return torch.tensor([-1 if label is None else code_of[label] for label in labels])


def _without_blanks(split: Split) -> Split:
    """The split as unlabelled if its folder is flat; one split may have classes, the other none."""
    is_blank = split.labels is not None and bool((split.labels < 0).all())
    return replace(split, labels=None) if is_blank else split
