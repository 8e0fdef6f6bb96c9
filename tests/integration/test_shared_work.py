"""Verbs that measure share their work over processes, and two give what one gives."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from threadpoolctl import threadpool_limits

from ambigan.cli import main
from ambigan.data import DataSettings, open_dataset

RUN = [
    *("train", "bigan", "--preset", "small", "--epochs", "1", "--batch-size", "50"),
    *("--settings.network.hidden", "16,16", "--device", "cpu", "--out", "run"),
]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread here and in the processes: sums by several threads differ in their last bits."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the digits."""
    here, out = Path.cwd(), tmp_path_factory.mktemp("shared")
    os.chdir(out)
    try:
        assert main(RUN) == 0
    finally:
        os.chdir(here)
    return out


def shared(folder: Path, *words: str, num: int = 2) -> tuple[list[dict[str, int]], list[str]]:
    """Runs a verb on several processes; what each computed, and what they printed together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    script = Path(__file__).parent / "shared_verb.py"
    common = {"WORLD_SIZE": f"{num}", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    started = [
        subprocess.Popen(
            [sys.executable, str(script), f"counts-{rank}.json", *words],
            cwd=folder,
            env=os.environ | common | {"RANK": f"{rank}", "LOCAL_RANK": f"{rank}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(num)
    ]
    told = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0] * num, told
    counts = [json.loads((folder / f"counts-{rank}.json").read_text()) for rank in range(num)]
    return counts, ["".join(pair) for pair in told]


def half_each(counts: list[dict[str, int]], total: int, name: str = "features") -> None:
    assert sum(each[name] for each in counts) == pytest.approx(total, abs=8)  # two tell a width
    for each in counts:
        assert each[name] == pytest.approx(total / len(counts), rel=0.2, abs=129)


def records(folder: Path) -> dict[str, Any]:
    """Results by protocol, without what differs from run to run."""
    found: dict[str, Any] = {}
    for path in sorted((folder / "run" / "results").glob("*.json")):
        content = json.loads(path.read_text())
        for entry in content["results"]:
            entry.pop("seconds", None)
        found[path.name] = content
        path.unlink()
    return found


def test_features_are_written_in_parts_that_are_one_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert main(["embed", "run", "--out", "one.parquet"]) == 0
    Path(".two.parquet.parts").mkdir()
    Path(".two.parquet.parts/part-00007-of-00008.parquet").write_text("of a killed command")
    for num in (2, 3):
        counts, told = shared(folder, "embed", "run", "--out", "two.parquet", num=num)
        half_each(counts, 1797)
        assert "".join(told).count("written: two.parquet, 1,797 x ") == 1
        parts = [path.name for path in sorted(Path("two.parquet").iterdir())]
        assert parts == [f"part-{n:05}-of-{num:05}.parquet" for n in range(num)]
        assert pq.read_table("two.parquet").equals(pq.read_table("one.parquet"))
        assert not Path(".two.parquet.parts").exists()
    pd.testing.assert_frame_equal(pd.read_parquet("two.parquet"), pd.read_parquet("one.parquet"))
    own = DataSettings("parquet:two.parquet", label_column="label")
    assert len(open_dataset(own).train) + len(open_dataset(own).test) == 1797
    assert main(["embed", "run", "--out", "two.parquet"]) == 0
    assert Path("two.parquet").read_bytes() == Path("one.parquet").read_bytes()


@pytest.mark.slow
def test_arrays_and_texts_are_written_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert main(["embed", "run", "--out", "one.csv"]) == 0
    half_each(shared(folder, "embed", "run", "--out", "two.csv")[0], 1797)
    assert Path("two.csv").read_bytes() == Path("one.csv").read_bytes()


def test_a_folder_of_others_is_not_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.parquet").mkdir()
    (tmp_path / "mine.parquet" / "notes.txt").write_text("mine")
    words = ["embed", str(folder / "run"), "--out", str(tmp_path / "mine.parquet")]
    assert main(words) == 2
    assert "is not what embed wrote; name another file with --out" in capsys.readouterr().err
    assert (tmp_path / "mine.parquet" / "notes.txt").read_text() == "mine"


OF_SAMPLES = "reconstruction_l2,generation_features"


@pytest.mark.parametrize(
    ("words", "total"),
    [
        (["--protocol", f"knn1_euclidean,{OF_SAMPLES}"], None),
        pytest.param(
            ["--protocol", "linear_lbfgs", "--views", "2", "--views-flip"],
            3 * (2 * 1500 + 297),
            marks=pytest.mark.slow,
        ),
        pytest.param(["--curve", "--protocol", "knn1_euclidean"], None, marks=pytest.mark.slow),
    ],
)
def test_records_are_those_of_one_process(
    words: list[str], total: int | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert main(["evaluate", "run", *words]) == 0
    one = records(folder)
    counts, told = shared(folder, "evaluate", "run", *words)
    assert records(folder) == one
    assert told[1] == ""
    assert not Path("run/results/unfinished.jsonl").exists()
    half_each(counts, total or sum(each["features"] for each in counts))


@pytest.mark.slow
def test_what_was_kept_of_a_killed_evaluation_is_not_measured_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    words = ["evaluate", "run", "--protocol", "knn1_euclidean"]
    kept: list[bytes] = []
    monkeypatch.setattr(
        "ambigan.evaluation.result_cache.ResultCache.forget",
        lambda self: kept.append(self.path.read_bytes()),
    )
    assert main(words) == 0
    one = records(folder)
    lines = kept[0].splitlines(keepends=True)
    Path("run/results/unfinished.jsonl").write_bytes(b"".join(lines[:1]))
    counts, _ = shared(folder, *words)
    assert records(folder) == one
    assert sum(each["features"] for each in counts) < 3 * 1797


@pytest.mark.slow
def test_a_search_finds_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for index in ("exact", "faiss"):
        words = ["search", "run", "--query", "3,10-19", "--index", index]
        assert main([*words, "--out", "one.parquet"]) == 0
        if index == "faiss":
            for path in Path("run/search").iterdir():
                path.unlink()
        counts, _ = shared(folder, *words, "--out", "two.parquet")
        half_each(counts, 1500 + 11)
        assert pq.read_table("two.parquet").equals(pq.read_table("one.parquet"))


def test_an_error_ends_all(folder: Path) -> None:
    with pytest.raises(AssertionError, match="nowhere") as caught:
        shared(folder, "embed", "run", "--layer", "encoder.nowhere")
    assert "Traceback" not in str(caught.value)
