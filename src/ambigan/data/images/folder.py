"""A folder of images as a source: its splits and its classes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..settings import DataSettings
from .folder_scan import ImageFile, find_images
from .image_source import ImageSource


def find_folder(_settings: DataSettings, typed: str) -> ImageSource:
    """Finds the images below a folder, with classes and splits from the names of folders.

    See `folder_scan` for the rules.

    Args:
        _settings: Settings of the data, which are not used.
        typed: Path of the folder.

    Raises:
        DataError: There is no such folder, or it holds no images.
    """
    path = Path(typed).expanduser()
    train, test = find_images(path)
    files = [*train, *(test or [])]
    label_names = _label_names(files)
    return ImageSource(
        where=str(path),
        length=len(files),
        content=lambda place: files[place].path,
        labels=_codes(files, label_names),
        label_names=label_names,
        num_train=None if test is None else len(train),
        names=[file.name for file in files],
    )


def _label_names(files: list[ImageFile]) -> tuple[str, ...] | None:
    """Returns the sorted class names; None if there is only one, which distinguishes nothing."""
    names = sorted({file.label for file in files if file.label is not None})
    return tuple(names) if len(names) > 1 else None


def _codes(files: list[ImageFile], names: tuple[str, ...] | None) -> Tensor | None:
    """Returns the codes of the files' classes, -1 for a file of a split without classes."""
    if names is None:
        return None
    code_of = {name: code for code, name in enumerate(names)}
    return torch.tensor([-1 if file.label is None else code_of[file.label] for file in files])
