"""The model card: what is known of a model, in Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # every load of a run imports this module, and evaluation takes a second
    from ..evaluation.result import Metric, Result

_MARKUP = re.compile(r"([\\`*_\[\]#|~$])")

_NO_SCORES = (
    "None had been measured when this card was written. `ambigan evaluate RUN` measures, and"
    " `ambigan push` writes the card again."
)

_LIMITS = """\
- It was trained without labels on the data above and on nothing else; of data that look different
  its features say little.
- Scores hold for that data, protocol and one seed. Compare them with the baselines next to them,
  which need no training.
- Generated examples may repeat what is in the training data, its gaps and its mistakes included."""


def model_card(
    about: Mapping[str, Any],
    preset: str,
    results: Sequence[Sequence[Result]] = (),
    place: str = "RUN",
) -> str:
    """A model card.

    Args:
        about: What `model/config.json` of a run holds.
        preset: The preset that training began from.
        results: The results of each protocol that was measured.
        place: What `ambigan.load` is given: `hf:USER/NAME`, or a word for the run's folder.
    """
    data = about["data"]
    method, name, preset = map(escape_markdown, (str(about["method"]), str(data["name"]), preset))
    seen, version = about["images_seen"], escape_markdown(str(about["ambigan"]))
    form = "x".join(map(str, data["shape"]))
    what = f"images of {form}" if data["kind"] == "images" else f"vectors of {form} values"
    comment = "" if place.startswith("hf:") else "   # the folder above this one"
    scaling: Mapping[str, Any] = data["scaling"] or {}
    columns: Sequence[str] = scaling.get("columns") or ()
    lines = [
        f"# {method} on {name}",
        f"Trained by ambigan {version}, preset {preset}, on {data['num_train']:,} {what}"
        f" ({seen:,} seen), without labels.",
        f'    import ambigan\n    run = ambigan.load("{place}"){comment}\n    run.features(x)',
        "## Data",
        f"{name}: {data['num_train']:,} examples for training and {data['num_test']:,} held out."
        f" SHA-256 {escape_markdown(str(data['sha256']))}."
        + (f" Columns: {escape_markdown(', '.join(map(str, columns)))}." if columns else ""),
        "## Scores",
        *([part for each in results for part in _scores(each)] or [_NO_SCORES]),
        "## Limits",
        _LIMITS,
        "## How it was made",
        f"Preset {preset}; every setting is in `config.json`. Weights are safetensors, and no code"
        f" is run to load them. {_made_with(results)}".rstrip(),
    ]
    return "\n\n".join(lines) + "\n"


def front_matter(method: str) -> str:
    """What the hub reads of a card: the library and tags."""
    tags = ["ambigan", "representation-learning", "gan"]
    tags += [method] if re.fullmatch(r"[a-z_]{1,40}", method) else []
    listed = "\n".join(f"- {tag}" for tag in tags)
    return f"---\nlibrary_name: ambigan\ntags:\n{listed}\n---\n\n"


def _scores(results: Sequence[Result]) -> list[str]:
    """A heading, the protocol in words, and a table of one protocol's results."""
    first = results[0]
    protocol, head = first.protocol, first.headline
    better = {"higher": "; higher is better", "lower": "; lower is better"}.get(head.direction, "")
    constants = ", ".join(f"{name} {value}" for name, value in protocol.constants.items())
    on = f", on {first.provenance.data.name}" if first.provenance.is_of_other_data else ""
    about = f"Measured: {protocol.summary}." + (f" Constants: {constants}." if constants else "")
    table = [f"| | {escape_markdown(head.heading)}{better} | 95 % |", "| --- | ---: | --- |"]
    for result in results:
        kind = {"model": result.subject.weights or "model"}.get(result.subject.kind, "baseline")
        name = f"{escape_markdown(result.subject.name)} ({kind})"
        table.append(f"| {name} | {result.headline.text} | {_interval(result.headline)} |")
    return [
        f"### {escape_markdown(protocol.title + on)}",
        escape_markdown(about),
        "\n".join(table),
        *([_BEHIND] if _is_behind(results) else []),
    ]


_BEHIND = "**A baseline is ahead here**: for this purpose the model is worth no more than its data."


def _is_behind(results: Sequence[Result]) -> bool:
    """Whether a baseline is ahead of everything that the model gives."""
    sign = {"higher": 1.0, "lower": -1.0}.get(results[0].headline.direction)
    best: dict[bool, float] = {}
    for result in results if sign else ():
        if result.headline.value is not None:
            found = (sign or 0.0) * result.headline.value
            best[result.is_baseline] = max(best.get(result.is_baseline, found), found)
    return len(best) == 2 and best[True] > best[False]


def _interval(metric: Metric) -> str:
    if metric.interval is None:
        return ""
    low, high = (f"{end:,.{metric.digits}f}" for end in metric.interval)
    return f"{low} to {high}"


def _made_with(results: Sequence[Sequence[Result]]) -> str:
    """The seed of the training, and the versions that measured it."""
    if not results:
        return ""
    about = results[0][0].provenance
    versions = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    return escape_markdown(f"Seed {about.seed}. Measured with {versions}.")


def escape_markdown(text: str) -> str:
    """The text on one line, in which nothing is markup, HTML, a link or the end of a table cell."""
    return _MARKUP.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
