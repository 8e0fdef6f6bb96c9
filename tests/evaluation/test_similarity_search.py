"""Searching by the cosine: exactly and by an index, in the library and by the verb."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from ambigan.cli import main
from ambigan.cli.evaluation import print_table
from ambigan.core.errors import ConfigError
from ambigan.data import DataSettings, open_dataset
from ambigan.evaluation.metrics.similarity_search import SimilarityIndex, search_exactly
from ambigan.report.result_tables import ResultTable, TableCell, TableRow


def features(num: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries and references: digits through a random layer, as they come and shifted."""
    bunch: Any = load_digits()
    images = torch.as_tensor(bunch.images).float()
    moved = [images.roll((down, across), (1, 2)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    layer = torch.randn(64, 128, generator=torch.Generator().manual_seed(0)) / 8
    values = (torch.cat(moved).flatten(1) @ layer).relu()
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(1))
    return values[order[:200]], values[order[200 : 200 + num]]


def test_exact_search_is_a_full_sort() -> None:
    queries, references = features(1000)
    found = search_exactly(queries, references, 7)
    q, r = (t.double().numpy() for t in (queries, references))
    cosines = (q / np.linalg.norm(q, axis=1)[:, None]) @ (r / np.linalg.norm(r, axis=1)[:, None]).T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(found.places.numpy(), order)
    expected = np.take_along_axis(cosines, order, 1)
    np.testing.assert_allclose(found.values.numpy(), expected, atol=1e-12)


def test_exact_search_by_distance() -> None:
    queries, references = features(1000)
    found = search_exactly(queries, references, 7, metric="euclidean")
    q, r = (t.double().numpy() for t in (queries, references))
    distances = np.sqrt(np.square(q[:, None] - r[None]).sum(2))
    order = np.argsort(distances, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(found.places.numpy(), order)
    expected = np.take_along_axis(distances, order, 1)
    np.testing.assert_allclose(found.values.numpy(), expected, atol=1e-9)


def test_an_index_by_distance() -> None:
    pytest.importorskip("faiss")
    queries, references = features(15_000)
    exact = search_exactly(queries, references, 10, metric="euclidean")
    found = SimilarityIndex.build(references, "euclidean").search(queries, 10)
    same = found.places == exact.places
    assert same.double().mean() > 0.9
    torch.testing.assert_close(found.values[same], exact.values[same], atol=1e-3, rtol=1e-3)


def test_fewer_references_than_asked_for() -> None:
    queries, references = features(5)
    assert search_exactly(queries, references, 10).places.shape == (200, 5)


def test_an_index_finds_nearly_all_and_is_the_same_when_read_again(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    queries, references = features(15_000)
    exact = search_exactly(queries, references, 10)
    index = SimilarityIndex.build(references)
    found = index.search(queries, 10)
    hits = (found.places[:, :, None] == exact.places[:, None]).any(2).double().mean()
    assert hits > 0.95
    same = found.places == exact.places
    torch.testing.assert_close(found.values[same], exact.values[same], atol=1e-5, rtol=0)
    path = tmp_path / "index.faiss"
    path.write_bytes(index.dump())
    assert torch.equal(SimilarityIndex.read(path).search(queries, 10).places, found.places)


def test_without_faiss_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ConfigError, match=r"ambigan\[search\]', or leave it out to search exactly"):
        SimilarityIndex.build(torch.eye(3))


@pytest.fixture
def run(conv_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(conv_run, tmp_path / "run"))


def test_rows_as_the_source_counts_them(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", str(run), "--query", "0,4-6", "--num", "3"]) == 0
    assert "training examples of digits" in capsys.readouterr().out
    written = json.loads((run / "search.json").read_text())
    assert len(written["found"]) == 12
    assert [line["query_row"] for line in written["found"][::3]] == [0, 4, 5, 6]
    first = written["found"][0]
    assert first["rank"] == 1
    assert first["label"] in set("0123456789")
    assert -1 <= written["found"][2]["similarity"] <= first["similarity"] <= 1
    table = pq.read_table(run / "search.parquet").to_pylist()
    assert table == written["found"]
    with Image.open(run / "search.png") as picture:
        assert min(picture.size) > 300


def test_an_example_finds_itself(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run / "found.json"
    words = ["--query", "0-9", "--split", "all", "--num", "1", "--out", str(out)]
    assert main(["search", str(run), *words]) == 0
    found = json.loads(out.read_text())["found"]
    assert all(line["similarity"] == pytest.approx(1, abs=1e-6) for line in found)
    assert [line["row"] for line in found] == [line["query_row"] for line in found]
    assert not (run / "search.png").exists()
    assert "each of them finds itself first" in capsys.readouterr().err
    held_out = open_dataset(DataSettings("digits")).test.rows
    assert held_out is not None
    words = ["--query", ",".join(map(str, held_out[:5].tolist())), "--out", str(out)]
    assert main(["search", str(run), *words]) == 0
    assert "itself" not in capsys.readouterr().err


def test_pictures_from_files_and_folders(run: Path, tmp_path: Path) -> None:
    bunch: Any = load_digits()
    folder = tmp_path / "mine"
    folder.mkdir()
    for place in range(3):
        image = Image.fromarray((bunch.images[place] * 15.9).astype(np.uint8)).resize((40, 40))
        image.save(folder / f"{place}.png")
    out = tmp_path / "found.json"
    files = [str(folder / f"{place}.png") for place in (2, 0)]
    words = ["--query", files[0], "--query", files[1], "--data", f"folder:{folder}"]
    assert main(["search", str(run), *words, "--num", "1", "--out", str(out)]) == 2  # 40 against 8
    words += ["--framing", "run"]
    assert main(["search", str(run), *words, "--num", "1", "--out", str(out)]) == 0
    found = json.loads(out.read_text())["found"]
    assert [line["file"] for line in found] == ["2.png", "0.png"]
    assert [line["query_file"] for line in found] == files
    words = ["--query", f"folder:{folder}", "--num", "2", "--framing", "run"]
    assert main(["search", str(run), *words]) == 0
    found = json.loads((run / "search.json").read_text())["found"]
    assert [line["query_file"] for line in found[::2]] == ["0.png", "1.png", "2.png"]


def test_an_index_is_kept_and_used_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    words = ["search", str(run), "--query", "0-9", "--num", "4", "--index", "faiss"]
    assert main(words) == 0
    first = json.loads((run / "search.json").read_text())
    (kept,) = (run / "search").glob("*.faiss")
    monkeypatch.setattr(SimilarityIndex, "build", None)
    assert main(words) == 0
    assert json.loads((run / "search.json").read_text()) == first
    kept.write_bytes(b"torn")
    monkeypatch.undo()
    assert main(words) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--query", "0-9999"],
            "there is no row 1797 in the run's data, whose rows are counted from 0 to 1796",
        ),
        (["--query", "9-3"], "names no example; a range rises"),
        (["--query", "-1"], "--query '-1': rows are counted from 0 as in the source"),
        (["--query", "3", "--num", "0"], "cannot find 0 neighbours"),
        (["--query", "nowhere.png"], "nowhere.png"),
        (["--query", "3", "--out", "a.csv"], "must end in .json or .parquet or .png"),
        (["--query", "3", "--data", "digits", "--split", "test"], "leave it out with --data"),
        (["--query", "3", "--query", "digits"], "picture files, one source such as folder:PATH"),
        (["--query", "3", "--layer", "encoder.conv9"], "unknown layer 'encoder.conv9'"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    conv_run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", str(conv_run), *words]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("ambigan: ")
    assert message in told


@pytest.mark.parametrize("name", ["IMG[final].png", "a[/b].jpg", "[red]"])
def test_names_of_files_are_no_markup(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    row = TableRow((TableCell(name),), is_baseline=False)
    print_table(ResultTable((name,), 1, (row,)), "title")
    assert capsys.readouterr().out.count(name) == 2
