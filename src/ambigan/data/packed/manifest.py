"""The manifest of a folder of packed images, which lists what was packed and how."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ...core.errors import CheckpointError, ConfigError, DataError
from ...core.files import read_json, write_json
from ...core.settings import build
from ..dataset import Scaling
from ..files import ANEW
from ..inventory import Inventory, listed_classes

MANIFEST_FORMAT, NEWEST_FORMAT = 2, 3
READ_FORMATS = (1, 2, 3)
"""Formats that are read. The first knows 8-bit images only; the third has shards, or files of what
lies beside the centres."""

MARGINS, SIZES = "margins.npy", "sizes.npy"
IMAGES, INDEX, MANIFEST, PROGRESS = "images.npy", "index.parquet", "manifest.json", "progress.json"


@dataclass(frozen=True)
class Manifest:
    """The contents of a packed folder and the settings it was made with.

    Attributes:
        format: Number of the folder's format.
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
        dtype: Type of the values in the source: `uint8`, or `uint16` and `float32` for deeper
            images.
        shift: Shift of each channel in the scaling of `images.npy`, which is then float32 in
            [-1, 1]; None where it holds the values of the source, uint8.
        scale: Scale of each channel, or None.
        left_alone: Number of files that were not read, by the reason.
        facts: What is known of how the source was read.
        warnings: One line for each thing that looked wrong.
        images_per_shard: Number of images in each shard but the last; 0 for one `images.npy`.
        shards: SHA-256 of the bytes of each shard, in order.
        longest: How many times as long as `shape` images are kept along one side, in `margins.npy`;
            1 where there are centres alone.
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
    dtype: str = "uint8"
    shift: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    left_alone: dict[str, int] = field(default_factory=dict[str, int])
    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    images_per_shard: int = 0
    shards: tuple[str, ...] = ()
    longest: int = 1

    @property
    def stored_dtype(self) -> str:
        """The type of the values in `images.npy`."""
        return "uint8" if self.scaling is None else "float32"

    @property
    def scaling(self) -> Scaling | None:
        """The scaling of images deeper than 8 bits."""
        if self.shift is None or self.scale is None:
            return None
        shift, scale = (
            torch.tensor(values, dtype=torch.float64)[:, None, None]
            for values in (self.shift, self.scale)
        )
        return Scaling(shift, scale, from_16_bits=self.dtype == "uint16")

    @property
    def inventory(self) -> Inventory:
        """What was read and what was left alone when it was packed."""
        channels, height, width = self.shape
        facts = [*self.facts, f"{height}x{width}, {channels} channel{'s' * (channels > 1)}"]
        num_train, num_test = (end - start for start, end in (self.train, self.test))
        facts.append(f"{num_train:,} to train and {num_test:,} to test")
        if self.label_names:
            facts.append(listed_classes(self.label_names))
        left = dict(self.left_alone)
        if self.num_skipped:
            left["that cannot be read"] = self.num_skipped
        return Inventory("images", self.num_images, tuple(facts), left, self.warnings)

    @property
    def num_images(self) -> int:
        """The number of rows of `images.npy`."""
        return max(self.train[1], self.test[1])

    @property
    def bytes_per_image(self) -> int:
        """The size of one image as it is stored."""
        return math.prod(self.shape) * (1 if self.stored_dtype == "uint8" else 4)

    def shard_name(self, number: int) -> str:
        """The name of a shard's file."""
        return f"images-{number:05}-of-{len(self.shards):05}.npy"

    def first_row(self, number: int) -> int:
        """The row of the first image of a shard; after the last shard, the number of images."""
        return min(number * self.images_per_shard, self.num_images)

    def as_json(self) -> dict[str, Any]:
        """What the file holds, which of a folder without shards says nothing of them."""
        content = dataclasses.asdict(self)
        if not self.shards:
            del content["shards"], content["images_per_shard"]
        return content

    def write(self, folder: Path) -> None:
        """Writes the manifest, which marks the folder as finished."""
        write_json(folder / MANIFEST, self.as_json())


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of a finished folder.

    Raises:
        DataError: There is no manifest, or the folder is unfinished, damaged, or of another format.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise DataError(
            f"{folder} is no folder; put back what `ambigan prepare` wrote there, or name where it"
            " lies now with --data packed:PATH."
        )
    if not path.is_file() and (folder / PROGRESS).is_file():
        raise DataError(f"{folder} is not finished; repeat the `ambigan prepare` that was begun.")
    if not path.is_file():
        raise DataError(
            f"{folder} holds no {MANIFEST}: `ambigan prepare` did not write it"
            f" (folder:{folder} reads a folder of pictures)."
        )
    try:
        content = read_json(path)
    except CheckpointError as error:
        raise DataError(f"{path} is damaged; {ANEW}.") from error
    return parse_manifest(content, folder)


def parse_manifest(content: Any, folder: Path | str) -> Manifest:
    """Checks what a manifest says.

    Args:
        content: Content of the file.
        folder: The folder or URL where it lies.

    Raises:
        DataError: The manifest is damaged, or of another format.
    """
    path = f"{folder}/{MANIFEST}"
    try:
        if content.get("format") not in (None, *READ_FORMATS):
            raise DataError(
                f"{folder} has format {content['format']}, and this version reads formats"
                f" {', '.join(map(str, READ_FORMATS))}; {ANEW}."
            )
        manifest = build(Manifest, content)
    except (AttributeError, ConfigError) as error:
        raise DataError(f"{path} is damaged; {ANEW}.") from error
    first, second = sorted((manifest.train, manifest.test))
    shift, scale = manifest.shift or (), manifest.scale or ()
    if (
        len(shift) != len(scale)
        or len(scale) not in (0, manifest.shape[0])
        or min(scale, default=1) <= 0
    ):
        raise DataError(f"{path} is damaged: its scaling is none of its channels; {ANEW}.")
    if min(manifest.shape) < 1 or not (0 == first[0] <= first[1] == second[0] <= second[1]):
        raise DataError(f"{path} is damaged: its splits or its shape cannot be; {ANEW}.")
    per = manifest.images_per_shard
    if per < 0 or len(manifest.shards) != (-(-manifest.num_images // per) if per else 0):
        raise DataError(f"{path} is damaged: its shards are none of its images; {ANEW}.")
    return manifest
