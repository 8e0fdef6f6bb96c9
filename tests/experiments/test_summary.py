"""Tables of Results that no run made, and the catalogue."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ambigan.core.files import read_json
from ambigan.evaluation.result import (
    DataRecord,
    Kind,
    Metric,
    ProtocolRecord,
    Provenance,
    Result,
    Subject,
)
from ambigan.experiments import EXPERIMENTS, reproduce
from ambigan.experiments.run_records import RECONSTRUCTION, RunResult
from ambigan.experiments.summary import Summary, Value
from ambigan.experiments.writers import as_csv, as_markdown, summary_as_json

TABLE = EXPERIMENTS["bigan-table1"]
MACHINE = {"gpu": None, "cores": 2, "processor": "a chip"}
RESULTS = Path(__file__).parents[2] / "results"


def result(
    name: str, value: float, kind: Kind = "model", weights: str | None = None, data: str = "mnist"
) -> Result:
    about = DataRecord(data, "ab", 9, 3)
    return Result(
        ProtocolRecord("knn1_euclidean"),
        Subject(name, kind, weights, 3),
        (Metric("accuracy", "accuracy", value, "%", "higher"),),
        Provenance(None, None, 0, 100, about, about, {"torch": "2.0"}, MACHINE),
    )


def run(name: str, seed: int, raw: float, ratio: float | None = 0.7) -> RunResult:
    layer = "discriminator.hidden2" if name == "D" else "encoder.hidden2"
    found = [
        result(layer, raw + 1, weights="ema"),
        result(layer, raw, weights="raw"),
        result(f"random {layer}", 90.0, "untrained"),
    ]
    if ratio is not None:
        metric = Metric("ratio_real", "ratio", ratio, direction="lower")
        drawn = replace(found[0], protocol=ProtocolRecord(RECONSTRUCTION), metrics=(metric,))
        found.append(drawn)
    return RunResult(name, "official", seed, 400, 100, "fp32", tuple(found))


def summary_of(*runs: RunResult, data: str = "mnist", changed: tuple[str, ...] = ()) -> Summary:
    baselines = (result("pixels", 96.91, "baseline", data=data),)
    return Summary(TABLE, runs, baselines, changed, 6, "command")


def test_means_deviations_and_ranges_over_seeds() -> None:
    runs = [run("BiGAN", seed, raw) for seed, raw in enumerate([96.0, 97.0, 98.0])]
    summary = summary_of(*runs)
    lines = {line.name: line for line in summary.lines}
    raw = lines["BiGAN: encoder.hidden2, last weights"].values["knn1_euclidean/accuracy"]
    assert raw == Value(97.0, 1.0, 96.0, 98.0, 3)
    assert "| BiGAN: encoder.hidden2, averaged weights | 3 | 98.00 ± 1.00 |" in as_markdown(summary)
    assert summary.caption == "400 epochs, preset official, fp32, 3 seeds."


def test_one_seed_has_no_deviation() -> None:
    summary = summary_of(run("D", 0, 97.5, None))
    assert "| D: discriminator.hidden2, last weights | 3 | 97.50 | 97.30 |" in as_markdown(summary)
    assert summary.drawn == []


def test_published_values_stand_next_to_ours_under_a_caption_of_what_was_changed() -> None:
    summary = summary_of(run("LR", 0, 97.5), changed=("data.max_train 600 instead of none",))
    text = as_markdown(summary)
    assert "| features | dimensions | 1-NN | paper, 400 epochs |" in text
    assert "| LR: encoder.hidden2, last weights | 3 | 97.50 | 97.44 |" in text
    assert "| LR, averaged weights | 0.70 |" in text
    assert "settings: data.max\\_train 600 instead of none." in text
    assert "Not finished: 1 of 6" in text
    name = '"LR: encoder.hidden2, last weights",3,'
    lines = as_csv(summary).splitlines()
    assert f"{name}knn1_euclidean/accuracy,97.5,,97.5,97.5,1" in lines
    assert f"{name}published,97.44,,97.44,97.44,1" in lines
    assert summary_as_json(summary)["published"]["AE (l1)"] == 97.63


def test_on_other_data_the_papers_column_says_on_which_it_was() -> None:
    first = run("LR", 0, 97.5)
    other = tuple(result(x.subject.name, 1.0, data="digits") for x in first.results[:1])
    summary = summary_of(replace(first, results=other), data="digits")
    assert summary.published_title == "paper on mnist, 400 epochs"


def test_names_of_data_are_no_markup() -> None:
    name = "csv:<b>|*x*.csv"
    first = run("LR", 0, 97.5)
    results = (result("encoder.hidden2", 1.0, weights="raw", data=name),)
    text = as_markdown(summary_of(replace(first, results=results), data=name))
    assert text.splitlines()[0].endswith(r", on csv:&lt;b&gt;\|\*x\*.csv")
    other = replace(first.results[1], subject=Subject("a|b", "model", "raw"))
    text = as_markdown(summary_of(replace(first, results=(other,))))
    assert r"| LR: a\|b, last weights | – | 97.50 | 97.44 |" in text


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_what_it_is(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert all((experiment.title, experiment.source, experiment.time, experiment.protocols))
    assert len(experiment.published) in (0, len(experiment.runs))


def test_a_table_of_an_earlier_version_is_rendered_of_its_json_alone(tmp_path: Path) -> None:
    """What it says is in its files: runs' folders were never committed."""
    out = tmp_path / "table"
    shutil.copytree(RESULTS / "bigan-table1", out)
    reproduce(TABLE, out, render_only=True, bar=lambda: pytest.fail("it trains"))
    old = read_json(RESULTS / "bigan-table1/table.json")
    new = read_json(out / "bigan-table1.json")
    lines = {line["name"]: line for line in new["lines"]}
    for cell in old["cells"]:
        for weights, words in (("raw", "last"), ("ema", "averaged")):
            line = lines[f"{cell['column']}: {cell['features']}, {words} weights"]
            assert line["knn1_euclidean/accuracy"]["mean"] == cell["accuracy"][weights]
        untrained = lines[f"{cell['column']} untrained: {cell['features']}"]
        assert untrained["knn1_euclidean/accuracy"]["mean"] == cell["accuracy"]["random"]
    for name, accuracy in old["baselines"].items():
        assert lines[name]["knn1_euclidean/accuracy"]["mean"] == accuracy
    text = (out / "bigan-table1.md").read_text()
    assert "settings: train.epochs 25; train.precision bf16." in text
    reproduce(TABLE, out, render_only=True, bar=lambda: pytest.fail("it trains"))
    assert (out / "bigan-table1.md").read_text() == text


def test_records_of_an_earlier_version_are_rendered_without_models(tmp_path: Path) -> None:
    out = tmp_path / "digits"
    shutil.copytree(RESULTS / "bigbigan-digits", out)
    old = read_json(out / "bigbigan-digits.json")
    experiment = EXPERIMENTS["bigbigan-digits"]
    reproduce(experiment, out, render_only=True, bar=lambda: pytest.fail("it trains"))
    new = read_json(out / "bigbigan-digits.json")
    assert len(new["lines"]) == len(old["lines"])
    for ours, theirs in zip(new["lines"], old["lines"], strict=True):
        assert ours["name"] == theirs["features"]
        for protocol in experiment.protocols:
            assert ours[f"{protocol}/accuracy"]["mean"] == theirs[protocol]["mean"]
