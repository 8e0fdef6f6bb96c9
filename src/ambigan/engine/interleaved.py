"""Several runs trained side by side, and signals that end them all after a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import torch

from .trainer import Interrupted, Trainer


def train_interleaved(trainers: Sequence[Trainer]) -> None:
    """Trains runs to their ends, an iteration of each in turn; on CUDA, each on its own stream.

    Raises:
        Interrupted: A signal came, and each of them has saved. Where one of them fails otherwise,
            the others stand at their last checkpoints.
    """
    own_streams = len(trainers) > 1 and trainers[0].device.type == "cuda"
    if own_streams:
        torch.cuda.synchronize()  # data and networks were put there on another stream
    streams = [torch.cuda.Stream(each.device) if own_streams else None for each in trainers]
    going = [(each.train(), stream) for each, stream in zip(trainers, streams, strict=True)]
    stopped: Interrupted | None = None
    with ExitStack() as outputs, catch_signals(*trainers):
        for each in trainers:
            if each.output is not None:
                outputs.callback(each.output.close)
        while going:
            for iterations, stream in tuple(going):
                try:
                    with torch.cuda.stream(stream):  # pyright: ignore[reportArgumentType]
                        next(iterations)
                except (StopIteration, Interrupted) as error:
                    stopped = error if isinstance(error, Interrupted) else stopped
                    going.remove((iterations, stream))
    if own_streams:
        torch.cuda.synchronize()
    if stopped is not None:
        raise stopped


@contextmanager
def catch_signals(*trainers: Trainer) -> Generator[None]:
    """Notes signals to stop for all trainers, which finish their iterations and save.

    SIGHUP, of a terminal that was closed, is one of them, unless `nohup` has it ignored.
    """

    def note(number: int, _frame: FrameType | None) -> None:
        for each in trainers:
            each.signal_number = number

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # only the main thread may handle signals
    before: dict[int, Any] = {number: signal.signal(number, note) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
