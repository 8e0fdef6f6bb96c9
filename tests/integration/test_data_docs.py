"""Every command and every line of Python in docs/howto/data.md runs, on small files of its kind."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import pytest

from ambigan.cli import main
from documented_data import MADE

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "data.md").read_text()
SECTIONS = {
    title: text
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    if re.search(r"^```(sh|python)$", text, re.MULTILINE)
}


def toy(command: str, number: int) -> list[str]:
    """The words of a command, at a budget for tests."""
    program, *words = shlex.split(command)
    assert program == "ambigan"
    if words[0] == "train":
        words += ["--epochs", "1", "--device", "cpu"]
        data = words[words.index("--data") + 1]
        is_vectors = Path(data).suffix in (".csv", ".txt", ".parquet") or data == "digits"
        if not is_vectors or "--data.image-column" in words or "--data.shape" in words:
            words += ["--settings.network.width", "4", "--train.statistics-batches", "2"]
        words += [] if "--out" in words else ["--out", f"runs/{number}"]
    return words


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_runs_as_it_stands(
    title: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    found = re.search(r"^<!-- files: (.*?) -->$", SECTIONS[title], re.MULTILINE)
    for name in found[1].split(", ") if found else ():
        MADE[name]()
    names: dict[str, object] = {}
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```$", SECTIONS[title], re.MULTILINE | re.DOTALL)
    for place, (language, block) in enumerate(blocks):
        if language == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(block, names)
            continue
        commands = block.replace("\\\n", " ").splitlines()
        for number, command in enumerate(commands):
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                status = main(toy(command, 100 * place + number))
            said = capfd.readouterr()
            print(f"$ {command}\n{said.err}")
            assert status == 0, f"{command}\n{said.err}"


def test_every_kind_of_source_is_on_the_page() -> None:
    from ambigan.data import list_sources

    for name in set(list_sources()) - {"memory"}:
        assert re.search(rf"`{re.escape(name.partition('[')[0])}", PAGE), name
