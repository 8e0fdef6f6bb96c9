"""Packed images in shards at a URL, and the local copy of them that is mapped."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError, DataError
from ...core.files import hold_lock, read_bytes, read_if_whole, sha256_of, write_bytes, write_json
from ..image_sources.torchvision_datasets import data_root
from ..images.image_source import ImageSource
from ..images.parallel_decoding import DecodingProgress
from ..remote import Place, is_url
from ..settings import DataSettings
from .manifest import (
    IMAGES,
    INDEX,
    MANIFEST,
    NEWEST_FORMAT,
    PROGRESS,
    Manifest,
    parse_manifest,
    read_manifest,
)
from .pixel_file import HEADER_BYTES, PixelFile, mapped, npy_header, num_stored
from .prepare import PART_SUFFIX, check_asked, prepare_images, settings_asked

logger = logging.getLogger(__name__)

SHARD_MEGABYTES = 1000
_BLOCK_BYTES = 1 << 23
_UPLOADED = "uploaded.json"


def local_folder(settings: DataSettings, typed: str) -> Path:
    """Returns the local folder of packed images, to which shards are fetched where they must be.

    The copy lies under `packed` in the folder of downloaded data, by the hash of its manifest.
    Shards are fetched one by one and checked by their hash; after a kill, those that are there are
    kept.

    Args:
        settings: Settings with the folder of downloaded data.
        typed: Path of a folder, or a URL.

    Raises:
        ConfigError: The URL cannot be opened, see `Place.at`.
        DataError: There is no finished set of packed images, it is damaged, or the disk has no
            room for it.
    """
    if is_url(typed):
        place = Place.at(typed)
    else:
        folder = Path(typed).expanduser()
        is_whole = (folder / IMAGES).is_file() or not (folder / MANIFEST).is_file()
        if is_whole or not read_manifest(folder).shards:
            return folder
        place = Place(typed, None, str(folder))
    content = place.read(MANIFEST)
    manifest = _manifest_at(place, content)
    assert content is not None
    copy = _copies(settings) / sha256_of(content)[:32]
    if not (copy / MANIFEST).is_file():
        with _locked(copy):
            if not (copy / MANIFEST).is_file():
                _fetch(place, manifest, copy)
                write_bytes(copy / MANIFEST, content)
                (copy / PROGRESS).unlink(missing_ok=True)
    return copy


def verify_shards(url: str) -> Manifest:
    """Reads all shards at a URL and compares their hashes with those in the manifest.

    Raises:
        ConfigError: As `local_folder`.
        DataError: As `local_folder`, or a hash differs.
    """
    place = Place.at(url)
    manifest = _manifest_at(place, place.read(MANIFEST))
    for number, _ in enumerate(manifest.shards):
        _read_shard(place, manifest, number, lambda block: None)
    return manifest


def prepare_shards(
    settings: DataSettings,
    gallery: ImageSource,
    url: str,
    *,
    shard_bytes: int = SHARD_MEGABYTES * 10**6,
    workers: int | None = None,
    progress: DecodingProgress | None = None,
) -> tuple[Manifest, bool]:
    """Decodes images and writes them in shards to a URL; after a kill, the same call continues.

    They are decoded into the local copy that training will map, and written from there.

    Args:
        settings: As for `prepare_images`; `root` says where the local copy lies.
        gallery: Images that `settings.source` names.
        url: New or empty folder, or one that the same call has begun.
        shard_bytes: Size of a shard in bytes, rounded down to whole images.
        workers: As for `prepare_images`.
        progress: As for `prepare_images`.

    Returns:
        The manifest, and whether the set had been finished before.

    Raises:
        ConfigError: The URL cannot be opened or holds something else.
        DataError: As for `prepare_images`, or the URL cannot be written.
    """
    place, asked = Place.at(url), settings_asked(settings, gallery)
    begun = {"asked": asked | {"shard_bytes": shard_bytes}}
    staging = _copies(settings) / f"{sha256_of(json.dumps([url, begun]).encode())[:32]}.begun"
    with _locked(staging):
        if (content := place.read(MANIFEST)) is not None:
            manifest = _manifest_at(place, content)
            check_asked(f"{url} already holds what another command packed", manifest.asked, asked)
            _keep(staging, settings, content)
            return manifest, True
        if (theirs := place.read(PROGRESS)) is not None:
            where = f"another preparation was begun in {url}"
            there: Any = _json(theirs) or {}
            check_asked(where, there.get("asked", {}), begun["asked"])
        elif others := place.names():
            raise ConfigError(
                f"{url} is not empty (it holds {min(others)}) and was not prepared; name a new"
                " folder."
            )
        place.create(PROGRESS, _as_bytes(begun))
        whole, _ = prepare_images(settings, gallery, staging, workers=workers, progress=progress)
        manifest = _upload(place, staging, whole, shard_bytes)
        content = _as_bytes(manifest.as_json())
        place.write(MANIFEST, content)
        place.remove(PROGRESS)
        _keep(staging, settings, content)
    return manifest, False


def _copies(settings: DataSettings) -> Path:
    return data_root(settings) / "packed"


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Lets one process at a time write a local copy."""
    lock = folder.with_name(f"{folder.name}.lock")
    with hold_lock(lock, wait=True):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _manifest_at(place: Place, content: bytes | None) -> Manifest:
    if content is None and place.read(PROGRESS) is not None:
        raise DataError(
            f"{place.url} is not finished; repeat the `ambigan prepare` that was begun."
        )
    if content is None:
        raise DataError(f"{place.url} holds no {MANIFEST}: `ambigan prepare` did not write it.")
    return parse_manifest(_json(content), place.url)


def _as_bytes(content: Any) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _fetch(place: Place, manifest: Manifest, copy: Path) -> None:
    """Appends the shards that are missing to one file, which is then put in place."""
    if not manifest.shards:
        raise DataError(
            f"{place.url} is one file, {IMAGES}, and no shards: copy the folder to a disk, or"
            f" prepare it there: ambigan prepare packed:FOLDER {place.url}-shards."
        )
    shape, dtype, num = manifest.shape, manifest.stored_dtype, manifest.num_images
    copy.mkdir(parents=True, exist_ok=True)
    part, known = copy / PART_SUFFIX, read_if_whole(copy / PROGRESS).get("kept", 0)
    done = known if num_stored(part, shape, dtype) >= manifest.first_row(known) else 0
    left = (num - manifest.first_row(done)) * manifest.bytes_per_image
    if left > (free := shutil.disk_usage(copy).free):
        raise DataError(
            f"{place.url} needs {left / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free in"
            f" {copy.parent}; name a folder on another disk with --data.root."
        )
    logger.info(f"{place.url}: {left / 1e9:,.2f} GB are fetched into {copy}")
    if (index := place.read(INDEX)) is None:
        raise DataError(f"{place.url} has no {INDEX}; put it back, or prepare the set again.")
    if sha256_of(index) != manifest.index_sha256:
        raise _damaged(place, INDEX)
    write_bytes(copy / INDEX, index)
    with PixelFile(part, shape, manifest.first_row(done), dtype) as file:
        for number in range(done, len(manifest.shards)):
            _read_shard(place, manifest, number, file.append_bytes)
            file.sync()
            write_json(copy / PROGRESS, {"kept": number + 1})
        file.finish(num)
    part.replace(copy / IMAGES)


def _read_shard(
    place: Place, manifest: Manifest, number: int, take: Callable[[bytes], None]
) -> None:
    """Passes on the values of a shard, block by block, and then compares the hash of all bytes."""
    name, digest = manifest.shard_name(number), hashlib.sha256()
    num = manifest.first_row(number + 1) - manifest.first_row(number)
    left = num * manifest.bytes_per_image
    with place.open(name) as shard:
        digest.update(shard.read(HEADER_BYTES))
        while left and (block := shard.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            take(block)
            left -= len(block)
        digest.update(shard.read(1))  # beyond its end
    if left or digest.hexdigest() != manifest.shards[number]:
        raise _damaged(place, name)


def _damaged(place: Place, name: str) -> DataError:
    return DataError(
        f"{place.url}/{name} is damaged: its hash does not match; put an undamaged copy in its"
        " place, or delete the set and prepare it again."
    )


def _upload(place: Place, staging: Path, whole: Manifest, shard_bytes: int) -> Manifest:
    """Writes what is missing of the shards, and the index; returns the manifest to write last."""
    per, num = max(1, shard_bytes // whole.bytes_per_image), whole.num_images
    shards: list[str] = read_if_whole(staging / _UPLOADED).get("shards", [])
    manifest = replace(
        whole, format=NEWEST_FORMAT, images_per_shard=per, shards=("",) * -(-num // per)
    )
    values = mapped(staging / IMAGES, (num, *whole.shape), whole.stored_dtype)
    at_once = max(1, _BLOCK_BYTES // whole.bytes_per_image)
    for number in range(len(shards), len(manifest.shards)):
        first, last = manifest.first_row(number), manifest.first_row(number + 1)
        header = npy_header((last - first, *whole.shape), whole.stored_dtype)
        with place.open(manifest.shard_name(number), "wb") as file:
            digest = hashlib.sha256(header)
            file.write(header)
            for start in range(first, last, at_once):
                block = values[start : min(start + at_once, last)].numpy().tobytes()
                digest.update(block)
                file.write(block)
        shards.append(digest.hexdigest())
        write_json(staging / _UPLOADED, {"shards": shards})
        logger.info(f"{place.url}: {number + 1} of {len(manifest.shards)} shards are written")
    place.write(INDEX, read_bytes(staging / INDEX))
    return replace(manifest, shards=tuple(shards))


def _keep(staging: Path, settings: DataSettings, content: bytes) -> None:
    """Makes what was decoded the local copy of the set."""
    copy = _copies(settings) / sha256_of(content)[:32]
    if not (staging / MANIFEST).is_file():
        return
    if (copy / MANIFEST).is_file():
        shutil.rmtree(staging)
        return
    shutil.rmtree(copy, ignore_errors=True)
    write_bytes(staging / MANIFEST, content)
    (staging / _UPLOADED).unlink(missing_ok=True)
    staging.rename(copy)
