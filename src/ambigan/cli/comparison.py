"""The verb that compares runs, and first trains those that are named by their method."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.machine import num_launched_processes
from .evaluation import parse_seeds, print_table
from .output import logger, print_json, say, show_progress
from .parser import Request, between_commas

PAGE = "comparison.html"


def compare(request: Request) -> int:
    """Prints a table of runs side by side and writes their page; trains what has no folder yet."""
    from ..comparison import compare as compare_runs
    from ..comparison.grid import command_of, is_method, train_grid
    from ..comparison.runs import find_runs
    from ..engine.trainer import Interrupted

    flags, settings = request.flags, dict(request.settings)
    methods = [typed for typed in flags.compared if is_method(typed)]
    folders = [typed for typed in flags.compared if typed not in methods]
    device, command = settings.get("train.device", "auto"), None
    if methods:
        if num_launched_processes() > 1:
            raise ConfigError("compare trains as one process; start it without torchrun.")
        out = Path(flags.out or f"runs/compare-{settings.get('data.source', '').split(':')[0]}")
        if out.suffix == ".html":
            raise ConfigError(f"--out '{out}': with methods to train, name a folder for the runs.")
        if folders:  # one that is no run is known before hours of training
            find_runs(folders)
        seeds, protocols = parse_seeds(flags.seeds or "1"), between_commas(flags.protocol)
        chosen: dict[str, Any] = {"seeds": seeds, "settings": settings, "protocols": protocols}
        try:
            train_grid(methods, out, bar=show_progress, **chosen)
        except Interrupted as stop:
            print("stopped; the same command goes on where it was", file=sys.stderr)
            return 128 + stop.signal_number
        command = command_of([*methods, *folders], out, **chosen)
        folders.append(str(out))
        page = out / PAGE
    else:
        _refuse_training(request)
        page = Path(flags.out) if flags.out else _beside(folders)
        if page.suffix != ".html":
            raise ConfigError(f"cannot write '{page}': --out must end in .html.")
    found = compare_runs(folders, page=page, device=device, command=command)
    if flags.json:
        print_json(found.as_json())
        return 0
    print_table(found.table, "")
    for note in found.notes:
        logger.warning(note)
    say(f"written: {page}")
    return 0


def _refuse_training(request: Request) -> None:
    """Refuses flags of training where all that is named are folders."""
    flags, settings = request.flags, set(request.settings) - {"train.device"}
    given = [name for name in ("seeds", "protocol") if getattr(flags, name)]
    given += [name.replace("_", "-") for name in sorted(settings)]
    if given:
        raise ConfigError(
            f"--{given[0]} is of training, and {flags.compared[0]} is a folder; name methods to"
            " train, such as bigan:small, or leave it out."
        )


def _beside(folders: list[str]) -> Path:
    """The page in the folder that holds all runs: an experiment's own, or that above the runs."""
    paths = [str(Path(folder).resolve()) for folder in folders]
    common = Path(os.path.commonpath(paths))
    is_run = (common / "config.json").is_file()
    return (common.parent if is_run else common) / PAGE
