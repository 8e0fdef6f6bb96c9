"""A table made again: whole, in pieces, and after a kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_resume import Killed, kill_at

from ambigan.core.errors import CheckpointError, ConfigError
from ambigan.core.files import hold_lock, read_json
from ambigan.experiments import EXPERIMENTS, reproduce
from ambigan.experiments.planning import plan_runs
from ambigan.run_evaluation import evaluate

TABLE = EXPERIMENTS["bigan-table1"]
TOY = {
    "data.source": "digits",
    "data.max_train": "320",
    "settings.latent_dim": "4",
    "settings.network.hidden": "16,16",
    "train.epochs": "1",
    "train.batch_size": "64",
    "train.statistics_batches": "2",
    "train.log_every": "4",
    "train.checkpoint_every": "3",
    "train.device": "cpu",
}
WRITTEN = ("bigan-table1.json", "bigan-table1.csv")


def make(out: Path, *, progress: Any = None, **more: Any) -> None:
    told = progress or (lambda *_: None)
    changes = TOY | more.pop("changes", {})
    reproduce(TABLE, out, changes=changes, bar=lambda: nullcontext(told), **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("table") / "whole"
    make(out)
    return out


def test_all_runs_are_there(whole: Path) -> None:
    assert len(list(whole.glob("runs/official/*/seed-0/results/knn1_euclidean.json"))) == 6
    page = (whole / "bigan-table1.html").read_text()
    for run in TABLE.runs:
        assert run.name in page
    assert "97.39" in page
    assert "not finished" not in page
    assert not any(word in page for word in ("http://", "https://"))


@pytest.mark.parametrize("at", [1, 14, 26])
def test_killed_and_begun_again_equals_undisturbed(at: int, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        make(tmp_path / "killed", progress=kill_at(at))
    make(tmp_path / "killed")
    for name in WRITTEN:
        assert (tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes()


def test_what_is_finished_is_not_done_again(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "table")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("runs/**/*.*")}
    make(tmp_path / "table", progress=kill_at(1))
    make(tmp_path / "table", seeds=(0, 1))
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert len(list((tmp_path / "table").glob("runs/official/*/seed-1"))) == 6


def test_what_was_measured_half_way_is_not_taken_for_finished(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        make(tmp_path / "table", progress=kill_at(4))
    with pytest.warns(UserWarning, match="not finished"):
        evaluate(tmp_path / "table/runs/official/bigan/seed-0", protocols=["knn1_euclidean"])
    make(tmp_path / "table")
    assert (tmp_path / "table/bigan-table1.json").read_bytes() == (
        whole / "bigan-table1.json"
    ).read_bytes()


def test_what_was_lost_is_made_again(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "table"
    shutil.copytree(whole, out)
    run = out / "runs/official/lr/seed-0"
    (run / "results/reconstruction_l2.json").unlink()
    (run / "results/knn1_euclidean.json").write_text('{"rows": [], "protocol": "x"}')
    (run / "timing.jsonl").unlink()
    next((out / "baselines").iterdir()).write_text('{"results": [')
    make(out)
    for name in WRITTEN:
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_other_seeds_made_later_stand_beside_the_first(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "table")
    make(tmp_path / "table", seeds=(4,))
    lines = (tmp_path / "table/bigan-table1.csv").read_text().splitlines()[1:]
    assert lines[0].endswith(",2")
    runs = read_json(tmp_path / "table/bigan-table1.json")["runs"]
    assert {run["seed"] for run in runs} == {0, 4}


def test_data_that_changed_are_refused(tmp_path: Path) -> None:
    def write(shift: float) -> None:
        values = np.random.default_rng(0).normal(size=(60, 5)).round(3) + shift
        rows = [[*row, index % 2] for index, row in enumerate(values)]
        text = "\n".join(",".join(map(str, row)) for row in [["a", "b", "c", "d", "e", "y"], *rows])
        (tmp_path / "t.csv").write_text(text + "\n")

    write(0)
    table = {"data.source": f"csv:{tmp_path / 't.csv'}", "data.label_column": "y"}
    small = table | {"train.batch_size": "16"}
    make(tmp_path / "table", changes=small)
    write(1)
    with pytest.raises(CheckpointError, match="cannot stand in one column"):
        make(tmp_path / "table", changes=small, seeds=(1,))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings.feature_layer": "encoder.hidden1"}, r"run 'D'.*encoder\.hidden1"),
        ({"train.batch_size": "1"}, "at least 2"),
        ({"train.batch_size": "1000000"}, "larger than"),
        ({"settings.network.hidden": "1000000,1000000"}, "GiB"),
        ({"train.seed": "5"}, "--seeds"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    changes: dict[str, str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        make(tmp_path / "table", changes=changes)
    assert not (tmp_path / "table").exists()


@pytest.mark.parametrize("preset", ["official", "paper", "small"])
def test_no_two_runs_train_the_same_for_as_long(preset: str, tmp_path: Path) -> None:
    runs = plan_runs(TABLE, tmp_path, presets=[preset])
    assert len({str(run.config) for run in runs}) == len(runs)
    assert len({run.config.train.epochs for run in runs}) == 1


def test_spelling_a_setting_otherwise_changes_nothing(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "table"
    shutil.copytree(whole, out)
    make(out, changes={"settings.network.hidden": "[16, 16]"}, progress=kill_at(1))


def test_a_preset_that_some_runs_lack_leaves_them_out(tmp_path: Path) -> None:
    runs = plan_runs(TABLE, tmp_path, changes=TOY, presets=["paper"])
    assert [run.spec.name for run in runs] == [spec.name for spec in TABLE.runs]
    runs = plan_runs(TABLE, tmp_path, changes=TOY, presets=["modern"])
    assert [run.spec.name for run in runs] == ["BiGAN"]
    with pytest.raises(ConfigError, match=r"unknown preset of bigan 'papre'.*'paper'"):
        plan_runs(TABLE, tmp_path, changes=TOY, presets=["papre"])


def test_a_folder_of_something_else_is_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose another --out"):
        make(whole, changes={"train.epochs": "2"})
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not an empty folder"):
        make(tmp_path)


def test_a_setting_that_a_run_lacks_is_named_with_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run 'LR'.*settings\.objective"):
        plan_runs(TABLE, tmp_path, changes=TOY | {"settings.objective": "minimax"})


def test_two_at_once_share_the_runs(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "table"
    with hold_lock(out / "runs/official/d/seed-0.lock"):
        make(out)
    assert len(list(out.glob("runs/official/*/seed-0/model"))) == 5
    make(out)
    for name in WRITTEN:
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_seeds_are_given_once_each(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="each once"):
        make(tmp_path, seeds=(1, 1))


@pytest.mark.long
def test_sigkills_at_any_moment_change_nothing(whole: Path, tmp_path: Path) -> None:
    words = [f"--{name}={value}" for name, value in TOY.items()]  # in the order of the caption
    command = [sys.executable, "-m", "ambigan", "reproduce", TABLE.name]
    command += [*words, "--out", str(tmp_path / "killed")]
    for number in range(40):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            # Ever longer, for a machine on which the imports alone take longer than the first wait.
            if process.wait(timeout=3.0 * 1.1**number) == 0:
                break
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(0.1)
    else:
        pytest.fail("it never came to its end")
    assert number > 0, "it was never killed"
    for name in WRITTEN:
        assert (tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes()
