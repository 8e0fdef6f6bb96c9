"""Suites: two small sets made, one that is absent, and the counts of the table by hand."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ambigan.cli import main
from ambigan.core.errors import ConfigError, NonFiniteError
from ambigan.evaluation.result import (
    DataRecord,
    Metric,
    ProtocolRecord,
    Provenance,
    Result,
    Subject,
)
from ambigan.experiments import SUITES, Experiment, RunSpec, Suite, reproduce_suite
from ambigan.experiments.run_records import RunResult
from ambigan.experiments.suites import SuiteSet, SuiteTask
from ambigan.experiments.suites import runner as suite_runner
from ambigan.experiments.suites.comparison import (
    Comparison,
    SetResults,
    as_json,
    comparison_as_csv,
    comparison_as_markdown,
)
from ambigan.methods import find_method
from ambigan.presets import find_preset

TINY = {
    "settings.network.hidden": "8,8",
    "settings.latent_dim": "2",
    "train.epochs": "1",
    "train.least_steps": "6",
    "train.validation_fraction": "0.1",
    "train.statistics_batches": "1",
    "train.precision": "fp32",
    "train.device": "cpu",
}
RUNS = (RunSpec("BiGAN", "bigan", preset="table"), RunSpec("peer", "autoencoder", preset="table"))
TASKS = (
    SuiteTask("nearest", "knn1_euclidean", "accuracy"),
    SuiteTask("few", "few_labels_10", "balanced_accuracy", few_labels=True),
    SuiteTask("again", "reconstruction_mse", "ratio_mean", "lower", baseline="training mean"),
)
NAMES = ("one", "two", "gone")


def one_set(name: str) -> SuiteSet:
    experiment = Experiment(
        name=f"tiny-{name}",
        title=name,
        source="ours",
        settings={"data.source": f"npz:$AMBIGAN_DATA/{name}.npz", **TINY},
        runs=RUNS,
        protocols=("knn1_euclidean", "few_labels_10"),
        reconstructions=("reconstruction_mse",),
        pca_widths=(2,),
    )
    return SuiteSet(name, experiment, f"{name}.npz")


SUITE = Suite("tiny", "Tiny", "Which?", "ours", tuple(map(one_set, NAMES)), TASKS, ("peer",))


def write_sets(folder: Path) -> None:
    """Two classes far apart in 4 columns; of the second set, one has 8 examples to learn from."""
    rng = np.random.default_rng(0)
    for name, num in (("one", 40), ("two", 8)):
        labels = np.repeat([0, 1], [40, num])
        values = rng.normal(size=(len(labels) + 10, 4))
        test_labels = np.arange(10) % 2
        values[:, 0] += 9 * np.concatenate([labels, test_labels])
        parts = {"x_train": values[:-10], "y_train": labels, "x_test": values[-10:]}
        np.savez(folder / f"{name}.npz", **parts, y_test=test_labels)


class Made:
    """Sets that were trained, by how often."""

    def __init__(self) -> None:
        self.trainings = 0

    @contextmanager
    def bar(self) -> Iterator[Any]:
        self.trainings += 1
        yield lambda *_: None


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_sets(folder)
    monkeypatch.setenv("AMBIGAN_DATA", str(folder))
    return folder


def test_a_suite_is_made_once_and_says_what_is_absent(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, made = tmp_path / "out", Made()
    caplog.set_level(logging.INFO, "ambigan")
    reproduce_suite(SUITE, out, sets=["one"], bar=made.bar)
    assert made.trainings == 2
    found = reproduce_suite(SUITE, out, bar=made.bar)
    assert made.trainings == 4
    assert [len(each.runs) for each in found.found] == [2, 2]
    (line,) = [x.getMessage() for x in caplog.records if "sets of tiny are not" in x.getMessage()]
    assert line == (
        f"1 of 3 sets of tiny are not in the folder of data, {data}: gone (gone.npz); they are left"
        " out"
    )
    assert "tiny-two: left out: few_labels_10: draws of 10" in caplog.text
    assert ("two", "few") not in found.cells
    assert found.cells["one", "nearest"]["raw values"].mean == 100
    assert {*found.cells["one", "again"]} == {"raw values", "PCA", "peer", "BiGAN"}
    assert found.cells["one", "again"]["raw values"].mean == pytest.approx(1)
    text = (out / "tiny.md").read_text()
    assert "2 of 3 sets; seeds 0; 2 of 2 finished. Not on this machine: gone." in text
    assert str(data) not in text + (out / "tiny.json").read_text()
    kept = {path: path.read_bytes() for path in out.rglob("tiny*") if path.is_file()}

    again = reproduce_suite(SUITE, out, bar=made.bar)
    assert made.trainings == 4
    assert as_json(again) == as_json(found)
    assert kept == {path: path.read_bytes() for path in kept}
    (out / "tiny.md").unlink()
    for path in data.iterdir():  # it is written of what is there, without data
        path.unlink()
    shown = reproduce_suite(SUITE, out, render_only=True, bar=made.bar)
    assert made.trainings == 4
    assert shown.cells == found.cells
    assert (out / "tiny.md").exists()
    with pytest.raises(ConfigError, match="3 of 3 sets of tiny are not in the folder of data"):
        reproduce_suite(SUITE, out, bar=made.bar)


def test_runs_of_another_batch_are_refused(data: Path, tmp_path: Path) -> None:
    smaller = {"train.batch_size": "8"}
    reproduce_suite(
        SUITE, tmp_path / "out", sets=["one"], runs=["peer"], changes=smaller, bar=Made().bar
    )
    (tmp_path / "out" / "one" / "seed-01").mkdir()  # another's
    with pytest.raises(ConfigError, match=r"train\.batch_size: 64 against 8"):
        reproduce_suite(SUITE, tmp_path / "out", sets=["one"], runs=["peer"], bar=Made().bar)


def test_each_seed_has_a_division_of_its_own(data: Path) -> None:
    first, second = (SUITE.sets[0].experiment_at(data, seed).settings for seed in (0, 1))
    assert first["data.source"] == f"npz:{data}/one.npz"
    assert (first["data.split_seed"], second["data.split_seed"]) == ("0", "1")


def test_a_training_that_diverges_stops_no_other(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = suite_runner.reproduce

    def fail(experiment: Experiment, *parts: Any, **more: Any) -> Any:
        if experiment.name == "tiny-one":
            raise NonFiniteError("a loss is no number")
        return original(experiment, *parts, **more)

    monkeypatch.setattr(suite_runner, "reproduce", fail)
    found = reproduce_suite(SUITE, tmp_path / "out", bar=Made().bar)
    assert found.sets == ["two"]
    assert "one, seed 0, is left unfinished: a loss is no number" in caplog.text


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"sets": ["twoo"]}, r"unknown set of tiny 'twoo'\. Did you mean 'two'"),
        ({"runs": ["bigam"]}, r"unknown run of tiny 'bigam'\. Did you mean 'bigan'"),
        ({"changes": {"data.source": "digits"}}, "data.source is of each set of tiny; .* --sets"),
        ({"changes": {"train.epochs": "x"}}, "run 'BiGAN': train.epochs"),
        ({"render_only": True}, "there is no folder"),
    ],
)
def test_what_cannot_be_made_is_refused(
    data: Path, tmp_path: Path, asked: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        reproduce_suite(SUITE, tmp_path / "out", **asked, bar=Made().bar)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not an empty folder"):
        reproduce_suite(SUITE, tmp_path, bar=Made().bar)


ABOUT = DataRecord("toy", "0" * 64, 20, 10)
PROVENANCE = Provenance("bigan", "table", 0, 10, ABOUT, ABOUT, {}, {})


def result(task: SuiteTask, name: str, kind: Any, value: float) -> Result:
    metric = Metric(task.metric, task.metric, value, direction=task.direction)
    return Result(ProtocolRecord(task.protocol), Subject(name, kind), (metric,), PROVENANCE)


def by_hand(name: str, seed: int, **values: tuple[float, float, float]) -> SetResults:
    """Results by what is compared, of the three tasks of `TASKS`."""
    kinds = {"raw": ("raw values", "baseline"), "untrained": ("random x", "untrained")}
    kinds |= {"pca2": ("pca2", "baseline"), "pca4": ("pca4", "baseline")}
    runs: dict[str, list[Result]] = {"BiGAN": [], "peer": []}
    baselines: list[Result] = []
    for who, scores in values.items():
        subject = kinds.get(who, ("x", "model"))
        for task, value in zip(TASKS, scores, strict=True):
            of = runs.get("BiGAN" if who == "untrained" else who, baselines)
            of.append(result(task, *subject, value))
    made = tuple(
        RunResult(who, "table", seed, 1, 10, "fp32", tuple(found)) for who, found in runs.items()
    )
    return SetResults(name, seed, made, tuple(baselines))


def test_wins_are_counted_over_means() -> None:
    one = by_hand(
        "one", 0,
        raw=(80, 60, 1.0), pca2=(70, 64, 0.5), pca4=(82, 62, 0.2), untrained=(50, 50, 1.5),
        peer=(81, 60, 0.9), BiGAN=(90, 62, 0.8),
    )  # fmt: skip
    other_seed = by_hand(
        "one", 1,
        raw=(80, 60, 1.0), pca2=(70, 64, 0.5), pca4=(84, 62, 0.2), untrained=(50, 50, 1.5),
        peer=(81, 62, 1.3), BiGAN=(80, 68, 0.9),
    )  # fmt: skip
    two = by_hand(
        "two", 0,
        raw=(80, 60, 1.0), pca2=(80, 40, 0.5), untrained=(90, 50, 1.5),
        peer=(91, 59, 0.9), BiGAN=(85, 61, 1.2),
    )  # fmt: skip
    found = Comparison(SUITE, (one, other_seed, two))
    cell = found.cells["one", "nearest"]
    assert cell["PCA"].mean == 83  # of the width whose mean is best
    assert (cell["BiGAN"].mean, cell["BiGAN"].num) == (85, 2)
    assert found.cells["one", "few"]["PCA"].mean == 64
    assert found.tallies["BiGAN"] == {
        "nearest": (1, 2),
        "few": (2, 2),
        "again": (1, 2),
        "few labels, all": (2, 2),
        "few labels, raw values": (2, 2),
        "few labels, PCA": (2, 2),
        "few labels, untrained": (2, 2),
        "few labels, peer": (2, 2),
        "all labels, raw values": (4, 4),
        "all labels, PCA": (4, 4),
        "all labels, untrained": (3, 4),
        "all labels, peer": (3, 4),
    }
    assert found.tallies["peer"]["nearest"] == (1, 2)
    assert found.tallies["peer"]["again"] == (1, 2)  # 1.1 and 0.9
    text = comparison_as_markdown(found)
    assert "| BiGAN | 1 of 2 | 2 of 2 | 1 of 2 | 2 of 2 |" in text
    assert "| one | 80.0 ± 0.0 | 83.0 ± 1.4 | 50.0 ± 0.0 | 81.0 ± 0.0 | 85.0 ± 7.1 |" in text
    assert "| set | training mean | PCA | untrained | peer | BiGAN |" in text
    assert "one,nearest,BiGAN,85,7.07" in comparison_as_csv(found).replace("85.0", "85")
    assert len(as_json(found)["cells"]) == 6


def test_what_is_equal_is_not_ahead() -> None:
    same = by_hand("one", 0, raw=(80, 60, 1.0), BiGAN=(80.04, 60, 1.0))  # shown as 80.0
    found = Comparison(SUITE, (same,))
    assert found.tallies["BiGAN"]["nearest"] == (0, 1)
    assert found.tallies["BiGAN"]["again"] == (0, 1)
    assert found.tallies["peer"]["nearest"] == (0, 0)


def test_a_suite_is_whole() -> None:
    with pytest.raises(ConfigError, match="two sets have one name"):
        replace(SUITE, sets=(SUITE.sets[0], SUITE.sets[0]))
    with pytest.raises(ConfigError, match="no experiment measures 'new'"):
        replace(SUITE, tasks=(SuiteTask("new", "kmeans", "nmi"),))


@pytest.mark.parametrize("each", SUITES["value"].sets, ids=lambda each: each.name)
def test_the_sets_of_the_value_experiment_can_be_planned(each: SuiteSet, tmp_path: Path) -> None:
    suite_runner.plan_runs(each.experiment_at(tmp_path, 0), tmp_path / "out")
    assert each.place or "$" not in each.experiment.settings["data.source"]
    for run in each.experiment.runs:
        assert find_preset(run.method, run.preset).method == run.method
        assert find_method(run.method)


def test_the_command_line_knows_suites(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "--list", "--json"]) == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert "glass" in listed["value"]["sets"]
    out = str(tmp_path / "out")
    assert main(["reproduce", "value", "--sets", "glas", "--out", out]) == 2
    assert "Did you mean 'glass'" in capsys.readouterr().err
    assert main(["reproduce", "value", "--sets", "glass", "--out", out]) == 2
    assert "1 of 1 sets of value are not in the folder of data" in capsys.readouterr().err
    assert main(["reproduce", "sao-main", "--sets", "glass"]) == 2
    assert "leave out --sets, which value takes" in capsys.readouterr().err
    assert main(["reproduce", "value", "--presets", "table"]) == 2
    assert "leave --presets out" in capsys.readouterr().err
