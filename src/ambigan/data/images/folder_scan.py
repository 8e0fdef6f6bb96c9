"""The images below a folder, with their split and their class."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import DataError
from ..files import check_data_folder
from .image_decoding import image_suffixes

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation", "eval", "dev")
"""Names of folders with a test split; the first one that exists is used."""


@dataclass(frozen=True)
class ImageFile:
    """An image below the folder that was opened.

    Attributes:
        path: Path of the file.
        name: Path relative to the folder, with forward slashes.
        label: Name of the first folder on the way from the split to the image; None for an image at
            the top.
    """

    path: Path
    name: str
    label: str | None


def find_images(root: Path) -> tuple[list[ImageFile], list[ImageFile] | None]:
    """Returns the training and the test images below a folder, each sorted by name.

    A folder with `train` and `test` (or `val`) has a published split, and its other contents are
    ignored. A lone `train` is read as if it were the folder itself. Anything else is a single set
    and the second list is None; a warning mentions a `train` among other folders.

    Args:
        root: Path of the folder.

    Raises:
        DataError: There is no such folder, or it holds no images.
    """
    check_data_folder(root)
    folders = {path.name.casefold(): path for path in _visible(root) if path.is_dir()}
    train, test = _first(folders, TRAIN_NAMES), _first(folders, TEST_NAMES)
    if train and test:
        return _images(root, train), _images(root, test)
    if train and len(folders) > 1:
        known = ", ".join(TEST_NAMES)
        warnings.warn(
            f"{root} holds '{train.name}' among other folders, none of them a test split"
            f" ({known}); all of its folders are read as classes.",
            stacklevel=2,
        )
    return _images(root, train if train and len(folders) == 1 else root), None


def _first(folders: dict[str, Path], names: tuple[str, ...]) -> Path | None:
    return next((folders[name] for name in names if name in folders), None)


def _images(root: Path, top: Path) -> list[ImageFile]:
    files = sorted(_walk(top, set()))
    images = [path for path in files if path.suffix.lower() in image_suffixes()]
    if not images:
        raise DataError(f"{top} holds no images{_what_else(files)}.")
    found = [_image_file(root, top, path) for path in images]
    if all(image.label for image in found):
        return found
    # Images next to the folders have no class, and labels that only some images have are dropped.
    return [ImageFile(image.path, image.name, None) for image in found]


def _image_file(root: Path, top: Path, path: Path) -> ImageFile:
    below = path.relative_to(top).parts
    label = below[0] if len(below) > 1 else None
    return ImageFile(path, _as_text(path.relative_to(root).as_posix()), label and _as_text(label))


def _as_text(name: str) -> str:
    """Returns a name that tables can hold, with bytes of another encoding escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Yields the files below a folder. Links are followed, but no folder is entered twice."""
    status = folder.stat()
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for path in _visible(folder):
        if path.is_dir():
            yield from _walk(path, seen)
        else:
            yield path


def _visible(folder: Path) -> list[Path]:
    """Returns a folder's content, sorted, without hidden files and what macOS adds to archives."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}.") from error
    return [folder / name for name in names if name[0] != "." and name != "__MACOSX"]


def _what_else(files: list[Path]) -> str:
    if not files:
        return ": it is empty"
    counts = Counter(path.suffix.lower() or "no suffix" for path in files).most_common(3)
    kinds = ", ".join(f"{count} of {kind}" for kind, count in counts)
    return f", only other files ({kinds}); known are .png, .jpg, .webp, .bmp, .tif, .gif and others"
