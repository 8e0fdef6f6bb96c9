"""The command line. Nothing heavy is imported until a verb has been read."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from ..core.errors import AmbiganError
from .parser import parse


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
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(verb: str):
    from . import verbs

    return getattr(verbs, verb)


def _one_line(message: Warning | str, *_details: object) -> None:
    print(f"ambigan: warning: {' '.join(str(message).split())}", file=sys.stderr)
