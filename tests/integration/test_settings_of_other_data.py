"""Each verb that takes --data takes the settings by which these are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ambigan.cli import main

Refused = Callable[..., str]

PLAIN = "a,b,c,kind\n" + "".join(f"{n % 7},{n % 5 / 2},{n % 3},{'xy'[n % 2]}\n" for n in range(40))
OTHER = "# of a device\na;b;c;sort;name\n" + "".join(
    f"{n % 7};{n % 5 / 2};{'-9' if n == 3 else n % 3};{'xy'[n % 2]};r{n}\n".replace(".", ",")
    for n in range(20)
)
SETTINGS = [
    *("--data", "csv:other.txt", "--data.label-column", "sort", "--data.id-column=name"),
    *("--data.missing-marks", "-9", "--data.missing", "drop", "--data.decimal", ","),
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("plain.csv").write_text(PLAIN)
    Path("other.txt").write_text(OTHER)
    words = ["train", "bigan", "--preset", "small", "--data", "csv:plain.csv", "--epochs", "1"]
    settings = ["--data.label-column", "kind", "--batch-size", "8"]
    assert main([*words, *settings, "--out", "run"]) == 0
    return tmp_path / "run"


@pytest.mark.usefixtures("run")
def test_verbs_read_other_tables_by_the_settings_that_are_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["embed", "run", *SETTINGS, "--out", "features.csv"]) == 0
    lines = Path("features.csv").read_text().splitlines()
    assert lines[0].startswith('"row","id","label","f0"')
    assert len(lines) == 20  # names, and 19 of 20 rows
    assert lines[4].startswith('4,"r4","x"')
    assert main(["reconstruct", "run", *SETTINGS, "--out", "again.csv"]) == 0
    assert Path("again.csv").read_text().splitlines()[4].startswith('4,"r4"')
    assert main(["search", "run", *SETTINGS, "--query", "0", "--json"]) == 0
    assert '"id": "r' in capsys.readouterr().out
    words = ["evaluate", "run", *SETTINGS, "--protocol", "knn1_euclidean", "--json"]
    assert main([*words, "--data.test-fraction", "0.2"]) == 0
    assert '"num_test": 4' in capsys.readouterr().out


def test_rows_are_searched_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"r {n};{n % 7}.5;{n * n % 11}.1;{n}.2\n" for n in range(40))
    Path("named.csv").write_text("name;a;b;c\n" + rows)
    words = ["train", "bigan", "--data", "named.csv", "--data.id-column", "name", "--epochs", "1"]
    assert main([*words, "--preset", "small", "--batch-size", "8", "--out", "run"]) == 0
    found: list[object] = []
    for query in (["r 4", "r 17"], ["4,17"]):
        capsys.readouterr()
        typed = [word for name in query for word in ("--query", name)]
        assert main(["search", "run", *typed, "--split", "all", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]
    assert main(["search", "run", "--query", "r 99"]) == 2
    assert "'r 99'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["embed", "reconstruct", "search", "evaluate"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "csv:other.txt", "--data.lable-column", "sort"], "data.label_column"),
        (["--data", "csv:other.txt", "--train.epochs", "3"], "takes --data.NAME alone"),
        (["--data.label-column", "kind"], "leave it out without --data"),
        (["--data", "csv:other.txt", "--data.missing", "perhaps"], "perhaps"),
    ],
)
@pytest.mark.usefixtures("run")
def test_what_cannot_be_is_refused(
    verb: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    query = ["--query", "0"] if verb == "search" else []
    assert main([verb, "run", *query, *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("run")
def test_what_the_run_decides_and_columns_that_are_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["embed", "run", "--data", "csv:plain.csv", "--data.scaling", "none"]) == 2
    assert "--data.scaling is decided by the run; embed takes: " in capsys.readouterr().err
    words = ["embed", "run", "--data", "csv:plain.csv", "--data.label-column", "kinds"]
    assert main(words) == 2
    assert "has no column 'kinds'" in capsys.readouterr().err


@pytest.mark.usefixtures("run")
def test_pages_of_images_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    pages = [Image.fromarray(rng.integers(0, 256, (8, 8), "u1")) for _ in range(30)]
    pages[0].save("stack.tif", save_all=True, append_images=pages[1:])
    words = ["train", "bigan", "--preset", "small", "--data", "image:stack.tif", "--epochs", "1"]
    assert main([*words, "--data.pages", "all", "--batch-size", "8", "--out", "images"]) == 0
    Path("folder").mkdir()
    Path("stack.tif").rename("folder/stack.tif")
    for how, num in (("all", 30), ("first", 1)):
        words = ["embed", "images", "--data", "folder:folder", "--data.pages", how]
        assert main([*words, "--out", "features.npy"]) == 0
        assert len(np.load("features.npy")) == num
