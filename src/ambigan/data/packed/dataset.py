"""Data sets from a folder of packed images, whose pixels stay on the disk until they are used."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

from ...core.data_spec import DataSpec
from ...core.errors import ConfigError, DataError
from ...core.files import sha256_of
from ...core.settings import typed_value
from ..dataset import Dataset, SourceSplit, Split
from ..files import ANEW
from ..images.image_dataset import without_blanks
from ..images.image_source import ImageSource, image_source_of, in_source_units
from ..settings import DataSettings
from ..splits import apply_holdout, arange, data_fingerprint, split_at
from .index import read_index
from .manifest import IMAGES, INDEX, Manifest, read_manifest
from .margin_files import read_margins
from .pixel_file import mapped
from .sharded import local_folder

SETTLED = frozenset(
    (
        *("size", "grayscale", "split_seed", "test_fraction", "attribute", "label_column"),
        *("pages", "folders", "group", "image_column", "max_pixels", "window", "layout"),
        *("range", "range_percentiles"),
    )
)
"""Names of the settings that are fixed when images are packed."""


def check_as_packed(settings: DataSettings, typed: str) -> frozenset[str]:
    """Checks that settings agree with those that a folder was packed with.

    Args:
        settings: Settings of the data.
        typed: Path of the folder.

    Returns:
        The names of the settings that were fixed then.

    Raises:
        ConfigError: A setting was given and differs.
        DataError: The folder cannot be opened, see `open_packed`.
    """
    manifest = read_manifest(local_folder(settings, typed))
    channels, *size = manifest.shape
    held: dict[str, Any] = {}
    for name, value in manifest.asked.items():
        held[name] = tuple(cast("list[Any]", value)) if isinstance(value, list) else value
    held |= {"size": tuple(size), "grayscale": channels == 1}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in SETTLED and value not in (field.default, held.get(field.name)):
            raise ConfigError(
                f"data.{field.name} is {typed_value(value)} and {settings.source} was packed with"
                f" {typed_value(held.get(field.name))}; leave it out (type none to undo a preset),"
                " or prepare the pictures anew in another folder."
            )
    return SETTLED


def open_packed(settings: DataSettings, typed: str) -> Dataset:
    """Opens both splits of a packed folder as they were when it was prepared.

    Raises:
        DataError: The folder was not packed, is unfinished, or is damaged.
    """
    manifest, whole = _read(local_folder(settings, typed))
    if manifest.train[0] > 0 and manifest.asked.get("group") is None:  # no published split
        whole = replace(whole, groups=arange(len(whole)))
    head, tail = split_at(whole, min(manifest.train[1], manifest.test[1]))
    train, test = (head, tail) if manifest.train[0] == 0 else (tail, head)
    splits = apply_holdout(
        without_blanks(train), without_blanks(test), settings, manifest.label_names
    )
    sha256 = manifest.sha256
    if settings.holdout:  # a hash of the splits themselves would have to read them all
        sha256 = sha256_of(f"{sha256} holdout {settings.holdout}".encode())
    if settings.train_on:
        sha256 = sha256_of(f"{sha256} train on {settings.train_on}".encode())
    if len(splits[0]) == settings.max_train:
        sha256 = sha256_of(f"{sha256} train {settings.max_train}".encode())
    return Dataset(
        name=settings.source,
        spec=DataSpec("images", manifest.shape, bounded=True),
        train=splits[0],
        test=splits[1],
        label_names=manifest.label_names,
        scaling=manifest.scaling,
        sha256=sha256,
        skipped=manifest.skipped,
        inventory=manifest.inventory,
    )


def verify_packed(path: Path) -> Manifest:
    """Reads all pixels and labels of a packed folder and compares their hash with the manifest's.

    Raises:
        DataError: as `open_packed`, or the hash differs.
    """
    manifest, whole = _read(path)
    head, tail = split_at(whole, min(manifest.train[1], manifest.test[1]))
    ordered = (head, tail) if manifest.train[0] == 0 else (tail, head)
    plain = (without_blanks(split) for split in ordered)
    if data_fingerprint(*plain, scaling=manifest.scaling) != manifest.sha256:
        raise DataError(f"{path / IMAGES} is altered: its hash does not match; {ANEW}.")
    return manifest


def read_packed(settings: DataSettings, typed: str) -> SourceSplit:
    """Reads all packed images, in the order of their rows.

    Raises:
        DataError: The folder cannot be opened, see `open_packed`.
    """
    manifest, whole = _read(local_folder(settings, typed))
    has_labels = whole.labels is not None and bool((whole.labels >= 0).all())
    return SourceSplit(
        values=whole.values,
        labels=whole.labels if has_labels else None,
        rows=whole.rows,
        files=whole.files,
        label_names=manifest.label_names if has_labels else None,
        skipped=manifest.skipped,
    )


def packed_source(settings: DataSettings, typed: str) -> ImageSource:
    """Returns all packed images in the units of their source, in the order of their rows.

    Raises:
        DataError: The folder cannot be opened, see `open_packed`.
    """
    manifest, whole = _read(local_folder(settings, typed))
    return ImageSource(
        where=typed,
        length=len(whole),
        content=lambda row: in_source_units(whole.values[row], manifest.scaling, manifest.dtype),
        labels=whole.labels,
        label_names=manifest.label_names,
        names=whole.files,
        keeps_order=True,
    )


def open_packed_source(settings: DataSettings, typed: str) -> ImageSource:
    """Returns packed images in the units of their source, in the order and splits of the data."""
    manifest = read_manifest(local_folder(settings, typed))
    return image_source_of(open_packed(settings, typed), manifest.dtype)


def _read(path: Path) -> tuple[Manifest, Split]:
    """Reads the manifest and all rows of a packed folder."""
    manifest = read_manifest(path)
    length = manifest.num_images
    index = read_index(path / INDEX, manifest.index_sha256, length)
    values = mapped(path / IMAGES, (length, *manifest.shape), manifest.stored_dtype)
    whole = Split(values, index.labels, arange(length), tuple(index.files))
    if manifest.longest > 1:
        margins, _ = read_margins(path, manifest.shape, length, manifest.stored_dtype)
        whole = replace(whole, margins=margins)
    return manifest, whole
