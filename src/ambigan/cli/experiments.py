"""The verb that makes experiments: papers' tables, and methods compared."""

from __future__ import annotations

import sys
from pathlib import Path

from ..core.errors import ConfigError
from ..core.machine import num_launched_processes
from .listings import list_experiments
from .output import say
from .parser import Request

MOST_SEEDS = 1000


def reproduce(request: Request) -> int:
    """Makes an experiment, or lists those that can be made."""
    flags = request.flags
    if flags.list:
        return list_experiments(request)
    if flags.json:
        raise ConfigError("--json is for --list; what is made is written as .json anyway.")
    from ..engine.trainer import Interrupted
    from ..experiments import EXPERIMENTS, default_folder
    from ..experiments import reproduce as make
    from ..experiments.writers import as_markdown
    from .progress import training_progress

    if flags.experiment is None:
        raise ConfigError(f"name an experiment: {', '.join(EXPERIMENTS)}.")
    if num_launched_processes() > 1:
        raise ConfigError("reproduce runs as one process; start it without torchrun.")
    experiment = EXPERIMENTS.find(flags.experiment)
    out = Path(flags.out or default_folder(experiment, request.settings))
    try:
        summary = make(
            experiment,
            out,
            seeds=_seeds(flags.seeds),
            changes=request.settings,
            presets=_listed("--presets", flags.presets),
            runs=_listed("--runs", flags.runs),
            render_only=flags.render,
            bar=training_progress,
        )
    except Interrupted as stop:
        print("stopped; the same command goes on where it was", file=sys.stderr)
        return 128 + stop.signal_number
    print(as_markdown(summary))
    say(f"written: {out / experiment.name}.json, .csv, .md, .html")
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
