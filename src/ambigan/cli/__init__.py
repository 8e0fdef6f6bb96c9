"""The command line. Nothing heavy is imported until a verb has been read."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import Any, cast

from ..core.errors import AmbiganError, ConfigError, is_out_of_memory
from ..core.plugins import load_installed, load_plugins
from .parser import KEPT, VERBS, Request, parse_arguments

NOTHING_TORN = "no file is left half written; repeat the command to begin again"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb, as typed after `ambigan`; the arguments of the process if None.

    Returns:
        The exit status: 0; 2 for what the user can mend, told in one line; 130 or 143 after a
        clean stop by SIGINT or SIGTERM.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else torch's profiler writes to stderr
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name the terminal cannot show is no reason
            stream.reconfigure(errors="backslashreplace")  # to fail
    debug, quiet = "--debug" in typed, "--quiet" in typed
    typed = [word for word in typed if word not in ("--debug", "--quiet")]
    try:
        if "_ARGCOMPLETE" in os.environ:
            from .listings import complete

            complete()  # answers a shell that asks what may be typed next, and ends
        request = parse_arguments(typed)
        from .names.check import check_names
        from .output import start_logging

        start_logging(quiet=quiet)
        _fetch_runs(request)
        check_names(request)  # before anything heavy is imported
        if not debug:
            warnings.showwarning = _one_line
        with _quiet_interrupt():
            load_installed()
            load_plugins(request.flags.plugin)
            verb = _run(request)
        status = verb(request)
        sys.stdout.flush()  # or a full disk behind it would be found out after the exit status
        return status
    except KeyboardInterrupt:
        _say(f"stopped; {KEPT.get(''.join(typed[:1]), NOTHING_TORN)}")
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        _drop_lost_output()
        return 0
    except Exception as error:
        line = _in_one_line(error)
        if debug or line is None:
            raise
        _drop_lost_output()
        _say(f"ambigan: {' '.join(line.split())}")
        return 2


def _fetch_runs(request: Request) -> None:
    """Puts the folder of what was fetched in the place of a run that is named `hf:USER/NAME`."""
    flags = request.flags
    if (resumed := getattr(flags, "resume", None)) and resumed.startswith("hf:"):
        raise ConfigError(
            f"{resumed} has no checkpoints to continue from; take its settings with --from."
        )
    for name in ("run", "from_run"):
        typed: Any = getattr(flags, name, None)
        if isinstance(typed, list):
            setattr(flags, name, [_fetched(each) for each in cast("list[str]", typed)])
        elif typed is not None:
            setattr(flags, name, _fetched(typed))


def _fetched(typed: str) -> str:
    """The folder of a run, which is fetched if it is named `hf:USER/NAME`."""
    if not typed.startswith("hf:"):
        return typed
    from ..hub import local_folder

    return str(local_folder(typed))


def _in_one_line(error: Exception) -> str | None:
    """What is wrong, where it is the user's to mend; None for a fault of the program."""
    if isinstance(error, AmbiganError):
        return str(error)
    if is_out_of_memory(error):
        return "out of memory; use smaller networks, fewer examples at once or less data."
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename is not None else ""
        return f"{place}{error.strerror or error}; check the path, its permissions and its disk."
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return "a path holds a null character, which no file's name can."
    if isinstance(error, UnicodeEncodeError) and "surrogates" in str(error):
        return f"{error.object[:80]!r} cannot be encoded; a name must be valid Unicode text."
    words = ("connection", "gloo", "nccl", "timeout")
    is_of_torch = isinstance(error, RuntimeError) and os.environ.get("WORLD_SIZE", "1") != "1"
    if is_of_torch and any(word in str(error).lower() for word in words):
        return "another process died; continue training with --resume, or repeat the command."
    return None


def _say(line: str) -> None:
    """Writes a last line to stderr, if it is still there: a terminal may have been closed."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def _drop_lost_output() -> None:
    """Discards output that stdout cannot take, on which the interpreter would fail at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _quiet_interrupt() -> Generator[None]:
    """Ends the process by one line if SIGINT comes during imports, when nothing was begun.

    Raised inside an import, KeyboardInterrupt may come out as any other error.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        _say(f"stopped; {NOTHING_TORN}")
        os._exit(130)

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _run(request: Request) -> Callable[[Request], int]:
    """The function of a verb, from the module that holds it."""
    module, name = VERBS[request.verb].module, request.verb
    if name == "reproduce" and request.flags.list:
        module, name = "listings", "list_experiments"  # which needs no torch
    return getattr(import_module(f".{module}", __name__), name)


def _one_line(message: Warning | str, *_details: object) -> None:
    print(f"ambigan: warning: {' '.join(str(message).split())}", file=sys.stderr)
