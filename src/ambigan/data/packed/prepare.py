"""Pictures decoded once, into a folder that is then read without decoding; see `manifest`."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError, DataError
from ...core.files import hold_lock, keep_inside, sha256_of, storage_error, sweep
from ...core.version import __version__
from ..dataset import Split
from ..images.image_dataset import train_range, without_blanks
from ..images.image_source import ImageSource
from ..images.parallel_decoding import (
    DecodingProgress,
    ImageForm,
    check_corrupt,
    decode_blocks,
    find_form,
    paced,
    skipped_lines,
)
from ..settings import DataSettings
from ..splits import arange, data_fingerprint, split_at
from .index import PackedIndex, read_index, write_index
from .manifest import IMAGES, INDEX, JOURNAL, MANIFEST, MANIFEST_FORMAT, Manifest, read_manifest
from .pixel_file import PixelFile, mapped, num_stored
from .progress_log import ProgressLog

PART_SUFFIX = "images.part"
_COMMIT_SECONDS = 1.0
"""What a kill loses at most; each commit waits for the disk."""


def prepare_images(
    settings: DataSettings,
    gallery: ImageSource,
    out: Path,
    *,
    workers: int | None = None,
    progress: DecodingProgress | None = None,
) -> tuple[Manifest, bool]:
    """Decodes a gallery into a folder; after a kill, the same call goes on to the same bytes.

    Args:
        settings: all but those of training and of vectors are used.
        gallery: the pictures that `settings.source` names.
        out: a new or empty folder, or one that the same call has begun.
        workers: threads that decode; None for one a core, eight at most.
        progress: told of the pictures decoded.

    Returns:
        What was packed, and whether it had been finished before.

    Raises:
        ConfigError: the folder holds something else, or another process is at it.
        DataError: too many pictures cannot be read, their sizes differ, or too few are left.
        StorageError: the disk is full or the folder cannot be written.
    """
    asked = _asked(settings, gallery)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(out, error) from error
    lock = keep_inside(out) / ".lock"
    with hold_lock(lock) as is_ours:
        if not is_ours:
            raise ConfigError(f"another process is preparing {out}; wait for it to end.")
        sweep(out)
        try:
            if (manifest := _finished(out, asked)) is not None:
                (out / JOURNAL).unlink(missing_ok=True)
                return manifest, True
            journal, form = _begun(settings, gallery, out, asked)
            _decode(settings, gallery, journal, form, out, workers, progress)
            return _finish(settings, gallery, journal, form, out), False
        finally:
            lock.unlink(missing_ok=True)


def _asked(settings: DataSettings, gallery: ImageSource) -> dict[str, Any]:
    """What decides the bytes that come of it; a list of names stands for the pictures."""
    values = asdict(settings)
    kept = ("source", "grayscale", "split_seed", "test_fraction", "attribute", "label_column")
    listing = sha256_of("\n".join(gallery.names).encode())
    size = list(settings.size) if settings.size else None
    known = {"size": size} | {name: values[name] for name in kept}
    return known | {"num_pictures": gallery.length, "names_sha256": listing}


def _finished(out: Path, asked: dict[str, Any]) -> Manifest | None:
    if not (out / MANIFEST).is_file():
        return None
    manifest = read_manifest(out)
    _check_asked(f"{out} already holds what another command packed", manifest.asked, asked)
    mapped(out / IMAGES, (manifest.num_images, *manifest.shape))
    read_index(out / INDEX, manifest.index_sha256, manifest.num_images)
    return manifest


def _check_asked(where: str, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise ConfigError(
                f"{where} ({name}: {theirs.get(name)} there, {value} here); name another folder, or"
                " delete this one."
            )


def _begun(
    settings: DataSettings, gallery: ImageSource, out: Path, asked: dict[str, Any]
) -> tuple[ProgressLog, ImageForm]:
    """The journal of the preparation, begun or gone on with, and the form of its images."""
    journal = ProgressLog(out / JOURNAL)
    if journal.asked is None:
        others = [
            path.name for path in out.iterdir() if path.name not in (".lock", JOURNAL, PART_SUFFIX)
        ]
        if others:
            raise ConfigError(
                f"{out} is not empty (it holds {min(others)}) and was not prepared; name a new"
                " folder."
            )
        channels = 1 if settings.grayscale else None
        order = gallery.order(settings)
        form = find_form(gallery, order, settings.size, channels, settings.max_corrupt)
        journal.begin(asked | {"shape": list(form.shape)})
        return journal, form
    _check_asked(f"another preparation was begun in {out}", journal.asked, asked)
    channels, *size = journal.asked["shape"]
    if (out / IMAGES).is_file():  # killed between the last two steps
        (out / IMAGES).rename(out / PART_SUFFIX)
    form = ImageForm(channels, (size[0], size[1]), resizes=settings.size is not None)
    journal.go_on(num_stored(out / PART_SUFFIX, form.shape))
    return journal, form


def _decode(
    settings: DataSettings,
    gallery: ImageSource,
    journal: ProgressLog,
    form: ImageForm,
    out: Path,
    workers: int | None,
    progress: DecodingProgress | None,
) -> None:
    """Decodes what is left, and notes what is safe about once a second."""
    order, reasons, new = gallery.order(settings), journal.reasons, dict[int, str]()
    tried, kept = journal.tried, journal.kept
    _check_space(out, form, gallery.length - tried)
    tell, last = paced(progress, gallery.length), time.monotonic()
    tell(tried)
    with PixelFile(out / PART_SUFFIX, form.shape, kept) as file:
        for block in decode_blocks(gallery, order[tried:], form, workers):
            file.append(block.pixels)
            kept += len(block.kept)
            tried += len(block.kept) + len(block.reasons)
            new |= block.reasons
            remedy = f" and start again in another folder than {out}"
            check_corrupt(gallery, reasons | new, tried, settings.max_corrupt, remedy)
            if tried == gallery.length or time.monotonic() - last > _COMMIT_SECONDS:
                file.sync()
                journal.add(tried, kept, new)
                last, reasons, new = time.monotonic(), reasons | new, dict[int, str]()
            tell(tried)
        file.finish(kept)


def _finish(
    settings: DataSettings, gallery: ImageSource, journal: ProgressLog, form: ImageForm, out: Path
) -> Manifest:
    """Puts the files in place, the manifest last, and tells what they hold."""
    reasons = journal.reasons
    kept = [place for place in gallery.order(settings) if place not in reasons]
    start, end = train_range(gallery, kept, settings)
    train = (start, end)
    test = (0, start) if start else (end, len(kept))
    (out / PART_SUFFIX).replace(out / IMAGES)
    values = mapped(out / IMAGES, (len(kept), *form.shape))
    labels = gallery.labels_of(kept)
    splits = ["train" if start <= row < end else "test" for row in range(len(kept))]
    whole = Split(values, labels, arange(len(kept)))
    head, tail = split_at(whole, start or end)
    ordered = (tail, head) if start else (head, tail)
    index = PackedIndex(gallery.names_of(kept), labels, splits, kept)
    skipped = skipped_lines(gallery, reasons)
    manifest = Manifest(
        format=MANIFEST_FORMAT,
        ambigan=__version__,
        asked=_asked(settings, gallery),
        shape=form.shape,
        train=train,
        test=test,
        num_skipped=len(skipped),
        label_names=gallery.label_names,
        sha256=data_fingerprint(*(without_blanks(split) for split in ordered)),
        index_sha256=write_index(out / INDEX, index, gallery.label_names),
        skipped=skipped,
    )
    manifest.write(out)
    (out / JOURNAL).unlink()
    return manifest


def _check_space(out: Path, form: ImageForm, num_left: int) -> None:
    channels, height, width = form.shape
    needed, free = num_left * channels * height * width, shutil.disk_usage(out).free
    if needed > free:
        raise DataError(
            f"{out}: {num_left} images need {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are"
            " free there; name a folder on another disk or a smaller --size."
        )
