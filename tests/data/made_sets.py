"""Small files in the real layouts of published sets, whose own are too large for a test."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from ambigan.data import import_torchvision

NUM_TRAIN, NUM_TEST = 20, 5


def ramp(count: int, *shape: int) -> np.ndarray[Any, Any]:
    """Images whose pixels are 0, 1, 2, ... over the whole array, modulo 251."""
    return (np.arange(count * np.prod(shape)) % 251).astype(np.uint8).reshape(count, *shape)


def make_cifar(root: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> np.ndarray[Any, Any]:
    """Files of CIFAR10 or CIFAR100; returns the training images, `(N, 3, 32, 32)`."""
    source = getattr(import_torchvision("datasets"), kind)
    folder, fine = root / source.base_folder, "fine_labels" if kind == "CIFAR100" else "labels"
    folder.mkdir()
    images = ramp(NUM_TRAIN, 3, 32, 32)
    parts = np.array_split(np.arange(NUM_TRAIN), len(source.train_list))
    for (name, _), chosen in zip(source.train_list, parts, strict=True):
        batch = {"data": images[chosen].reshape(len(chosen), -1), fine: (chosen % 10).tolist()}
        (folder / name).write_bytes(pickle.dumps(batch))
    test = {"data": ramp(NUM_TEST, 3072), fine: list(range(NUM_TEST))}
    (folder / source.test_list[0][0]).write_bytes(pickle.dumps(test))
    names = {source.meta["key"]: [f"class {code}" for code in range(10)]}
    (folder / source.meta["filename"]).write_bytes(pickle.dumps(names))
    _forget_hashes(monkeypatch, source)
    return images


def make_svhn(root: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray[Any, Any]:
    """Files of SVHN, in which the digit 0 has the label 10."""
    source = import_torchvision("datasets").SVHN
    images = ramp(NUM_TRAIN, 3, 32, 32)
    for split, count in (("train", NUM_TRAIN), ("test", NUM_TEST)):
        content = {
            "X": images[:count].transpose(2, 3, 1, 0),
            "y": (np.arange(count) % 10 + 1)[:, None].astype(np.uint8),
        }
        savemat(root / f"{split}_32x32.mat", content)
    without = {name: [url, file, None] for name, (url, file, _) in source.split_list.items()}
    monkeypatch.setattr(source, "split_list", without)
    return images


def make_stl10(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray[Any, Any]]:
    """Files of STL10, whose pixels are kept column by column; returns images by split."""
    source = import_torchvision("datasets").STL10
    folder = root / source.base_folder
    folder.mkdir()
    images = {"train": ramp(NUM_TRAIN, 3, 96, 96), "test": ramp(NUM_TEST, 3, 96, 96) + 1}
    images["unlabeled"] = ramp(7, 3, 96, 96) + 2
    for split, values in images.items():
        (folder / f"{split}_X.bin").write_bytes(values.transpose(0, 1, 3, 2).tobytes())
        codes = (np.arange(len(values)) % 10 + 1).astype(np.uint8)
        if split != "unlabeled":
            (folder / f"{split}_y.bin").write_bytes(codes.tobytes())
    _forget_hashes(monkeypatch, source)
    return images


def _forget_hashes(monkeypatch: pytest.MonkeyPatch, source: Any) -> None:
    """torchvision then asks only whether the files are there."""
    for part in ("train_list", "test_list"):
        files = [[name, None] for name, _ in getattr(source, part)]
        monkeypatch.setattr(source, part, files)
    if hasattr(source, "meta"):
        monkeypatch.setattr(source, "meta", source.meta | {"md5": None})
