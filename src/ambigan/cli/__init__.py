"""The command line. Nothing heavy is imported until a verb has been read."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence

from ..core.errors import AmbiganError
from ..core.machine import num_launched_processes
from .output import start_logging
from .parser import Request, parse_arguments

_RESUME = "a run that was begun goes on with: ambigan train --resume RUN"
_MEASURED = "what was measured is kept; repeat the command to go on"
KEPT = {
    "train": _RESUME,
    "demo": _RESUME,
    "prepare": "what was decoded is kept; repeat the command to go on",
    "reproduce": "what was trained and measured is kept; repeat the command to go on",
    "evaluate": _MEASURED,
    "transfer": _MEASURED,
}
"""What is told of a verb that is stopped by SIGINT, where it does not tell more itself."""

NOTHING_TORN = "no file is left half written; repeat the command to begin again"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb.

    Args:
        arguments: as typed after `ambigan`; those of the process if None.

    Returns:
        The exit status: 0; 2 for what the user can mend, told in one line; 130 or 143 after a
        clean stop by SIGINT or SIGTERM.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else torch's profiler writes to stderr
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name the terminal cannot show is no reason
            stream.reconfigure(errors="backslashreplace")  # to fail
    debug = "--debug" in typed
    typed = [word for word in typed if word != "--debug"]
    try:
        request = parse_arguments(typed)
        start_logging()
        if not debug:
            warnings.showwarning = _one_line
        return _run(request.verb)(request)
    except AmbiganError as error:
        if debug:
            raise
        print(f"ambigan: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        told = _in_one_line(error)
        if debug or told is None:
            raise
        print(f"ambigan: {told}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; {KEPT.get(''.join(typed[:1]), NOTHING_TORN)}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _in_one_line(error: Exception) -> str | None:
    """What torch says in a RuntimeError of several kinds, where it is the user's to mend."""
    if isinstance(error, MemoryError) or "allocate" in str(error):
        return "out of memory; use smaller networks, fewer examples at once or less data."
    words = ("connection", "gloo", "nccl", "timeout")
    if num_launched_processes() > 1 and any(word in str(error).lower() for word in words):
        return "another process of this run died; continue with --resume."
    return None


def _run(verb: str) -> Callable[[Request], int]:
    if verb in ("reproduce", "presets"):
        from . import experiments as module
    elif verb == "prepare":
        from . import prepare as module
    elif verb in ("evaluate", "transfer"):
        from . import evaluation as module
    elif verb in ("filters", "arithmetic", "forget"):
        from . import analysis as module
    elif verb == "search":
        from . import search as module
    else:
        from . import verbs as module
    return getattr(module, verb)


def _one_line(message: Warning | str, *_details: object) -> None:
    print(f"ambigan: warning: {' '.join(str(message).split())}", file=sys.stderr)
