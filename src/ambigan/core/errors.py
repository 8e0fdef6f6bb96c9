"""Errors a user can cause. Each is one clear line: what was wrong, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class AmbiganError(Exception):
    """Base of every error that is the user's to mend; the command line shows no trace of it."""


class ConfigError(AmbiganError, ValueError):
    """A setting, flag or name that cannot be used."""


class DataError(AmbiganError, ValueError):
    """Data that cannot be read or learned from; the message names the file."""


class CheckpointError(AmbiganError):
    """A checkpoint or run folder that is missing, torn, altered or of another run."""


class NonFiniteError(AmbiganError, ArithmeticError):
    """A loss, gradient or parameter that is no longer a number."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, torch's RuntimeError among them, says that memory did not suffice."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "allocate" in str(error)
    )


def suggestion(name: str, allowed: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the closest allowed name, or an empty string."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> ConfigError:
    """An error for a name that is not among those allowed, with the nearest one suggested."""
    names = sorted(allowed)
    return ConfigError(
        f"unknown {kind} '{name}'.{suggestion(name, names)} Known: {', '.join(names)}."
    )


def unknown_source(typed: str, allowed: Iterable[str]) -> ConfigError:
    """An error for a source that is no name of those allowed, and no path where something is."""
    name, colon, _ = typed.partition(":")
    if not colon and ("/" in typed or Path(typed).suffix):
        return ConfigError(f"there is no file or folder {typed}; give the path of one that exists.")
    unknown = unknown_name("data set", name, allowed)
    return (
        unknown if colon or not typed else ConfigError(f"{unknown} Nor is there a folder {typed}.")
    )
