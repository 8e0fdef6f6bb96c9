"""The command line. Nothing heavy is imported until a verb has been read."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence

from ..core.errors import AmbiganError
from .parser import Request, parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb.

    Args:
        arguments: as typed after `ambigan`; those of the process if None.

    Returns:
        The exit status: 0; 2 for what the user can mend, told in one line; 130 or 143 after a
        clean stop by SIGINT or SIGTERM.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in typed
    typed = [word for word in typed if word != "--debug"]
    try:
        request = parse(typed)
        if not debug:
            warnings.showwarning = _one_line
        return _run(request.verb)(request)
    except AmbiganError as error:
        if debug:
            raise
        print(f"ambigan: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if debug or not _is_about_memory(error):
            raise
        told = "out of memory; use a smaller --batch-size, smaller networks or less data."
        print(f"ambigan: {told}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _is_about_memory(error: Exception) -> bool:
    """Torch says what it could not allocate in a RuntimeError of several kinds."""
    return isinstance(error, MemoryError) or "allocate" in str(error)


def _run(verb: str) -> Callable[[Request], int]:
    from . import verbs

    return getattr(verbs, verb)


def _one_line(message: Warning | str, *_details: object) -> None:
    print(f"ambigan: warning: {' '.join(str(message).split())}", file=sys.stderr)
