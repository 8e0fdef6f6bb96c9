"""Checkpoints: whole or not there, hashed, and read without running code.

`NNNNNNNNNNNN.pt` is named by images seen; `.pt.sha256` beside it, in the format of `sha256sum`,
is written last, so that a checkpoint without its hash was never finished.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch

from ..core.errors import CheckpointError, is_out_of_memory
from ..core.files import read_bytes, sha256_of, write_bytes, write_text

_KEYS: dict[str, Any] = {
    "images_seen": int,
    "iterations": int,
    "method": dict,
    "optimizers": dict,
    "meters": dict,
    "ema": (dict, type(None)),
}
"""What every checkpoint holds, and of which type."""


def save_checkpoint(
    folder: Path, state: dict[str, Any], keep: int, is_regular: Callable[[int], bool]
) -> Path:
    """Writes a checkpoint atomically, then its hash, then drops all but the newest `keep`.

    Checkpoints that are not regular by the images seen, such as those of a stop, stay only while
    they are the newest, and take no other's place. Where it cannot be written, earlier ones stand.
    """
    buffer = io.BytesIO()
    torch.save(_canonical(state), buffer)
    content = buffer.getvalue()
    path = folder / f"{state['images_seen']:012d}.pt"
    write_bytes(path, content)
    write_text(_hash_path(path), f"{sha256_of(content)}  {path.name}\n")
    there = list_checkpoints(folder)
    kept = [path, *[each for each in there if is_regular(images_seen_at(each))][-keep:]]
    for old in there:
        if old not in kept:
            _hash_path(old).unlink(missing_ok=True)
            old.unlink(missing_ok=True)
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints by images seen, oldest first, whether or not they can be read."""
    there = folder.iterdir() if folder.exists() else ()
    found = [path for path in there if path.suffix == ".pt" and path.stem.isdigit()]
    return sorted(path for path in found if not path.is_dir())


def images_seen_at(path: Path) -> int:
    """By a checkpoint's name, how many images had been seen."""
    return int(path.stem)


def load_newest(folder: Path, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """The newest checkpoint that is whole, or None where none was ever finished.

    Each newer one that is not whole is a warning.

    Raises:
        CheckpointError: There are checkpoints but none can be used.
    """
    paths = list_checkpoints(folder)
    reasons: list[str] = []
    for path in reversed(paths):
        try:
            state = read_checkpoint(path, device)
        except CheckpointError as error:
            reasons.append(str(error))
            continue
        for reason in reasons:
            warnings.warn(f"{reason} Going on from {path.name}.", stacklevel=2)
        return state
    if any(_hash_path(path).is_file() for path in paths):
        raise CheckpointError(f"no usable checkpoint in {folder}: {reasons[0]}")
    if reasons:
        warnings.warn(f"{reasons[0]} Starting over.", stacklevel=2)
    return None


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Reads one checkpoint after checking its hash; never runs code from it."""
    try:
        content = read_bytes(path)
        expected = read_bytes(_hash_path(path), 1000).decode().split()[0]
    except FileNotFoundError as error:
        raise CheckpointError(f"checkpoint {path} has no hash beside it: not finished.") from error
    except OSError as error:
        raise CheckpointError(f"checkpoint {path} cannot be read: {error.strerror}.") from error
    except (IndexError, UnicodeDecodeError) as error:
        raise CheckpointError(f"checkpoint {path}: its hash is no text.") from error
    if sha256_of(content) != expected:
        raise CheckpointError(f"checkpoint {path} is torn or altered: its hash does not match.")
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's own, about pickles we refuse
            state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except Exception as error:  # of what is no checkpoint, each part of the reader makes its own
        if is_out_of_memory(error):
            raise
        raise CheckpointError(
            f"{path} is no checkpoint: it holds more than tensors and numbers, and was not run."
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is no checkpoint of ambigan.")
    for key, kind in _KEYS.items():
        if not isinstance(state.get(key, ...), kind):  # pyright: ignore[reportUnknownMemberType]
            raise CheckpointError(f"{path} is no checkpoint of ambigan: it has no '{key}'.")
    return state  # pyright: ignore[reportUnknownVariableType]


def _canonical(value: Any) -> Any:
    """The same content, so built that equal states give equal bytes.

    A pickle notes which texts and tuples are one object; that differs between a state that was
    trained and one that was read back.
    """
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, dict):
        return {_canonical(k): _canonical(v) for k, v in cast(dict[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        items = [_canonical(item) for item in cast(list[Any], value)]
        return items if isinstance(value, list) else tuple(items)
    return value


def _hash_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
