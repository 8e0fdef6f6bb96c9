"""The manifest of a folder of packed images, which lists what was packed and how."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import CheckpointError, ConfigError, DataError
from ...core.files import read_json, write_json
from ...core.settings import build
from ..files import ANEW

MANIFEST_FORMAT = 1
IMAGES, INDEX, MANIFEST, PROGRESS = "images.npy", "index.parquet", "manifest.json", "progress.json"


@dataclass(frozen=True)
class Manifest:
    """The contents of a packed folder and the settings it was made with.

    Attributes:
        format: Number of the folder's format; a version of ambigan reads one format.
        ambigan: Version of ambigan that wrote the folder.
        asked: Settings that were asked for: source, size, seed of the split and so on.
        shape: Shape of one image, `(C, H, W)`.
        train: First row of `images.npy` in the training split, and the row after its last.
        test: First row in the test split, and the row after its last.
        num_skipped: Number of images that were left out.
        label_names: Class names by code, or None.
        sha256: Hash of the pixels and labels of both splits, as for any data set.
        index_sha256: Hash of the bytes of `index.parquet`.
        skipped: One line for each image that was left out, with its name and the reason.
    """

    format: int
    ambigan: str
    asked: dict[str, Any]
    shape: tuple[int, int, int]
    train: tuple[int, int]
    test: tuple[int, int]
    num_skipped: int
    label_names: tuple[str, ...] | None
    sha256: str
    index_sha256: str
    skipped: tuple[str, ...]

    @property
    def num_images(self) -> int:
        """The number of rows of `images.npy`."""
        return max(self.train[1], self.test[1])

    def write(self, folder: Path) -> None:
        """Writes the manifest, which marks the folder as finished."""
        write_json(folder / MANIFEST, dataclasses.asdict(self))


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of a finished folder.

    Raises:
        DataError: There is no manifest, or the folder is unfinished, damaged, or of another format.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; one that `ambigan prepare` wrote was expected.")
    if not path.is_file() and (folder / PROGRESS).is_file():
        raise DataError(f"{folder} is not finished; repeat the `ambigan prepare` that was begun.")
    if not path.is_file():
        raise DataError(
            f"{folder} holds no {MANIFEST}: `ambigan prepare` did not write it"
            f" (folder:{folder} reads a folder of pictures)."
        )
    try:
        content = read_json(path)
        if content.get("format") not in (None, MANIFEST_FORMAT):
            raise DataError(
                f"{folder} has format {content['format']}, and this version reads format"
                f" {MANIFEST_FORMAT}; {ANEW}."
            )
        manifest = build(Manifest, content)
    except (CheckpointError, ConfigError) as error:
        raise DataError(f"{path} is damaged; {ANEW}.") from error
    first, second = sorted((manifest.train, manifest.test))
    if min(manifest.shape) < 1 or not (0 == first[0] <= first[1] == second[0] <= second[1]):
        raise DataError(f"{path} is damaged: its splits or its shape cannot be; {ANEW}.")
    return manifest
