"""Where a run's numbers go: JSON lines always, TensorBoard and Weights & Biases if asked for.

`stats.jsonl` holds only what a resumed run writes again bit for bit; how long things took goes to
`timing.jsonl`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import uuid4

import torch.nn.functional as F
from torch import Tensor

from ..core.errors import AmbiganError, CheckpointError, ConfigError
from ..core.files import (
    check_inside,
    open_in_place,
    read_bytes,
    storage_error,
    sync_file,
    write_text,
)
from ..core.imports import import_extra

logger = logging.getLogger(__name__)

ACROSS, GAP = 8, 2
"""Samples in a row of a picture, and pixels between them."""


class JsonLines:
    """Appends lines to a `.jsonl` file, each flushed whole.

    Lines beyond a number of images seen are dropped first: a resumed run writes them again.
    """

    def __init__(self, path: Path, images_seen: int = 0) -> None:
        kept = [line for line in read_lines(path) if line["images_seen"] <= images_seen]
        write_text(path, "".join(_dump(line) for line in kept))
        self._path = path
        self._file = open_in_place(path, appends=True)

    def write(self, line: dict[str, Any]) -> None:
        """Appends one line; if the disk is full, the lines before stand."""
        try:
            self._file.write(_dump(line).encode())
            self._file.flush()
        except OSError as error:
            raise storage_error(self._path, error) from error

    def sync(self) -> None:
        """Makes sure that the lines so far are on the disk."""
        sync_file(self._file, self._path)

    def close(self) -> None:
        """Closes the file, with all lines on the disk."""
        self.sync()
        self._file.close()


class Sink(Protocol):
    """A program that shows a training while it runs, in addition to the log."""

    def write(self, line: dict[str, Any]) -> None:
        """Takes the numbers of a line, by group and name."""
        ...

    def write_samples(self, images_seen: int, grid: Tensor) -> None:
        """Takes a picture of samples, uint8 `(3, H, W)`."""
        ...

    def close(self) -> None:
        """Ends with all that is pending written."""
        ...


class TensorBoard:
    """Event files for TensorBoard.

    Args:
        folder: Where they are written.
        settings: The settings of the run, nested.
        images_seen: Images seen at the checkpoint from which training continues; what was written
            beyond it is hidden, since it is written again.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], images_seen: int) -> None:
        module = "torch.utils.tensorboard.writer"
        tensorboard = import_extra(module, "tensorboard", "train.tensorboard")
        check_inside(folder / "events")
        purged = images_seen + 1 if images_seen else None
        self._writer: Any = tensorboard.SummaryWriter(str(folder), purge_step=purged)
        if not images_seen:
            text = json.dumps(settings, indent=2).replace("\n", "\n    ")
            self._writer.add_text("settings", f"    {text}")  # in Markdown, indented code

    def write(self, line: dict[str, Any]) -> None:
        """Adds each number under its group and name."""
        for name, value in _numbers(line).items():
            self._writer.add_scalar(name, value, line["images_seen"])

    def write_samples(self, images_seen: int, grid: Tensor) -> None:
        """Adds a picture."""
        self._writer.add_image("samples", grid, images_seen)

    def close(self) -> None:
        """Writes what is pending."""
        self._writer.close()


class WeightsAndBiases:
    """A run of Weights & Biases in the project of $WANDB_PROJECT, or `ambigan`.

    Its id is kept in the folder, so that a training that continues is the same run there.

    Args:
        folder: The run's folder, in which `wandb/` is written.
        settings: The settings of the run, nested.

    Raises:
        ConfigError: The package is not installed, or nobody is logged in.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._wandb: Any = import_extra("wandb", "wandb", "train.wandb")
        id_file = folder / "wandb" / "id.txt"
        check_inside(id_file)
        if not id_file.is_file():
            write_text(id_file, uuid4().hex[:12])
        parts = folder.resolve().parts
        aside = {"disable_git": True, "disable_code": True, "console": "off", "silent": True}
        try:
            self._run = self._wandb.init(
                project=os.environ.get("WANDB_PROJECT", "ambigan"),
                name="/".join(parts[-2:] if parts[-1].startswith("seed-") else parts[-1:]),
                id=id_file.read_text(encoding="utf-8").strip(),
                resume="allow",
                dir=str(folder),
                config=settings,
                reinit="create_new",  # several runs may train in one process
                settings=aside,
            )
        except (self._wandb.errors.UsageError, ValueError) as error:  # ValueError: $WANDB_MODE=on
            reason = " ".join(str(error).split("For further")[0].split()).rstrip(".")
            raise ConfigError(
                f"train.wandb cannot start: {reason}. Log in by `wandb login`, or"
                " set WANDB_MODE=offline and send the run later by `wandb sync`."
            ) from error

    def write(self, line: dict[str, Any]) -> None:
        """Sends each number under its group and name."""
        self._run.log(_numbers(line), step=line["images_seen"])

    def write_samples(self, images_seen: int, grid: Tensor) -> None:
        """Sends a picture."""
        image = self._wandb.Image(grid.permute(1, 2, 0).numpy())
        self._run.log({"samples": image}, step=images_seen)

    def close(self) -> None:
        """Sends what is pending."""
        self._run.finish()


class GuardedSink:
    """A sink whose failure never stops a training: it is dropped after one warning.

    Args:
        name: Its name in the warning.
        make: What starts it. A ConfigError or a StorageError there is the user's to mend and is
            raised; anything else, such as a server that does not answer, is warned of.
    """

    def __init__(self, name: str, make: Callable[[], Sink]) -> None:
        self._name = name
        self._sink: Sink | None = None
        try:
            self._sink = make()
        except AmbiganError:
            raise
        except Exception as error:
            self._drop(error)

    def use(self, action: Callable[[Sink], None]) -> None:
        """Calls a function with the sink, if it still works."""
        if self._sink is None:
            return
        try:
            action(self._sink)
        except Exception as error:
            self._drop(error)

    def _drop(self, error: Exception) -> None:
        self._sink = None
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        logger.warning(
            f"{self._name} failed ({reason}): nothing more is sent there. Training goes on, and"
            " stats.jsonl has every number."
        )


def sample_grid(images: Tensor, bands: Sequence[int]) -> Tensor:
    """Images side by side, eight in a row, each with a black edge above and on its left.

    Args:
        images: Floats `(N, C, H, W)` in [-1, 1]. Of more than three channels the first three are
            shown, of two the mean.
        bands: The channels to show, counted from 1; empty for the above.

    Returns:
        uint8 `(3, height, width)`.
    """
    images = images.detach().float().cpu()
    if bands:
        images = images[:, [band - 1 for band in bands]]
    images = images.mean(1, keepdim=True) if images.shape[1] == 2 else images[:, :3]
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().byte().expand(-1, 3, -1, -1)
    padding = (GAP, 0, GAP, 0, 0, 0, 0, -len(pixels) % ACROSS)
    padded = F.pad(pixels, padding)
    cells = padded.reshape(-1, ACROSS, *padded.shape[1:])
    return cells.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)


def _numbers(line: dict[str, Any]) -> dict[str, float]:
    """The numbers of a line as `group/name`."""
    found: dict[str, float] = {}
    for group, values in line.items():
        if isinstance(values, dict):
            named = cast(dict[str, float], values)
            found |= {f"{group}/{name}": value for name, value in named.items()}
    return found


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a `.jsonl` file; a torn last line, left by a kill, is left out.

    Where another line is damaged, the error names it, and nothing is rewritten.
    """
    if not path.exists():
        return []
    try:
        texts = read_bytes(path).splitlines()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    lines: list[dict[str, Any]] = []
    for number, text in enumerate(texts, start=1):
        try:
            line = json.loads(text)
            lines.append(line | {"images_seen": int(line["images_seen"])})
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            if number == len(texts):
                break
            raise CheckpointError(
                f"line {number} of {path} is damaged; mend or delete that line."
            ) from error
    return lines


def _dump(line: dict[str, Any]) -> str:
    return json.dumps(line) + "\n"
