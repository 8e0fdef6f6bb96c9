"""The verb that decodes pictures once, so that training need not."""

from __future__ import annotations

import re
from pathlib import Path

from ..core.errors import ConfigError, suggestion
from ..core.files import as_typed
from ..core.settings import override
from ..data import DataSettings, Manifest, find_image_source, located, prepare_images, verify_packed
from .output import note, say
from .parser import Request
from .progress import decoding_progress

FLAGS = (
    *("size", "grayscale", "max_corrupt", "split_seed", "test_fraction", "root"),
    *("attribute", "label_column"),
)
"""Settings of data that decide what is packed; the others are given to `train`."""


def prepare(request: Request) -> int:
    """Packs the pictures of a source into a folder; repeated after a kill, it goes on."""
    flags = request.flags
    if flags.verify is not None:
        return _verify(request)
    if flags.source is None or flags.out is None:
        raise ConfigError("name what is prepared and where: ambigan prepare SOURCE OUT.")
    if flags.workers is not None and flags.workers < 1:
        raise ConfigError(f"--workers is {flags.workers}; it counts threads: 1 or more.")
    settings = located(override(DataSettings(flags.source), _settings(request)))
    out = Path(flags.out)
    with decoding_progress() as progress:
        gallery = find_image_source(settings)
        manifest, was_finished = prepare_images(
            settings, gallery, out, workers=flags.workers, progress=progress
        )
    if was_finished:
        note(f"{out} is finished already; nothing was done")
    _tell(manifest, out)
    return 0


def _verify(request: Request) -> int:
    """Compares all pixels of a packed folder with the hash in its manifest."""
    typed = {name for name, value in vars(request.flags).items() if value not in (None, False)}
    if request.settings or typed - {"verb", "verify", "quiet", "debug"}:
        raise ConfigError("--verify FOLDER compares a packed folder alone; leave out the rest.")
    manifest = verify_packed(Path(request.flags.verify))
    say(f"verified: {manifest.num_images:,} images, SHA-256 {manifest.sha256}")
    return 0


def _settings(request: Request) -> dict[str, str]:
    """Settings by name, whether typed as flags or, as for `train`, by dotted name."""
    flags = request.flags
    typed = {name: getattr(flags, name, None) for name in FLAGS}
    settings = {name: str(value) for name, value in typed.items() if value not in (None, False)}
    if "size" in settings:
        settings["size"] = _size(settings["size"])
    for dotted, value in request.settings.items():
        name = dotted.removeprefix("data.")
        if name not in FLAGS:
            hint = suggestion(dotted, [f"data.{flag}" for flag in FLAGS])
            raise ConfigError(f"'{dotted}' has no part in preparing.{hint} Give it to `train`.")
        if name in settings:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} and --data.{flag} are one; give one.")
        settings[name] = value
    return settings


def _size(typed: str) -> str:
    """`64x48`, `64,48` or `64` as a setting: height and width."""
    match = re.fullmatch(r"(\d+)(?:[x,](\d+))?", typed)
    if match is None:
        raise ConfigError(f"--size '{typed}' is no height and width; write for instance 64x64.")
    return f"{match[1]},{match[2] or match[1]}"


def _tell(manifest: Manifest, out: Path) -> None:
    num_train, num_test = (end - start for start, end in (manifest.train, manifest.test))
    shape = "x".join(str(length) for length in manifest.shape)
    say(f"prepared: {out}, {num_train:,} + {num_test:,} images of {shape}")
    if manifest.skipped:
        first = manifest.skipped[0]
        say(f"left out: {manifest.num_skipped}, all in {out}/manifest.json, the first: {first}")
    say(f"next: ambigan train bigan --data {as_typed(f'packed:{out}')}")
