"""The documentation as a site: its reference is complete, and what it says to type can be typed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import ambigan
import draw_diagrams
import site_api
import site_links
import site_pages
from ambigan.cli.names import check, known_names, list_settings
from ambigan.cli.parser import VERBS, make_parsers, parse_arguments
from ambigan.evaluation.protocols import PROTOCOLS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TYPED = (
    *("index", "coming-from", "tutorials/a-first-run", "howto/many-processes"),
    *("howto/reports", "howto/small-collections", "howto/explore"),
)
"""Pages whose commands are checked here; those of others are run by tests of their own."""


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return site_pages.pages()


def test_every_verb_and_flag_is_on_the_site(pages: dict[str, str]) -> None:
    _, parsers = make_parsers()
    sections = re.split(r"^\(verb-(\w+)\)=$", pages["verbs"], flags=re.MULTILINE)
    by_verb = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert list(by_verb) == list(VERBS)
    for verb, parser in parsers.items():
        for action in parser._actions:
            flags = action.option_strings or [str(action.metavar or action.dest)]
            where = pages["verbs"] if site_pages.is_general(action) else by_verb[verb]
            assert all(f"`{flag}" in where or f"{flag}`" in where for flag in flags), (verb, flags)


def test_every_setting_and_preset_is_on_the_site(pages: dict[str, str]) -> None:
    for method, about in known_names()["methods"].items():
        for row in list_settings(method):
            own = row.name.startswith("settings.")
            page = pages[f"method-{method}" if own else "training"]
            group, _, name = row.name.rpartition(".")
            section = page.partition(f"\n## {group}\n")[2].partition("\n## ")[0]
            assert f"`{name}` | " in section, row.name
        for preset, facts in about["presets"].items():
            section = pages["presets"].partition(f"\n### {method} {preset}\n")[2]
            section = section.partition("\n### ")[0]
            assert all(f"`{name}`" in section for name in facts["settings"]), (method, preset)
            assert site_pages.text(facts["reached"]).replace("|", "\\|") in section


def test_every_protocol_source_and_experiment_is_on_the_site(pages: dict[str, str]) -> None:
    for name, protocol in PROTOCOLS.items():
        section = pages["protocols"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for constant, value in protocol.constants.items():
            assert f"| `{constant}` | {site_pages.code(json.dumps(value))} |" in section
    for name in known_names()["experiments"]:
        assert f"`{name}`" in pages["experiments"]
    for name in known_names()["sources"]:
        assert f"(source-{name.removesuffix(':')})=" in pages["sources"]


def test_every_name_of_the_package_is_on_the_site() -> None:
    shown = {name.rpartition(".")[2] for _, _, names in site_api.PAGES.values() for name in names}
    assert not set(ambigan.__all__) - shown - {"__version__"}


@pytest.mark.parametrize("name", TYPED)
def test_commands_can_be_typed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_exists", lambda _path: True)  # runs and data of the reader
    text = (DOCS / f"{name}.md").read_text().replace("\\\n", " ")
    lines = re.findall(r"^(?:torchrun .*? -m )?ambigan (.*?)(?:\s+#.*)?$", text, re.MULTILINE)
    cells = re.findall(r"`ambigan (.*?)`", text)
    assert lines or cells
    for line in (*lines, *cells):
        words = shlex.split(line)
        if words[0] in VERBS and len(words) > 1:
            check.check_names(parse_arguments(words))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_python_of_those_who_come_from_elsewhere_runs() -> None:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    X = np.random.default_rng(0).normal(size=(60, 30)).astype(np.float32)
    names = {
        **{name: getattr(ambigan, name) for name in ambigan.__all__},
        "X": X,
        "X_new": X[:5] + 3,
        "known": X[0] < 1,
        "ambigan": ambigan,
        "images": np.random.default_rng(0).integers(0, 255, (40, 8, 8), np.uint8),
        "make_pipeline": make_pipeline,
        "LogisticRegression": LogisticRegression,
    }
    rows = re.findall(r"^\| .* \| (.*) \|$", (DOCS / "coming-from.md").read_text(), re.MULTILINE)
    ran = 0
    for cell in rows:
        for line in re.findall(r"`([^`]*)`", cell):
            if re.match(r"(ambigan|heatmaps|anomaly\.html)[ .](?!fit)|heatmaps|anomaly", line):
                continue
            line = re.sub(r"(AnomalyDetector|BiGAN)\(", r"\1(epochs=1, ", line)
            line = line.replace('fit("bigan", X)', 'fit("bigan", X, epochs=1)')
            with warnings.catch_warnings():
                exec(line, names)
            ran += 1
    assert ran >= 15


def test_the_first_steps_in_python_run(finished_run: Path) -> None:
    text = (DOCS / "tutorials" / "a-first-run.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(block.replace("runs/demo", str(finished_run)), names)
    assert len(names["features"]) == 1797  # type: ignore[arg-type]


def test_diagrams_are_what_their_script_draws() -> None:
    for name, diagram in draw_diagrams.DIAGRAMS.items():
        drawn = (DOCS / "concepts" / f"{name}.svg").read_text(encoding="utf-8")
        assert drawn == draw_diagrams.svg(diagram), f"run tools/draw_diagrams.py: {name}"


def test_links_lead_to_pages_of_the_site() -> None:
    howto = DOCS / "howto"
    text = (
        "[a](../../CONTRIBUTING.md#a-method) [b](../results/mnist.md) [c](../../results/value)\n"
        "[d](../../results/cifar10) [e](https://a.org)\n```md\n[f](../../results/value)\n```\n"
    )
    assert site_links.for_site(text, howto, howto) == (
        "[a](../generated/contributing.md#a-method) [b](../results/mnist.md) c (`results/value`)\n"
        "[d](../generated/records-cifar10.md) [e](https://a.org)\n"
        "```md\n[f](../../results/value)\n```\n"
    )


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_nobody(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs"]
    done = subprocess.run(
        [*command, "-d", str(tmp_path / "trees"), str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    built = list((tmp_path / "site").rglob("*.html"))
    assert len(built) > 40
    for page in built:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]* src=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link(?![^>]*canonical)[^>]* href=\"([^\"]+)\"", text)
        assert not [url for url in loaded if url.startswith(("http", "//"))], page
    for sheet in (tmp_path / "site" / "_static").rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", sheet.read_text()), sheet
