"""Preparation of images: decoded once into a folder that is then read without decoding."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError, DataError
from ...core.files import (
    hold_lock,
    keep_inside,
    read_if_whole,
    sha256_of,
    storage_error,
    sweep,
    write_json,
)
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
from .manifest import IMAGES, INDEX, MANIFEST, MANIFEST_FORMAT, PROGRESS, Manifest, read_manifest
from .pixel_file import PixelFile, mapped, num_stored

PART_SUFFIX = "images.part"
_COMMIT_SECONDS = 1.0
"""Time between commits in seconds, which is all the work that a kill can lose. Each commit waits
for the disk."""


@dataclass
class PackingProgress:
    """How far a preparation has come, as `progress.json` has it after each commit.

    The file is replaced as a whole once the pixels that it counts are on the disk, so that it never
    counts more than there is.

    Attributes:
        asked: the settings that decide the bytes of the result.
        shape: the shape `(C, H, W)` of one image.
        tried: the number of pictures read or skipped so far, in the order of the data set.
        kept: the number of images in the file of pixels.
        reasons: why pictures were skipped, by their index in the source.
    """

    asked: dict[str, Any]
    shape: tuple[int, int, int]
    tried: int = 0
    kept: int = 0
    reasons: dict[int, str] = field(default_factory=dict[int, str])

    @classmethod
    def load(cls, out: Path) -> PackingProgress | None:
        """The progress of an unfinished folder; None where nothing was begun."""
        content = read_if_whole(out / PROGRESS)
        if not content:
            return None
        channels, height, width = content["shape"]
        reasons = {int(index): reason for index, reason in content["reasons"].items()}
        counts = content["tried"], content["kept"]
        return cls(content["asked"], (channels, height, width), *counts, reasons)

    def save(self, out: Path) -> None:
        """Replaces the file, atomically."""
        write_json(out / PROGRESS, asdict(self))


def prepare_images(
    settings: DataSettings,
    gallery: ImageSource,
    out: Path,
    *,
    workers: int | None = None,
    progress: DecodingProgress | None = None,
) -> tuple[Manifest, bool]:
    """Decodes images into a folder; after a kill, the same call continues to the same bytes.

    Args:
        settings: Settings of the data. Those of training and of vectors are not used.
        gallery: Images that `settings.source` names.
        out: New or empty folder, or one that the same call has begun.
        workers: Number of decoding threads; None for one per core, eight at most.
        progress: Function that is called with the number of images decoded and the total.

    Returns:
        The manifest, and whether the folder had been finished before.

    Raises:
        ConfigError: The folder holds something else, or another process is preparing it.
        DataError: Too many images cannot be read, their sizes differ, or too few are left.
        StorageError: The disk is full or the folder cannot be written.
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
                (out / PROGRESS).unlink(missing_ok=True)
                return manifest, True
            state, form = _begun(settings, gallery, out, asked)
            _decode(settings, gallery, state, form, out, workers, progress)
            return _finish(settings, gallery, state, out), False
        finally:
            lock.unlink(missing_ok=True)


def _asked(settings: DataSettings, gallery: ImageSource) -> dict[str, Any]:
    """Returns all that decides the resulting bytes; a hash of names stands for the images."""
    values = asdict(settings)
    kept = ("source", "grayscale", "split_seed", "test_fraction", "attribute", "label_column")
    listing = sha256_of("\n".join(gallery.names).encode())
    size = list(settings.size) if settings.size else None
    known = {"size": size} | {name: values[name] for name in kept}
    return known | {"num_pictures": gallery.length, "names_sha256": listing}


def _finished(out: Path, asked: dict[str, Any]) -> Manifest | None:
    """Returns the manifest if the folder is finished."""
    if not (out / MANIFEST).is_file():
        return None
    manifest = read_manifest(out)
    _check_asked(f"{out} already holds what another command packed", manifest.asked, asked)
    mapped(out / IMAGES, (manifest.num_images, *manifest.shape))
    read_index(out / INDEX, manifest.index_sha256, manifest.num_images)
    return manifest


def _check_asked(where: str, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Checks that a folder was begun with the same settings."""
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise ConfigError(
                f"{where} ({name}: {theirs.get(name)} there, {value} here); name another folder, or"
                " delete this one."
            )


def _begun(
    settings: DataSettings, gallery: ImageSource, out: Path, asked: dict[str, Any]
) -> tuple[PackingProgress, ImageForm]:
    """The progress of the preparation, begun or loaded, and the form of its images."""
    state = PackingProgress.load(out)
    if state is None:
        own = (".lock", PROGRESS, PART_SUFFIX)
        if others := [path.name for path in out.iterdir() if path.name not in own]:
            raise ConfigError(
                f"{out} is not empty (it holds {min(others)}) and was not prepared; name a new"
                " folder."
            )
        channels = 1 if settings.grayscale else None
        order = gallery.order(settings)
        form = find_form(gallery, order, settings.size, channels, settings.max_corrupt)
        state = PackingProgress(asked, form.shape)
        state.save(out)
        return state, form
    _check_asked(f"another preparation was begun in {out}", state.asked, asked)
    if (out / IMAGES).is_file():  # killed between the last two steps
        (out / IMAGES).rename(out / PART_SUFFIX)
    if num_stored(out / PART_SUFFIX, state.shape) < state.kept:  # the disk lost what it had
        state = PackingProgress(asked, state.shape)
    channels, *size = state.shape
    return state, ImageForm(channels, (size[0], size[1]), resizes=settings.size is not None)


def _decode(
    settings: DataSettings,
    gallery: ImageSource,
    state: PackingProgress,
    form: ImageForm,
    out: Path,
    workers: int | None,
    progress: DecodingProgress | None,
) -> None:
    """Decodes what is left, and saves the progress about once a second."""
    _check_space(out, form, gallery.length - state.tried)
    tell, last = paced(progress, gallery.length), time.monotonic()
    tell(state.tried)
    remedy = f" and start again in another folder than {out}"
    with PixelFile(out / PART_SUFFIX, form.shape, state.kept) as file:
        for block in decode_blocks(gallery, gallery.order(settings)[state.tried :], form, workers):
            file.append(block.pixels)
            state.kept += len(block.kept)
            state.tried += len(block.kept) + len(block.reasons)
            state.reasons |= block.reasons
            check_corrupt(gallery, state.reasons, state.tried, settings.max_corrupt, remedy)
            if state.tried == gallery.length or time.monotonic() - last > _COMMIT_SECONDS:
                file.sync()
                state.save(out)
                last = time.monotonic()
            tell(state.tried)
        file.finish(state.kept)


def _finish(
    settings: DataSettings, gallery: ImageSource, state: PackingProgress, out: Path
) -> Manifest:
    """Puts the files in place, the manifest last, and returns what they hold."""
    kept = [place for place in gallery.order(settings) if place not in state.reasons]
    start, end = train_range(gallery, kept, settings)
    train = (start, end)
    test = (0, start) if start else (end, len(kept))
    (out / PART_SUFFIX).replace(out / IMAGES)
    values = mapped(out / IMAGES, (len(kept), *state.shape))
    labels = gallery.labels_of(kept)
    splits = ["train" if start <= row < end else "test" for row in range(len(kept))]
    whole = Split(values, labels, arange(len(kept)))
    head, tail = split_at(whole, start or end)
    ordered = (tail, head) if start else (head, tail)
    index = PackedIndex(gallery.names_of(kept), labels, splits, kept)
    skipped = skipped_lines(gallery, state.reasons)
    manifest = Manifest(
        format=MANIFEST_FORMAT,
        ambigan=__version__,
        asked=_asked(settings, gallery),
        shape=state.shape,
        train=train,
        test=test,
        num_skipped=len(skipped),
        label_names=gallery.label_names,
        sha256=data_fingerprint(*(without_blanks(split) for split in ordered)),
        index_sha256=write_index(out / INDEX, index, gallery.label_names),
        skipped=skipped,
    )
    manifest.write(out)
    (out / PROGRESS).unlink()
    return manifest


def _check_space(out: Path, form: ImageForm, num_left: int) -> None:
    """Checks that the disk has room for the remaining images."""
    channels, height, width = form.shape
    needed, free = num_left * channels * height * width, shutil.disk_usage(out).free
    if needed > free:
        raise DataError(
            f"{out}: {num_left} images need {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are"
            " free there; name a folder on another disk or a smaller --size."
        )
