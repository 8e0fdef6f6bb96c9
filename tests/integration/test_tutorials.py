"""Every command and every line of Python in docs/tutorials runs, in the order of its page."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import pytest

from ambigan.cli import main
from ambigan.cli.parser import parse_arguments

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
BLOCK = re.compile(r"(<!-- refused -->\n)?^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["photographs", "tables", "anomalies"])
def test_a_tutorial_runs_as_it_stands(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for refused, language, block in BLOCK.findall((TUTORIALS / f"{name}.md").read_text()):
        if language == "python":
            exec(compile(block, f"{name}.md: {block[:60]}", "exec"), names)
            continue
        for command in block.replace("\\\n", " ").splitlines():
            program, *words = shlex.split(command, comments=True)
            assert program == "ambigan"
            if words[0] == "explore":  # it serves until it is stopped: tests/explorer runs it
                parse_arguments(words)
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                status = main(words)
            said = capfd.readouterr()
            print(f"$ {command}\n{said.out}{said.err}")
            assert status == (2 if refused else 0), f"{command}\n{said.err}"


def test_each_block_of_a_tutorial_is_run_or_shown() -> None:
    for path in TUTORIALS.glob("*.md"):
        fences = re.findall(r"^```(.*)$", path.read_text(), re.MULTILINE)
        assert set(fences[::2]) <= {"sh", "python", "text"}, path.name
        assert set(fences[1::2]) == {""}, path.name


def test_links_of_tutorials_point_at_files() -> None:
    for path in (*TUTORIALS.glob("*.md"), *TUTORIALS.glob("*.ipynb")):
        for link in re.findall(r"\]\(([^)#:]+)[)#]", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
