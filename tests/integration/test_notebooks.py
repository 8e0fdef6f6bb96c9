"""The notebooks of examples and tutorials run from top to bottom; with one epoch each, for time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted([*ROOT.glob("examples/*.ipynb"), *ROOT.glob("docs/tutorials/*.ipynb")])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads(path.read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    for cell in cells:
        source = re.sub(r"epochs=\d+", "epochs=1", "".join(cell["source"]))
        exec(compile(source, f"{path.name}, {cell['id']}", "exec"), names)
    plt.close("all")
    assert len(capsys.readouterr().out.splitlines()) >= 3
    assert any(cell["outputs"] for cell in cells)  # those who only read it see what it prints


def test_the_notebooks_are_there() -> None:
    assert {path.stem for path in NOTEBOOKS} >= {"anomaly", "embedding", "latent-space"}
