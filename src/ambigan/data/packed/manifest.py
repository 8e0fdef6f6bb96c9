"""What a folder of packed images says of itself, and the files it consists of."""

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
IMAGES, INDEX, MANIFEST, JOURNAL = "images.npy", "index.parquet", "manifest.json", "journal.jsonl"


@dataclass(frozen=True)
class Manifest:
    """What was packed, and how.

    Attributes:
        format: of the folder; another cannot be read.
        ambigan: the version that wrote it.
        asked: what was asked for: source, size, seed of the split and so on.
        shape: of one image, `(C, H, W)`.
        train: the first row of `images.npy` to train on, and the row after the last.
        test: likewise, of the test split.
        num_skipped: how many pictures were left out.
        label_names: class names by code, or None.
        sha256: of pixels and labels of both splits, as any data set has it.
        index_sha256: of the bytes of `index.parquet`.
        skipped: a line on each picture that was left out, naming it and why.
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
        """Rows of `images.npy`."""
        return max(self.train[1], self.test[1])

    def write(self, folder: Path) -> None:
        """Writes the manifest, which makes the folder a finished one."""
        write_json(folder / MANIFEST, dataclasses.asdict(self))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a finished folder.

    Raises:
        DataError: there is none, it is not finished, damaged, or of another format.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; one that `ambigan prepare` wrote was expected.")
    if not path.is_file() and (folder / JOURNAL).is_file():
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
