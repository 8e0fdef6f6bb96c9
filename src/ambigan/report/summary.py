"""What a page says in words: key facts, alarms, settings, and how to make the run again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from .. import __version__
from ..core.errors import ConfigError
from ..core.plugins import plugin_flags
from ..core.settings import dotted, typed_value
from ..engine.config import RunConfig
from ..engine.train_state import count_parameters
from ..evaluation.provenance import hardware
from ..methods import is_external
from ..presets import find_preset
from .figures.transfer import flags_of
from .report_data import Lines, ReportData
from .result_tables import is_of_features, is_transfer


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
    run = material.run
    seconds = training_seconds(material.timing)
    facts = [
        SummaryItem(f"{material.noun} seen", f"{run.images_seen:,}", _epochs(material)),
        SummaryItem("parameters", f"{count_parameters(run.method):,}", _by_network(material)),
    ]
    if seconds:
        last = material.timing[-1]["images_seen"]
        facts.append(
            SummaryItem("training", duration(seconds), f"{last / seconds:,.0f} {material.noun}/s")
        )
    kind = "averaged over training" if run.weights == "ema" else "as the last step left them"
    facts.append(
        SummaryItem("weights", run.weights.upper() if run.weights == "ema" else "raw", kind)
    )
    return [*facts, _versions(material), _hardware(material)]


def epochs_seen(material: ReportData) -> float:
    """How often the training split was seen."""
    return material.run.images_seen / max(1, len(material.dataset.train))


def training_seconds(timing: Lines) -> float:
    """How long training took; what was lost to interruptions is not counted."""
    return sum(float(line["seconds"]) for line in timing)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 90:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def find_warnings(material: ReportData) -> list[RunWarning]:
    """Every sign of collapse that was logged, each once; those of the last look first."""
    looks = [line for line in material.stats if "diagnostics" in line or "warnings" in line]
    seen: dict[str, list[tuple[int, str]]] = {}
    for index, line in enumerate(looks):
        for text in line.get("warnings", ()):
            seen.setdefault(_kind(str(text)), []).append((index, str(text)))
    alarms = [_alarm(found, looks, material.noun) for found in seen.values()]
    return sorted(alarms, key=lambda alarm: alarm.passed)


def find_notes(material: ReportData) -> list[str]:
    """What a reader must know before the numbers: a run cut short, results of another state."""
    run = material.run
    notes: list[str] = []
    if epochs_seen(material) < run.config.train.epochs * 0.999:
        notes.append(
            f"This run is not finished: {epochs_seen(material):,.4g} of "
            f"{run.config.train.epochs:,} epochs. All below is of its newest checkpoint."
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
    settings: list[RunSetting] = []
    for name, value in dotted(config).items():
        if name == "plugins":  # which the commands give
            continue
        same = name not in preset or preset[name] == value
        settings.append(
            RunSetting(name, typed_value(value), None if same else typed_value(preset[name]))
        )
    return settings


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
    for result in (results[0] for results in material.results if not is_transfer(results)):
        protocol = f"--protocol {shlex.quote(result.protocol.name)}"
        flags = _flags_of_views(result.protocol.views) + _flags_asked(result.provenance.asked)
        names.setdefault(flags + given, {})[protocol] = None
    again += [f"ambigan evaluate {out} {' '.join(of)}{flags}" for flags, of in names.items()]
    again += [
        f"ambigan transfer {out} {flags_of(r)}{given}" for r in material.results if is_transfer(r)
    ]
    return [*again, f"ambigan report {out}{given}"]


def _flags_of_views(views: Mapping[str, Any]) -> str:
    """The flags by which `evaluate` is asked for the same crops; begins with a space."""
    flags = {"--views": views.get("num"), "--views-short-side": views.get("short_side")}
    flags["--test-crops"] = views.get("test_crops") if views.get("test_crops", 1) > 1 else None
    words = [f" {flag} {typed_value(value)}" for flag, value in flags.items() if value]
    return "".join(words) + (" --views-flip" if views.get("flip") else "")


def _flags_asked(asked: Mapping[str, Any]) -> str:
    """The flags that were given, each value of a list by itself; begins with a space."""
    pairs = [
        (name.replace("_", "-"), text)
        for name, value in asked.items()
        for text in cast(Sequence[Any], value if isinstance(value, (list, tuple)) else [value])
        if text and (name, text) != ("framing", "run")
    ]
    return "".join(f" --{name} {shlex.quote(str(text))}" for name, text in pairs)


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
    if abs(seen - planned) < 0.01 * planned:
        return f"{planned:,} epochs of {len(material.dataset.train):,}"
    return f"{seen:,.3g} of {planned:,} epochs of {len(material.dataset.train):,}"


def _by_network(material: ReportData) -> str:
    method = material.run.method
    names = [name for player in method.players for name in player.networks]
    return ", ".join(
        f"{_short(count_parameters(method.get_submodule(name)))}\u00a0{name}" for name in names
    )


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


def _kind(text: str) -> str:
    """An alarm without its numbers."""
    return re.sub(r"[\d.,]+(e[+-]?\d+)?", "#", text)


def _alarm(found: list[tuple[int, str]], looks: Lines, noun: str) -> RunWarning:
    first, last = looks[found[0][0]]["images_seen"], looks[found[-1][0]]["images_seen"]
    passed = found[-1][0] < len(looks) - 1
    when = f"at {first:,} {noun}" if first == last else f"from {first:,} to {last:,} {noun}"
    when += f", at {len(found)} of {len(looks)} looks"
    return RunWarning(
        found[-1][1], when + ("; not since." if passed else ", the last one too."), passed
    )
