"""Preparation of images: decoded once into a folder that is then read without decoding."""

from __future__ import annotations

import shutil
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

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
from ...core.settings import plain
from ...core.version import __version__
from ..dataset import Scaling, Split
from ..images.image_dataset import image_name, train_range, with_unused_pages, without_blanks
from ..images.image_source import ImageSource
from ..images.parallel_decoding import (
    DecodingProgress,
    ImageForm,
    decode_blocks,
    find_form,
    paced,
)
from ..images.pixel_form import LONGEST
from ..images.unreadable import check_corrupt, skipped_lines
from ..images.value_range import fit_range, to_range, warning_of_missing, warning_of_range
from ..settings import DataSettings
from ..splits import arange, data_fingerprint, split_at
from .index import PackedIndex, read_index, write_index
from .manifest import (
    IMAGES,
    INDEX,
    MANIFEST,
    MANIFEST_FORMAT,
    NEWEST_FORMAT,
    PROGRESS,
    Manifest,
    read_manifest,
)
from .margin_files import (
    MARGINS_PART,
    SCALED_MARGINS,
    MarginFiles,
    are_lost,
    put_in_place,
    read_margins,
)
from .pixel_file import PixelFile, mapped, num_stored

PART_SUFFIX, SCALED_PART = "images.part", "scaled.part"
_PARTS = (PART_SUFFIX, SCALED_PART, MARGINS_PART, SCALED_MARGINS)
_SCALED_AT_ONCE = 256
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
        dtype: the type of values in the file of pixels.
        num_unused: the number of pages of files that are no images of the source.
    """

    asked: dict[str, Any]
    shape: tuple[int, int, int]
    tried: int = 0
    kept: int = 0
    reasons: dict[int, str] = field(default_factory=dict[int, str])
    dtype: str = "uint8"
    num_unused: int = 0

    @property
    def form(self) -> ImageForm:
        """The form of the images."""
        channels, height, width = self.shape
        resizes = self.asked.get("size") is not None
        longest = LONGEST if self.asked.get("keeps_sides") else 1
        return ImageForm(channels, (height, width), resizes, self.dtype, longest)

    @classmethod
    def load(cls, out: Path) -> PackingProgress | None:
        """The progress of an unfinished folder; None where nothing was begun."""
        content = read_if_whole(out / PROGRESS)
        if not content:
            return None
        channels, height, width = content["shape"]
        reasons = {int(index): reason for index, reason in content["reasons"].items()}
        counts = content["tried"], content["kept"]
        dtype, unused = content.get("dtype", "uint8"), content.get("num_unused", 0)
        return cls(content["asked"], (channels, height, width), *counts, reasons, dtype, unused)

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
    keeps_sides: bool = False,
) -> tuple[Manifest, bool]:
    """Decodes images into a folder; after a kill, the same call continues to the same bytes.

    Args:
        settings: Settings of the data. Those of training and of vectors are not used.
        gallery: Images that `settings.source` names.
        out: New or empty folder, or one that the same call has begun.
        workers: Number of decoding threads; None for one per core, eight at most.
        progress: Function that is called with the number of images decoded and the total.
        keeps_sides: Whether images keep what lies beside their centre, for random crops.

    Returns:
        The manifest, and whether the folder had been finished before.

    Raises:
        ConfigError: The folder holds something else, or another process is preparing it.
        DataError: Too many images cannot be read, their sizes differ, or too few are left.
        StorageError: The disk is full or the folder cannot be written.
    """
    asked = settings_asked(settings, gallery)
    if keeps_sides and settings.size is None:
        raise ConfigError("--keep-sides is of images that are resized; give --size as well.")
    if keeps_sides:
        asked["keeps_sides"] = True
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
                _remove_parts(out)
                return manifest, True
            state = _begun(settings, gallery, out, asked)
            _decode(settings, gallery, state, out, workers, progress)
            return _finish(settings, gallery, state, out), False
        finally:
            lock.unlink(missing_ok=True)


def settings_asked(settings: DataSettings, gallery: ImageSource) -> dict[str, Any]:
    """Returns all that decides the resulting bytes; a hash of names stands for the images."""
    values = asdict(settings)
    kept = ("source", "grayscale", "split_seed", "test_fraction", "attribute", "label_column")
    listing = sha256_of("\n".join(gallery.names).encode())
    size = list(settings.size) if settings.size else None
    known = {"size": size} | {name: values[name] for name in kept}
    newer = ("pages", "folders", "group", "image_column", "max_pixels", "window", "layout")
    changed = plain(settings)
    for name in (*newer, "range", "range_percentiles"):  # as older folders know them: not at all
        if values[name] != getattr(DataSettings(), name):
            known[name] = changed[name]
    return known | {"num_pictures": gallery.length, "names_sha256": listing}


def _finished(out: Path, asked: dict[str, Any]) -> Manifest | None:
    """Returns the manifest if the folder is finished."""
    if not (out / MANIFEST).is_file():
        return None
    manifest = read_manifest(out)
    check_asked(f"{out} already holds what another command packed", manifest.asked, asked)
    mapped(out / IMAGES, (manifest.num_images, *manifest.shape), manifest.stored_dtype)
    read_index(out / INDEX, manifest.index_sha256, manifest.num_images)
    return manifest


def check_asked(where: str, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Checks that a folder was begun with the same settings."""
    for name in ours | theirs:
        there, here = theirs.get(name), ours.get(name)
        if there != here:
            raise ConfigError(
                f"{where} ({name}: {there} there, {here} here); name another folder, or delete this"
                " one."
            )


def _begun(
    settings: DataSettings, gallery: ImageSource, out: Path, asked: dict[str, Any]
) -> PackingProgress:
    """The progress of the preparation, begun or loaded."""
    state = PackingProgress.load(out)
    if state is None:
        own = (".lock", PROGRESS, *_PARTS)
        if others := [path.name for path in out.iterdir() if path.name not in own]:
            raise ConfigError(
                f"{out} is not empty (it holds {min(others)}) and was not prepared; name a new"
                " folder."
            )
        channels = 1 if settings.grayscale else None
        order = gallery.order(settings)
        form = find_form(gallery, order, settings.size, channels, settings.max_corrupt)
        state = PackingProgress(asked, form.shape, dtype=form.dtype)
        state.save(out)
        return state
    check_asked(f"another preparation was begun in {out}", state.asked, asked)
    if (out / IMAGES).is_file() and not (out / PART_SUFFIX).is_file():  # killed between two steps
        (out / IMAGES).rename(out / PART_SUFFIX)
    if num_stored(out / PART_SUFFIX, state.shape, state.dtype) < state.kept:  # lost by the disk
        state = PackingProgress(asked, state.shape, dtype=state.dtype)
    if state.form.longest > 1 and are_lost(out, state.form, state.kept):
        state = PackingProgress(asked, state.shape, dtype=state.dtype)
    return state


def _decode(
    settings: DataSettings,
    gallery: ImageSource,
    state: PackingProgress,
    out: Path,
    workers: int | None,
    progress: DecodingProgress | None,
) -> None:
    """Decodes what is left, and saves the progress about once a second."""
    form = state.form
    _check_space(out, form, gallery.length - state.tried, _is_scaled(settings, state))
    tell, last = paced(progress, gallery.length), time.monotonic()
    tell(state.tried)
    remedy = f" and start again in another folder than {out}"
    sides = MarginFiles(out, form, state.kept) if form.longest > 1 else nullcontext()
    with PixelFile(out / PART_SUFFIX, form.shape, state.kept, state.dtype) as file, sides as beside:
        for block in decode_blocks(gallery, gallery.order(settings)[state.tried :], form, workers):
            file.append(block.pixels if beside is None else beside.append(block.pixels))
            state.kept += len(block.kept)
            state.tried += len(block.kept) + len(block.reasons)
            state.reasons |= block.reasons
            state.num_unused += block.num_unused
            check_corrupt(gallery, state.reasons, state.tried, settings.max_corrupt, remedy)
            if state.tried == gallery.length or time.monotonic() - last > _COMMIT_SECONDS:
                file.sync()
                if beside is not None:
                    beside.sync()
                state.save(out)
                last = time.monotonic()
            tell(state.tried)
        file.finish(state.kept)
        if beside is not None:
            beside.finish(state.kept)


def _finish(
    settings: DataSettings, gallery: ImageSource, state: PackingProgress, out: Path
) -> Manifest:
    """Puts the files in place, the manifest last, and returns what they hold."""
    kept = [place for place in gallery.order(settings) if place not in state.reasons]
    start, end = train_range(gallery, kept, settings)
    train = (start, end)
    test = (0, start) if start else (end, len(kept))
    scaling, warnings = _put_in_place(settings, gallery, state, out, train, kept)
    stored = "uint8" if scaling is None else "float32"
    values = mapped(out / IMAGES, (len(kept), *state.shape), stored)
    labels = gallery.labels_of(kept)
    splits = ["train" if start <= row < end else "test" for row in range(len(kept))]
    whole, facts = Split(values, labels, arange(len(kept))), gallery.facts
    if state.form.longest > 1:
        margins, fact = read_margins(out, state.shape, len(kept), stored)
        whole, facts = replace(whole, margins=margins), (*facts, fact)
    head, tail = split_at(whole, start or end)
    ordered = (tail, head) if start else (head, tail)
    index = PackedIndex(gallery.names_of(kept), labels, splits, kept)
    skipped = skipped_lines(gallery, state.reasons)
    manifest = Manifest(
        format=MANIFEST_FORMAT if state.form.longest == 1 else NEWEST_FORMAT,
        ambigan=__version__,
        asked=state.asked,
        shape=state.shape,
        train=train,
        test=test,
        num_skipped=len(skipped),
        label_names=gallery.label_names,
        sha256=data_fingerprint(*map(without_blanks, ordered), scaling=scaling),
        index_sha256=write_index(out / INDEX, index, gallery.label_names),
        skipped=skipped,
        dtype=state.dtype,
        shift=None if scaling is None else _numbers(scaling.shift),
        scale=None if scaling is None else _numbers(scaling.scale),
        left_alone=dict(with_unused_pages(gallery, state.num_unused).left_alone),
        facts=facts,
        warnings=(*gallery.warnings, *warnings),
        longest=state.form.longest,
    )
    manifest.write(out)
    _remove_parts(out)
    return manifest


def _remove_parts(out: Path) -> None:
    """Removes what only an unfinished folder needs, the progress last."""
    for name in (*_PARTS, PROGRESS):
        (out / name).unlink(missing_ok=True)


def _numbers(column: Tensor) -> tuple[float, ...]:
    values: list[float] = column.flatten().numpy().tolist()
    return tuple(values)


def _is_scaled(settings: DataSettings, state: PackingProgress) -> bool:
    """Whether images are kept as float32 in [-1, 1]."""
    return state.dtype != "uint8" or settings.range is not None


def _put_in_place(
    settings: DataSettings,
    gallery: ImageSource,
    state: PackingProgress,
    out: Path,
    train: tuple[int, int],
    kept: list[int],
) -> tuple[Scaling | None, list[str]]:
    """Makes the files of pixels; returns the scaling of deep ones and what is wrong with them."""
    has_sides = state.form.longest > 1
    if not _is_scaled(settings, state):
        (out / PART_SUFFIX).replace(out / IMAGES)
        if has_sides:
            put_in_place(out, state.form, state.kept, None)
        return None, []
    raw = mapped(out / PART_SUFFIX, (state.kept, *state.shape), state.dtype).numpy()
    scaling = fit_range(raw[slice(*train)], settings, gallery.where)
    said = (
        warning_of_missing(raw, gallery.where, partial(image_name, gallery, kept)),
        warning_of_range(raw[slice(*train)], scaling, settings, gallery.where),
    )
    with PixelFile(out / SCALED_PART, state.shape, 0, "float32") as file:
        for start in range(0, state.kept, _SCALED_AT_ONCE):
            part = to_range(raw[start : start + _SCALED_AT_ONCE], scaling)
            file.append([*part.numpy()])
        file.finish(state.kept)
    (out / SCALED_PART).replace(out / IMAGES)
    if has_sides:
        put_in_place(out, state.form, state.kept, scaling)
    return scaling, [line for line in said if line]


def _check_space(out: Path, form: ImageForm, num_left: int, is_scaled: bool) -> None:
    """Checks that the disk has room for the remaining images."""
    channels, height, width = form.shape
    each = np.dtype(form.dtype).itemsize + 4 * is_scaled
    needed, free = num_left * channels * height * width * each, shutil.disk_usage(out).free
    if needed > free:
        raise DataError(
            f"{out}: {num_left} images need {needed / 2**20:,.1f} MiB and {free / 2**20:,.1f} MiB"
            " are free there; name a folder on another disk or a smaller --size."
        )
