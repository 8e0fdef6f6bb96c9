"""Sets known by name, through torchvision: from files that are there, else downloaded."""

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
from ...core.torchvision_compat import import_torchvision
from ..dataset import Dataset, SourceSplit, Split
from ..settings import DataSettings
from ..splits import apply_holdout, arange, assemble, concat


@dataclass(frozen=True)
class Published:
    """A set of torchvision that fits in memory.

    Attributes:
        title: as it is known, which is also the name of torchvision's class.
        folder: of its files, below the root.
        holds: what must lie in the root, for messages.
        shape: of an image, `(C, H, W)`.
        label_names: class names; None to take those that torchvision reads.
        choice: torchvision's argument that chooses a split, and its values: of each part of the
            training split, and of the test split.
        is_labelled: every training image has a label.
    """

    title: str
    folder: str
    holds: str
    shape: tuple[int, int, int]
    label_names: tuple[str, ...] | None
    choice: tuple[str, tuple[Any, ...], Any] = ("train", (True,), False)
    is_labelled: bool = True

    def open(self, settings: DataSettings) -> Dataset:
        """Both splits as uint8 images, in the published order.

        Raises:
            DataError: the files are not there and cannot be downloaded, or cannot be read.
        """
        (train, test), names = self._read(settings)
        spec = DataSpec("images", self.shape, bounded=True)
        return assemble(settings, spec, apply_holdout(train, test, settings), names)

    def read(self, settings: DataSettings) -> SourceSplit:
        """All images, train and then test.

        Raises:
            DataError: as `open`.
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
        """Images `(N, H, W)`, `(N, H, W, C)` or `(N, C, H, W)` as the last of these."""
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
# A label on 5,000 of 105,000 would be a class named "none" to whatever measures; so there is none.
STL10_UNLABELLED = Published(*_STL10, ("split", ("train", "unlabeled"), "test"), False)


def data_root(settings: DataSettings) -> Path:
    """Where downloaded sets lie: the setting, then $AMBIGAN_DATA, then `~/.cache/ambigan`."""
    root = settings.root or os.environ.get("AMBIGAN_DATA") or "~/.cache/ambigan"
    return Path(root).expanduser()


def found_or_downloaded(
    title: str, root: Path, chosen: dict[str, Any], folder: str, holds: str
) -> Any:
    """A data set of torchvision: from its files, else downloaded.

    Args:
        title: the name of torchvision's class.
        root: where its files lie or are to lie.
        chosen: the arguments that choose a split.
        folder: of its files, below the root, for messages.
        holds: what must lie in the root, for messages.

    Raises:
        DataError: the files are not there and cannot be downloaded, or cannot be read.
    """
    source = getattr(import_torchvision("datasets"), title)
    try:
        return source(root, **chosen, download=False)
    except MemoryError:  # is no damage
        raise
    except Exception as error:  # what a damaged file makes of its parser is not foreseeable
        if "not found" not in str(error) or not isinstance(error, RuntimeError):
            raise DataError(
                f"the files of {title} in {root / folder} cannot be read ({last_line(error)});"
                " delete them to have them downloaded again."
            ) from error
    try:
        return source(root, **chosen, download=True)
    except MemoryError:  # is no damage
        raise
    except Exception as error:  # of the network, of the disk, of what was downloaded
        raise DataError(
            f"{title} is not in {root / folder}, or not whole, and could not be downloaded"
            f" ({last_line(error)}). Set AMBIGAN_DATA or --data.root to a folder with {holds}."
        ) from error


def _labels(part: Any) -> Any:
    return part.targets if hasattr(part, "targets") else part.labels


def last_line(error: Exception) -> str:
    """The last line of an error's text; torchvision lists a mirror per line."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip(" .") if lines else type(error).__name__
