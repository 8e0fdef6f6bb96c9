"""What a page says in words: key facts, alarms, settings, and how to make the run again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from .. import __version__
from ..core.errors import ConfigError
from ..core.plugins import plugin_flags
from ..core.settings import dotted, typed_value
from ..engine.config import RunConfig
from ..engine.durations import duration
from ..engine.train_state import count_parameters
from ..evaluation.provenance import hardware
from ..evaluation.result import Result
from ..methods import is_external
from ..presets import find_preset
from ..trainable import trained_rows
from .figures.transfer import flags_of, task_flags
from .report_data import Lines, ReportData
from .result_tables import is_of_features, is_task, is_transfer


@dataclass(frozen=True)
class SummaryItem:
    """A name, its value, and a line of detail under it."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class RunWarning:
    """A sign of trouble in plain words, when it was seen, and whether it has passed."""

    text: str
    when: str
    passed: bool


@dataclass(frozen=True)
class RunSetting:
    """A setting by its dotted name; `preset` is what its preset says where that differs."""

    name: str
    value: str
    preset: str | None = None


def summary_items(material: ReportData) -> list[SummaryItem]:
    """The row of facts under the title."""
    run, method, noun = material.run, material.run.method, material.noun
    networks = [name for player in method.players for name in player.networks]
    counts = [(count_parameters(method.get_submodule(name)), name) for name in networks]
    sizes = ", ".join(f"{_short(count)}\u00a0{name}" for count, name in counts)
    facts = [
        SummaryItem(f"{noun} seen", f"{run.images_seen:,}", _epochs(material)),
        SummaryItem("parameters", f"{count_parameters(method):,}", sizes),
    ]
    if seconds := training_seconds(material.timing):
        rate = material.timing[-1]["images_seen"] / seconds
        facts.append(SummaryItem("training", duration(seconds), f"{rate:,.0f} {noun}/s"))
    if run.weights == "ema":
        facts.append(SummaryItem("weights", "EMA", "averaged over training"))
    else:
        facts.append(SummaryItem("weights", "raw", "as the last step left them"))
    return [*facts, _versions(material), _hardware(material)]


def epochs_seen(material: ReportData) -> float:
    """How often the examples that were trained on were seen."""
    return material.run.images_seen / max(1, _num_trained(material))


def _num_trained(material: ReportData) -> int:
    """The number of examples that were trained on: all of the split but those for validation."""
    run, split = material.run, material.dataset.train
    rows = trained_rows(run.config, type(run.method), split)
    return len(split) if rows is None else len(rows)


def has_ended_early(material: ReportData) -> bool:
    """Whether training ended since no state was better for as long as `train.patience` says."""
    patience = material.run.config.train.patience
    measured = [line for line in material.stats if "validation" in line][-patience:]
    is_worse = [line["images_seen"] > line["validation"]["best_at"] for line in measured]
    return 0 < patience <= len(is_worse) and all(is_worse)


def training_seconds(timing: Lines) -> float:
    """How long training took; what was lost to interruptions is not counted."""
    return sum(float(line["seconds"]) for line in timing)


def find_warnings(material: ReportData) -> list[RunWarning]:
    """Every sign of collapse that was logged, each once; those of the last look first."""
    looks = [line for line in material.stats if "diagnostics" in line or "warnings" in line]
    seen: dict[str, list[tuple[int, str]]] = {}
    for index, line in enumerate(looks):
        for text in map(str, line.get("warnings", ())):
            without_numbers = re.sub(r"[\d.,]+(e[+-]?\d+)?", "#", text)
            seen.setdefault(without_numbers, []).append((index, text))
    found: list[RunWarning] = []
    for times in seen.values():
        (start, _), (end, text) = times[0], times[-1]
        first, last = looks[start]["images_seen"], looks[end]["images_seen"]
        passed = end < len(looks) - 1
        when = f"at {first:,}" if first == last else f"from {first:,} to {last:,}"
        when += f" {material.noun}, at {len(times)} of {len(looks)} looks"
        when += "; not since." if passed else ", the last one too."
        found.append(RunWarning(text, when, passed))
    return sorted(found, key=lambda warning: warning.passed)


def find_notes(material: ReportData) -> list[str]:
    """What a reader must know before the numbers: a run cut short, results of another state."""
    run = material.run
    notes: list[str] = []
    epochs, planned = epochs_seen(material), run.config.train.epochs
    if epochs < planned * 0.999 and not has_ended_early(material):
        notes.append(
            f"This run is not finished: {epochs:,.4g} of {planned:,} epochs."
            " All below is of its newest checkpoint."
        )
    if count := len(material.dataset.inventory.warnings):
        notes.append(
            f"The data came with {count} warning{'s' * (count > 1)}; see the section on the data."
        )
    if material.labelled and not any(map(is_of_features, material.results)):
        notes.append(
            "Its features are not measured yet: run "
            f"`ambigan evaluate {material.folder.path}`, then write this page again."
        )
    older: dict[int, list[str]] = {}
    for result in (results[0] for results in material.results):
        seen = result.provenance.images_seen
        if seen is not None and seen != run.images_seen:
            older.setdefault(seen, []).append(result.protocol.name)
    for seen, names in older.items():
        notes.append(
            f"Measured at {seen:,} {material.noun}, not at {run.images_seen:,}: {', '.join(names)}."
        )
    if material.foreign:
        notes.append(f"Left out, measured on a run of other data: {', '.join(material.foreign)}.")
    return notes


def settings_of(material: ReportData) -> list[RunSetting]:
    """All settings, each beside its preset's where they differ."""
    config = material.run.config
    preset = dotted(base) if (base := _preset_of(config)) else {}
    differs = {name for name, value in dotted(config).items() if preset.get(name, value) != value}
    return [
        RunSetting(name, typed_value(value), typed_value(preset[name]) if name in differs else None)
        for name, value in dotted(config).items()
        if name != "plugins"  # which the commands give
    ]


def commands(material: ReportData) -> list[str]:
    """What to type to make the run, its results and this page again."""
    config, out = material.run.config, shlex.quote(str(material.folder.path))
    words = ["ambigan", "train", config.method, "--preset", config.preset]
    words += ["--data", config.data.source]
    for setting in settings_of(material):
        if setting.preset is not None and setting.name != "data.source":
            words += [f"--{setting.name.replace('_', '-')}", setting.value]
    given = plugin_flags(config.plugins)
    again = [f"{shlex.join(words)}{given} --out {out}"]
    names: dict[str, dict[str, None]] = {}
    by_verb = [results for results in material.results if is_transfer(results) or is_task(results)]
    for result in (results[0] for results in material.results if results not in by_verb):
        protocol = f"--protocol {shlex.quote(result.protocol.name)}"
        names.setdefault(_evaluation_flags(result) + given, {})[protocol] = None
    again += [f"ambigan evaluate {out} {' '.join(of)}{flags}" for flags, of in names.items()]
    for results in by_verb:
        flags = task_flags(results) if is_task(results) else flags_of(results)
        again.append(f"ambigan transfer {out} {flags}{given}")
    return [*again, f"ambigan report {out}{given}"]


def _evaluation_flags(result: Result) -> str:
    """The flags by which `evaluate` is asked for the same; a value of a list each by itself."""
    views = result.protocol.views
    asked: dict[str, Any] = {"views": views.get("num"), "views-short-side": views.get("short_side")}
    asked["test-crops"] = views.get("test_crops", 1) > 1 and views["test_crops"]
    flags = [f" --{name} {typed_value(value)}" for name, value in asked.items() if value]
    flags += [" --views-flip"] * bool(views.get("flip"))
    for name, value in result.provenance.asked.items():
        texts = cast(Sequence[Any], value if isinstance(value, (list, tuple)) else [value])
        words = [str(text) for text in texts if text and (name, text) != ("framing", "run")]
        flags += [f" --{name.replace('_', '-')} {shlex.quote(word)}" for word in words]
    return "".join(flags)


def _preset_of(config: RunConfig) -> RunConfig | None:
    """What the settings started from, if it is still known.

    A method outside the package is not looked up by its name: that would import what a file says.
    Its one preset is the defaults of the settings that are already here.
    """
    try:
        if is_external(config.method):
            return RunConfig(config.method, config.preset, type(config.settings)())
        return find_preset(config.method, config.preset)
    except (ConfigError, TypeError):  # of a later version; or settings without defaults
        return None


def _epochs(material: ReportData) -> str:
    seen, planned = epochs_seen(material), material.run.config.train.epochs
    num = f"{_num_trained(material):,}"
    if abs(seen - planned) < 0.01 * planned:
        return f"{planned:,} epochs of {num}"
    early = ", ended early" if has_ended_early(material) else ""
    return f"{seen:,.3g} of {planned:,} epochs of {num}{early}"


def _short(num: int) -> str:
    return f"{num / 1e6:.3g}\u00a0M" if num >= 1e6 else f"{num / 1e3:.3g}\u00a0k"


def _versions(material: ReportData) -> SummaryItem:
    """Versions of ambigan and torch: those that measured, or those that made the page."""
    used = {"ambigan": __version__, "torch": torch.__version__}
    if material.results:
        used |= material.results[0][0].provenance.versions
    return SummaryItem("ambigan", used["ambigan"], f"torch {used['torch']}")


def _hardware(material: ReportData) -> SummaryItem:
    named = [r[0].provenance.hardware for r in material.results if r[0].provenance.hardware]
    found = named[0] if named else hardware(material.run.device)
    cores = f"{found.get('cores')} cores" if found.get("cores") else "CPU"
    name, processor = "measured on" if named else "page made on", str(found.get("processor") or "")
    return SummaryItem(name, str(found.get("gpu") or cores), processor)
