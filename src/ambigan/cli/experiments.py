"""The verb that makes papers' tables and studies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, unknown_name
from ..core.machine import num_launched_processes
from .listings import list_experiments
from .output import alarm, note, say
from .parser import Request

MOST_SEEDS = 1000


def reproduce(request: Request) -> int:
    """Makes a paper's table again or a study, or lists those that can be made."""
    flags = request.flags
    if flags.list:
        return list_experiments(request)
    if flags.json:
        raise ConfigError("--json is for --list; what is made is written as .json anyway.")
    from ..engine.trainer import Interrupted
    from ..experiments import STUDIES, TABLES, compare, find_study, find_table, shared_folder
    from ..experiments import reproduce as make_table
    from ..experiments.study.writing import as_markdown as study_text
    from ..experiments.table.writing import as_markdown
    from .progress import training_progress

    if flags.table is None:
        raise ConfigError(f"name a table or study: {', '.join((*TABLES, *STUDIES))}.")
    if num_launched_processes() > 1:
        raise ConfigError("reproduce runs as one process; start it without torchrun.")
    if flags.table not in {*TABLES, *STUDIES}:
        raise unknown_name("table or study", flags.table, [*TABLES, *STUDIES])
    common: dict[str, Any] = {
        "seeds": _seeds(flags.seeds),
        "changes": request.settings,
        "bar": training_progress,
        "tell": note,
        "alarm": alarm,
    }
    try:
        if flags.table in STUDIES:
            if flags.presets:
                raise ConfigError(f"{flags.table} is a study; it has arms, and takes no --presets.")
            study, arms = find_study(flags.table), _listed("--arms", flags.arms)
            out = Path(flags.out or shared_folder(study, request.settings))
            text = study_text(compare(study, out, arms=arms, **common))
            written = out / flags.table
        else:
            table = find_table(flags.table)
            if flags.arms:
                raise ConfigError(f"{flags.table} is a table; it has presets, and takes no --arms.")
            out = Path(flags.out or f"runs/{table.name}")
            presets = _listed("--presets", flags.presets)
            text = as_markdown(make_table(table, out, presets=presets, **common))
            written = out / "table"
    except Interrupted as stop:
        print("stopped; the same command goes on where it was", file=sys.stderr)
        return 128 + stop.signal_number
    print(text)
    say(f"written: {written}.json, .csv, .md, .html")
    return 0


def _listed(flag: str, text: str | None) -> list[str]:
    """Names between commas; none if the flag was left out."""
    names = [name.strip() for name in (text or "").split(",")]
    if text is not None and not any(names):
        raise ConfigError(f"{flag} '{text}' names none; leave it out for all of them.")
    return [name for name in names if name]


def _seeds(text: str) -> list[int]:
    """`3` counts from 0; a comma lists them, `0,3` or `4,`."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ConfigError(
            f"--seeds '{text}' is neither a number nor a list such as 0,3."
        ) from error
    if not numbers or min(numbers) < (0 if "," in text else 1):
        raise ConfigError(f"--seeds '{text}': give how many, 1 or more, or a list such as 0,3.")
    if "," not in text and numbers[0] > MOST_SEEDS:
        raise ConfigError(f"--seeds '{text}': no more than {MOST_SEEDS} at once.")
    return numbers if "," in text else list(range(numbers[0]))
