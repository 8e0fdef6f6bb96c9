"""MNIST through torchvision: from files that are there, else downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ..core.errors import DataError
from ..core.spec import DataSpec
from .assembly import assemble, hold_out, joined, places
from .dataset import Dataset, SourceSplit, Split
from .settings import DataSettings
from .vision import import_torchvision

NAMES = tuple(str(digit) for digit in range(10))


def open_mnist(settings: DataSettings) -> Dataset:
    """MNIST as uint8 images `(1, 28, 28)`, in the published order.

    Raises:
        DataError: the files are not there and cannot be downloaded, or cannot be read.
    """
    train, test = _published(settings)
    spec = DataSpec("images", (1, 28, 28), bounded=True)
    return assemble(settings, spec, hold_out(train, test, settings), NAMES)


def read_mnist(settings: DataSettings) -> SourceSplit:
    """All of MNIST, train and then test.

    Raises:
        DataError: as `open_mnist`.
    """
    return joined(_published(settings), NAMES)


def data_root(settings: DataSettings) -> Path:
    """Where downloaded sets lie: the setting, then $AMBIGAN_DATA, then `~/.cache/ambigan`."""
    root = settings.root or os.environ.get("AMBIGAN_DATA") or "~/.cache/ambigan"
    return Path(root).expanduser()


def _published(settings: DataSettings) -> tuple[Split, Split]:
    root = data_root(settings)
    return _load(root, train=True), _load(root, train=False)


def _load(root: Path, train: bool) -> Split:
    mnist = import_torchvision("datasets").MNIST
    try:
        source = _found_or_downloaded(mnist, root, train)
        values: torch.Tensor = source.data.unsqueeze(1)
        return Split(values, source.targets, places(len(values)))
    except DataError:
        raise
    except Exception as error:  # what a damaged file makes of its parser is not foreseeable
        raise DataError(
            f"the files of MNIST in {root / 'MNIST' / 'raw'} cannot be read ({_reason(error)});"
            " delete that folder to have it downloaded again."
        ) from error


def _found_or_downloaded(mnist: Any, root: Path, train: bool) -> Any:
    try:
        return mnist(root, train=train, download=False)
    except RuntimeError as error:
        if "not found" not in str(error):
            raise
    try:
        return mnist(root, train=train, download=True)
    except (RuntimeError, OSError) as error:
        raise DataError(
            f"MNIST is not in {root / 'MNIST' / 'raw'} and could not be downloaded"
            f" ({_reason(error)}). Set AMBIGAN_DATA or --data.root to a folder in which MNIST/raw"
            " holds the four idx files."
        ) from error


def _reason(error: Exception) -> str:
    """The last line of an error's text; torchvision lists a mirror per line."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip(" .") if lines else type(error).__name__
