"""A folder, an archive or a single file of images as a source."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import DataError
from ..file_kinds import NUM_BYTES, kind_of_bytes
from ..files import check_file, first_bytes
from ..images.image_source import ImageSource
from ..remote import is_url
from ..settings import DataSettings
from .archives import list_archive
from .folder_scan import ImageFile, find_images
from .listing import Listing, list_folder
from .remote_folder import list_url


def find_folder(settings: DataSettings, typed: str) -> ImageSource:
    """Finds the images below a folder, with classes and splits from the names of folders.

    See `folder_scan` for the rules.

    Args:
        settings: Settings of the data, whose `folders` are used.
        typed: Path of the folder, or a URL.

    Raises:
        DataError: There is no such folder, or it holds no images.
    """
    if is_url(typed):
        return source_of_listing(list_url(typed), settings)
    return source_of_listing(list_folder(Path(typed).expanduser()), settings)


def find_archive(settings: DataSettings, typed: str) -> ImageSource:
    """Finds the images in a `.zip`, `.tar` or `.tar.gz`, by the rules of folders.

    Raises:
        DataError: There is no such archive, it cannot be read, or it holds no images.
    """
    path = Path(typed).expanduser()
    check_file(path, "a .zip or .tar of images")
    return source_of_listing(list_archive(path), settings)


def find_image_file(_settings: DataSettings, typed: str) -> ImageSource:
    """Finds the pages or frames of a single file.

    Raises:
        DataError: There is no such file, or it is no image.
    """
    path = Path(typed).expanduser()
    check_file(path, "an image")
    kind = kind_of_bytes(first_bytes(path, NUM_BYTES))
    if kind is not None and kind.role == "archive":
        raise DataError(f"{path} is a {kind.name}; open it as archive:{path}.")
    return ImageSource(where=str(path), length=1, content=lambda _place: path, names=[path.name])


def source_of_listing(listing: Listing, settings: DataSettings) -> ImageSource:
    """Returns the images of a listing, with classes and splits from the names of folders."""
    scan = find_images(listing, settings.folders)
    files = [*scan.train, *(scan.test or [])]
    label_names = _label_names(files)
    return ImageSource(
        where=listing.where,
        length=len(files),
        content=lambda place: listing.content(files[place].place),
        labels=_codes(files, label_names),
        label_names=label_names,
        num_train=None if scan.test is None else len(scan.train),
        names=[file.name for file in files],
        left_alone=scan.left_alone,
        facts=tuple(scan.facts),
        warnings=tuple(f"{listing.where}: {line}" for line in scan.warnings),
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
