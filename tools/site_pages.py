"""The pages of the site's reference that are written from registries when the site is built.

`pages()` gives each as Markdown by its name; `docs/conf.py` writes them to `docs/generated/`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ambigan.cli.names import Setting, known_names
from ambigan.cli.parser import VERBS, make_parsers
from ambigan.data.opening.registry import SOURCES
from ambigan.evaluation.protocols import PROTOCOLS

GENERAL = ("--plugin", "--quiet", "--debug", "--help")


def pages() -> dict[str, str]:
    """Every page that the registries make, as Markdown by name."""
    methods = known_names()["methods"]
    return {
        "verbs": verbs_page(),
        "sources": sources_page(),
        "training": settings_page(
            "Settings of data and training",
            "Every method takes these, as `--data.NAME` and `--train.NAME`.",
            [Setting(*row) for row in known_names()["shared"]],
        ),
        **{f"method-{name}": method_page(name, about) for name, about in methods.items()},
        **{
            f"task-{name}": settings_page(
                f"Constants of `ambigan transfer --task {name}`",
                "Given as `--task.NAME`; [how to use it](../howto/transfer.md).",
                [Setting(*row) for row in rows],
            )
            for name, rows in known_names()["tasks"].items()
        },
        "presets": presets_page(methods),
        "protocols": protocols_page(),
        "experiments": experiments_page(known_names()["experiments"]),
    }


def verbs_page() -> str:
    """Every verb of the command line with all of its flags."""
    _, parsers = make_parsers()
    general = next(iter(parsers.values()))
    lines = ["# Verbs of the command line", "", "`ambigan VERB --help` says the same.", ""]
    lines += table(
        ("verb", "what it does"), [(f"[`{v}`](#verb-{v})", VERBS[v].text) for v in VERBS]
    )
    lines += ["", "Every verb also takes:", ""]
    lines += table(("flag", "meaning"), map(flag_row, filter(is_general, general._actions)))
    for name, parser in parsers.items():
        lines += ["", f"(verb-{name})=", f"## {name}", "", f"{VERBS[name].text}.", ""]
        lines += fenced(synopsis(name, parser), "text")
        own = [action for action in parser._actions if not is_general(action)]
        if own:
            lines += ["", *table(("argument or flag", "meaning"), map(flag_row, own))]
        if parser.epilog:
            lines += ["", *fenced(parser.epilog.split("\n"), "text")]
    return joined(lines)


def is_general(action: argparse.Action) -> bool:
    """Whether every verb has the flag."""
    return any(flag in GENERAL for flag in action.option_strings)


def synopsis(name: str, parser: argparse.ArgumentParser) -> list[str]:
    """The verb with its arguments; flags are in the table."""
    arguments = []
    for action in parser._actions:
        if not action.option_strings:
            word = str(action.metavar or action.dest)
            arguments.append(f"[{word}]" if action.nargs in ("?", "*") else word)
    return [" ".join(("ambigan", name, *arguments, "[FLAGS]"))]


def flag_row(action: argparse.Action) -> tuple[str, str]:
    """A flag with its value, and its help with the default and the choices."""
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    choices = ", ".join(map(str, action.choices or ())) if not action.metavar else ""
    names = action.option_strings or [value if action.metavar else action.dest]
    value = f" {value}" if value and action.option_strings else ""
    help_text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    help_text += f" (one of: `{choices}`)" if choices else ""
    if action.default not in (None, False, True, argparse.SUPPRESS, []) and action.nargs != 0:
        words = f"{action.default}"
        help_text += "" if words in help_text else f" (default: `{words}`)"
    return ", ".join(f"`{each}{value}`" for each in names), text(help_text)


def sources_page() -> str:
    """Every source of data, and the settings that have an effect on it."""
    lines = [
        "# Sources of data",
        "",
        "What is given as `--data`, and the settings `--data.NAME` that have an effect on it; "
        "[How to bring data](../howto/data.md) has an example of each kind.",
    ]
    for name, source in SOURCES.items():
        typed = f"{name}:{source.argument}" if source.argument else name
        lines += ["", f"(source-{name})=", f"## {typed}", "", f"{text(source.description)}."]
        if suffixes := getattr(source, "suffixes", ()):
            lines += ["", f"File names that end in {', '.join(f'`{each}`' for each in suffixes)}."]
        if source.uses:
            lines += [
                "",
                "Settings: " + ", ".join(f"`{each}`" for each in sorted(source.uses)) + ".",
            ]
    return joined(lines)


def method_page(name: str, about: Mapping[str, Any]) -> str:
    """The settings of a method, with a link to its presets."""
    presets = ", ".join(f"[`{p}`](presets.md#preset-{name}-{slug(p)})" for p in about["presets"])
    return settings_page(
        f"Settings of {name}",
        f"Given as `--settings.NAME`, or as arguments of its estimator. Presets: {presets}. "
        "Those of [data and training](training.md) come on top.",
        [Setting(*row) for row in about["settings"]],
        name,
    )


def settings_page(title: str, opening: str, rows: Sequence[Setting], label: str = "") -> str:
    """A table of settings for each group of names."""
    lines = [f"# {title}", "", opening]
    groups: dict[str, list[Setting]] = {}
    for row in rows:
        groups.setdefault(row.name.rpartition(".")[0], []).append(row)
    for group, members in groups.items():
        lines += ["", f"## {group}", ""]
        shown = []
        for row in members:
            needs = f" Needs `{row.condition}`." if row.condition else ""
            anchor = f"{label}-{row.name}-{row.condition}" if label else row.name
            target = f'<a id="{slug(anchor)}"></a>'
            shown.append((
                f"{target}`{row.name.rpartition('.')[2]}`",
                code(json.dumps(row.default)),
                text(row.allowed),
                text(row.description) + needs,
            ))  # fmt: skip
        lines += table(("setting", "default", "allowed", "meaning"), shown)
    return joined(lines)


def presets_page(methods: Mapping[str, Mapping[str, Any]]) -> str:
    """Every preset: what it reached, on what, and what it changes."""
    lines = [
        "# Presets",
        "",
        "A preset says what it has reached, in what time and on what hardware, or that nothing was "
        "reproduced. `ambigan presets METHOD PRESET` says the same.",
    ]
    for method, about in methods.items():
        lines += ["", f"## {method}"]
        for name, preset in about["presets"].items():
            lines += ["", f"(preset-{method}-{slug(name)})=", f"### {method} {name}", ""]
            facts = ("reached", "time", "hardware", "source")
            lines += table(("", ""), [(fact, text(preset[fact])) for fact in facts])
            changed = [(f"`{k}`", code(json.dumps(v))) for k, v in preset["settings"].items()]
            if changed:
                lines += ["", *table(("setting that differs", "value"), changed)]
    return joined(lines)


def protocols_page() -> str:
    """Every protocol with its metrics and constants."""
    lines = [
        "# Protocols",
        "",
        "A protocol's name pins every constant below it; a changed constant is a new name. "
        "[Protocols and baselines](../concepts/protocols.md) says why, and "
        "[Evaluation](../howto/evaluation.md) how to use them.",
        "",
    ]
    rows = [
        (f"[`{p.name}`](#protocol-{slug(p.name)})", text(p.summary)) for p in PROTOCOLS.values()
    ]
    lines += table(("protocol", "measures"), rows)
    for protocol in PROTOCOLS.values():
        quick = " One of the quick protocols." if protocol.quick else ""
        name = protocol.name
        lines += ["", f"(protocol-{slug(name)})=", f"## {name}", ""]
        lines += [f"{text(protocol.summary)}. Needs: {protocol.needs}.{quick}", ""]
        lines += [f"Source: {text(protocol.source)}.", ""]
        metrics = [
            (f"`{m.name}`", text(m.title), m.unit or "", m.direction or "")
            for m in protocol.metrics
        ]
        if metrics:
            lines += [*table(("metric", "title", "unit", "better"), metrics), ""]
        constants = [(f"`{k}`", code(json.dumps(v))) for k, v in protocol.constants.items()]
        lines += table(("constant", "value"), constants) if constants else ["It has no constants."]
    return joined(lines)


def experiments_page(experiments: Mapping[str, Mapping[str, Any]]) -> str:
    """What `ambigan reproduce` makes."""
    lines = ["# Experiments", "", "`ambigan reproduce NAME` makes each of them.", ""]
    rows = [
        (f"`{name}`", text(about["title"]), text(about["time"]), text(about["source"]))
        for name, about in experiments.items()
    ]
    return joined([*lines, *table(("name", "what", "time", "source"), rows)])


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]


def fenced(lines: Sequence[str], language: str) -> list[str]:
    """Lines as a block of code."""
    return [f"```{language}", *lines, "```"]


def code(value: str) -> str:
    """A value as code, `none` for the null of JSON."""
    return f"`{'none' if value == 'null' else value}`"


def text(words: Any) -> str:
    """Words as Markdown that shows them as they are, code in backticks aside."""
    parts = re.split(r"(`[^`]*`)", " ".join(str(words).split()))
    plain = [re.sub(r"([\\*_<>\[\]#~])", r"\\\1", part) for part in parts[::2]]
    mixed = [part for pair in zip(plain, [*parts[1::2], ""], strict=True) for part in pair]
    return "".join(mixed).removesuffix(".") if str(words).count(". ") == 0 else "".join(mixed)


def slug(name: str) -> str:
    """A name as an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def joined(lines: Iterable[str]) -> str:
    """Lines as the text of a file."""
    return "\n".join(lines) + "\n"
