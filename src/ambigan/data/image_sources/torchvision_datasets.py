"""Data sets known by name, through torchvision, from local files or downloaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.data_spec import DataSpec
from ...core.errors import DataError
from ...core.imports import import_torchvision
from ..dataset import Dataset, SourceSplit, Split
from ..settings import DataSettings
from ..splits import apply_holdout, arange, assemble, concat


@dataclass(frozen=True)
class Published:
    """A data set of torchvision that fits in memory.

    Attributes:
        title: Common name of the data set, which is also the name of torchvision's class.
        folder: Folder of its files, relative to the root.
        holds: Description of what the root must contain, for messages.
        shape: Shape of one image, `(C, H, W)`.
        label_names: Class names; None for those that torchvision reads.
        choice: Argument of torchvision that selects a split, with its values for each part of the
            training split and for the test split.
        is_labelled: Whether every training image has a label.
    """

    title: str
    folder: str
    holds: str
    shape: tuple[int, int, int]
    label_names: tuple[str, ...] | None
    choice: tuple[str, tuple[Any, ...], Any] = ("train", (True,), False)
    is_labelled: bool = True

    def open(self, settings: DataSettings) -> Dataset:
        """Opens both splits as uint8 images, in the published order.

        Raises:
            DataError: The files are missing and cannot be downloaded, or cannot be read.
        """
        (train, test), names = self._read(settings)
        spec = DataSpec("images", self.shape, bounded=True)
        return assemble(settings, spec, apply_holdout(train, test, settings, names), names)

    def read(self, settings: DataSettings) -> SourceSplit:
        """Reads all images, training and then test split.

        Raises:
            DataError: The files are missing and cannot be downloaded, or cannot be read.
        """
        splits, names = self._read(settings)
        return concat(splits, names)

    def _read(self, settings: DataSettings) -> tuple[tuple[Split, Split], tuple[str, ...]]:
        root = data_root(settings)
        choice, train, test = self.choice
        parts = [
            found_or_downloaded(self.title, root, {choice: value}, self.folder, self.holds)
            for value in (*train, test)
        ]
        splits = self._split(parts[:-1], self.is_labelled), self._split(parts[-1:], True)
        return splits, self.label_names or tuple(parts[-1].classes)

    def _split(self, parts: list[Any], is_labelled: bool) -> Split:
        arrays = [self._pixels(part.data) for part in parts]
        values = np.empty((sum(map(len, arrays)), *self.shape), np.uint8)
        np.concatenate(arrays, out=values)
        labels = [torch.as_tensor(_labels(part), dtype=torch.int64) for part in parts]
        return Split(
            torch.from_numpy(values),  # pyright: ignore[reportUnknownMemberType]
            torch.cat(labels) if is_labelled else None,
            arange(len(values)),
        )

    def _pixels(self, data: Any) -> NDArray[np.uint8]:
        """Converts images `(N, H, W)`, `(N, H, W, C)` or `(N, C, H, W)` to the last of these."""
        array = np.asarray(data)
        if array.ndim == 3:
            return array[:, None]
        return array if array.shape[1:] == self.shape else array.transpose(0, 3, 1, 2)


_DIGITS = tuple(str(digit) for digit in range(10))
_SPLITS = ("split", ("train",), "test")
_STL10 = (
    *("STL10", "stl10_binary", "stl10_binary as it is unpacked", (3, 96, 96)),
    ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"),
)

MNIST = Published(
    "MNIST", "MNIST/raw", "MNIST/raw and in it the four idx files", (1, 28, 28), _DIGITS
)
CIFAR10 = Published(
    "CIFAR10", "cifar-10-batches-py", "cifar-10-batches-py as it is unpacked", (3, 32, 32), None
)
CIFAR100 = Published(
    "CIFAR100", "cifar-100-python", "cifar-100-python as it is unpacked", (3, 32, 32), None
)
# torchvision keeps the files of SVHN in the root itself.
SVHN = Published("SVHN", ".", "train_32x32.mat and test_32x32.mat", (3, 32, 32), _DIGITS, _SPLITS)
STL10 = Published(*_STL10, _SPLITS)
# Only 5,000 of the 105,000 images have a label. Protocols would take the others for one class, so
# the split counts as unlabelled.
STL10_UNLABELLED = Published(*_STL10, ("split", ("train", "unlabeled"), "test"), False)


def data_root(settings: DataSettings) -> Path:
    """Returns the folder of downloaded data: the setting, $AMBIGAN_DATA, or `~/.cache/ambigan`."""
    root = settings.root or os.environ.get("AMBIGAN_DATA") or "~/.cache/ambigan"
    return Path(root).expanduser()


def found_or_downloaded(
    title: str, root: Path, chosen: dict[str, Any], folder: str, holds: str
) -> Any:
    """Returns a data set of torchvision, from its files or downloaded.

    Args:
        title: Name of torchvision's class.
        root: Folder that holds its files, or will.
        chosen: Arguments that select a split.
        folder: Folder of its files relative to the root, for messages.
        holds: Description of what the root must contain, for messages.

    Raises:
        DataError: The files are missing and cannot be downloaded, or cannot be read.
    """
    source = getattr(import_torchvision("datasets"), title)
    try:
        return source(root, **chosen, download=False)
    except MemoryError:  # is no damage
        raise
    except Exception as error:  # a damaged file can make its parser raise anything
        if "not found" not in str(error) or not isinstance(error, RuntimeError):
            raise DataError(
                f"the files of {title} in {root / folder} cannot be read ({last_line(error)});"
                " delete them to have them downloaded again."
            ) from error
    try:
        return source(root, **chosen, download=True)
    except MemoryError:  # is no damage
        raise
    except Exception as error:  # network, disk and downloaded files fail in their own ways
        raise DataError(
            f"{title} is missing or incomplete in {root / folder}, and could not be downloaded"
            f" ({last_line(error)}). Set AMBIGAN_DATA or --data.root to a folder with {holds}."
        ) from error


def _labels(part: Any) -> Any:
    return part.targets if hasattr(part, "targets") else part.labels


def last_line(error: Exception) -> str:
    """Returns the last line of an error's text; torchvision lists one mirror per line."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip(" .") if lines else type(error).__name__
