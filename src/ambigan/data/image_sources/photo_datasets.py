"""Published data sets that must be decoded: ImageNet and CelebA by torchvision, LSUN by LMDB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.errors import DataError, unknown_name
from ...core.imports import import_extra, import_torchvision
from ..images.image_source import ImageSource
from ..settings import DataSettings
from .torchvision_datasets import data_root, found_or_downloaded, last_line


def find_imagenet(settings: DataSettings, _typed: str) -> ImageSource:
    """Finds the images of ILSVRC 2012, whose validation split is the test split.

    Raises:
        DataError: The files are missing, or cannot be read.
    """
    root = data_root(settings) / "imagenet"
    source = import_torchvision("datasets").ImageNet
    try:
        train, test = (source(root, split=split) for split in ("train", "val"))
    except MemoryError:  # is no damage
        raise
    except Exception as error:  # missing and damaged archives fail in many ways
        raise DataError(
            f"ImageNet is not in {root} ({last_line(error)}). It cannot be downloaded by ambigan:"
            " put the three archives of ILSVRC 2012 (train, val, devkit_t12) there, or train, val"
            " and meta.bin as torchvision unpacks them."
        ) from error
    samples: list[tuple[str, int]] = [*train.samples, *test.samples]
    return ImageSource(
        where=str(root),
        length=len(samples),
        content=lambda place: Path(samples[place][0]),
        labels=torch.tensor([code for _, code in samples]),
        label_names=tuple(", ".join(names) for names in train.classes),
        num_train=len(train.samples),
        names=[Path(path).relative_to(root).as_posix() for path, _ in samples],
    )


def find_celeba(settings: DataSettings, _typed: str) -> ImageSource:
    """Finds the aligned faces of CelebA in training and test split; `attribute` names the label.

    Raises:
        DataError: The files are missing and cannot be downloaded, or cannot be read.
        ConfigError: There is no such attribute.
    """
    root, holds = data_root(settings), "celeba, and in it img_align_celeba and the five lists"
    train, test = (
        found_or_downloaded("CelebA", root, {"split": split}, "celeba", holds)
        for split in ("train", "test")
    )
    files: list[str] = [*train.filename, *test.filename]
    labels, names = _attribute(settings.attribute, train, test)
    folder = root / "celeba" / "img_align_celeba"
    return ImageSource(
        where=str(folder),
        length=len(files),
        content=lambda place: folder / files[place],
        labels=labels,
        label_names=names,
        num_train=len(train.filename),
        names=files,
    )


def _attribute(
    name: str | None, *splits: Any
) -> tuple[Tensor, tuple[str, ...]] | tuple[None, None]:
    """Returns the codes of one of the forty attributes, 0 where an image does not have it."""
    if name is None:
        return None, None
    known: list[str] = [other for other in splits[0].attr_names if other]
    if name not in known:
        raise unknown_name("attribute of celeba", name, known)
    column = known.index(name)
    codes = [split.attr[:, column] for split in splits]
    return torch.cat(codes).to(torch.int64), (f"not {name}", name)


def find_lsun(settings: DataSettings, category: str) -> ImageSource:
    """Finds the images of one category of LSUN, such as `bedroom`, in its two databases.

    They are read by `lmdb` and not by torchvision, which stores its list of them as a pickle in the
    working directory, and loading a pickle may run code.

    Raises:
        ConfigError: The extra is not installed.
        DataError: A database is missing, or cannot be read.
    """
    root = data_root(settings) / "lsun"
    parts = [_Database(root / f"{category}_{split}_lmdb") for split in ("train", "val")]
    entries = [(part, key) for part in parts for key in part.keys]

    def content(place: int) -> bytes:
        part, key = entries[place]
        return part.read(key)

    return ImageSource(
        where=str(root),
        length=len(entries),
        content=content,
        num_train=len(parts[0].keys),
        names=[key.decode("ascii", "backslashreplace") for _, key in entries],
    )


class _Database:
    """The images of one LMDB database, by key."""

    def __init__(self, path: Path) -> None:
        lmdb = _import_lmdb()
        try:
            # No lock: the file is only read, and its folder may not be writable.
            self._open: Any = lmdb.open(
                str(path), create=False, readonly=True, lock=False, readahead=False
            )
            with self._open.begin() as transaction:
                self.keys: Sequence[bytes] = [*transaction.cursor().iternext(values=False)]
        except lmdb.Error as error:
            raise DataError(
                f"the database {path} is not there or cannot be read ({last_line(error)}); unpack"
                f" LSUN's archive {path.name}.zip there."
            ) from error
        if not self.keys:
            raise DataError(f"the database {path} holds no images; unpack its archive again.")

    def read(self, key: bytes) -> bytes:
        """Returns the bytes of one image."""
        with self._open.begin() as transaction:
            return bytes(transaction.get(key))


def _import_lmdb() -> Any:
    return import_extra("lmdb", "lsun", "lsun")
