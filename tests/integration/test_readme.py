"""What the README says runs as it stands there."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(name: str) -> str:
    found = re.search(rf"<!-- {name}:begin -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README has no block '{name}'"
    return found.group(1)


def test_the_python_snippet(finished_run: Path) -> None:
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        exec(block("python").replace("runs/demo", str(finished_run)), names)
    assert names["features"].shape[0] == names["latents"].shape[0] == 1797
    assert names["images"].shape == (16, 1, 8, 8)
    assert names["again"].shape == (8, 1, 8, 8)
    assert names["between"].shape == (1, 1, 8, 8)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*hardly.*")
def test_the_estimator_in_its_pipeline() -> None:
    names: dict[str, object] = {}
    exec(block("estimators"), names)
    exec(block("anomaly"), names)
    assert getattr(names["new"], "shape", None) == (5, 64)


def test_every_command_of_the_readme_is_one() -> None:
    from ambigan.cli.parser import parse_arguments

    more = (Path(__file__).parents[2] / "docs/howto/command-line.md").read_text()
    commands = re.findall(r"^ambigan (.*?)(?:\s+#.*)?$", README + more, re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        parse_arguments(command.split())


def test_links_point_at_files() -> None:
    root = Path(__file__).parents[2]
    for page in (root / "README.md", *root.glob("docs/**/*.md"), root / "CONTRIBUTING.md"):
        if page.parent.name == "generated":
            continue
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
