"""Results: written, read, of files old and new, and which of them may stand together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ambigan.core.errors import CheckpointError, ConfigError
from ambigan.evaluation.protocols import (
    PROTOCOLS,
    Task,
    accuracy_of,
    find_protocol,
    register_protocol,
)
from ambigan.evaluation.provenance import check_comparable, hardware, versions
from ambigan.evaluation.result import (
    DataRecord,
    Metric,
    Provenance,
    Result,
    Subject,
    wilson_interval,
)
from ambigan.evaluation.result_file import (
    read_folder,
    read_results,
    read_results_if_whole,
    results_as_json,
    write_results,
)
from ambigan.report.result_tables import table_of

RECORDS = Path(__file__).parents[2] / "results"
DATA = DataRecord("csv:spectra.csv", "ab" * 32, 5, 2)


def make_results(protocol: str = "knn1_euclidean") -> list[Result]:
    about = Provenance("bigan", "paper", 0, 700, DATA, DATA, versions(), hardware())
    accuracy = Metric("accuracy", "accuracy", 96.25, "%", "higher", (95.0, 97.5))
    record, details = find_protocol(protocol).record, {"chosen": {"k": 3}, "warnings": ["odd"]}
    model = Result(record, Subject("encoder", "model", "ema", 8), (accuracy,), about, 0.5, details)
    value = replace(accuracy, value=98.0, interval=None)
    return [model, Result(record, Subject("pixels", "baseline", dim=64), (value,), about)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    results = make_results()
    later = replace(results[0].provenance, images_seen=1400)
    results.append(replace(results[0], provenance=later))  # a point of a curve
    write_results(tmp_path / "curve-a.json", results)
    write_results(tmp_path / "b.json", results[:2])
    assert read_results(tmp_path / "curve-a.json") == results
    assert read_folder(tmp_path) == [results[:2]]
    assert read_folder(tmp_path, curves=True) == [results]
    content = json.loads((tmp_path / "b.json").read_text())
    assert list(content) == ["schema", "protocol", "provenance", "results"]
    assert content["schema"] == 2
    assert json.loads(json.dumps(results_as_json(results)))[0]["provenance"]["images_seen"] == 700


def test_every_committed_record_is_read() -> None:
    """Records that older versions wrote, of the repository's own results."""
    paths = [*RECORDS.rglob("baselines.json"), *RECORDS.rglob("mnist-official/**/*.json")]
    paths += [path for path in RECORDS.rglob("results/*.json") if path.parent != RECORDS]
    paths = [path for path in paths if path.name not in ("config.json", "data.json")]
    assert len(paths) > 200
    known = {metric.name for protocol in PROTOCOLS.values() for metric in protocol.metrics}
    for path in paths:
        content = json.loads(path.read_text())
        results = read_results(path)
        records = [content] if "protocol" in content else list(content.values())
        rows = [row for r in records for row in (*r.get("rows", ()), *r.get("points", ()))]
        assert [result.subject.name for result in results] == [row["features"] for row in rows]
        for row, result in zip(rows, results, strict=True):
            assert {metric.name for metric in result.metrics} <= known, path
            assert all(metric.value == row[metric.name] for metric in result.metrics)
            assert result.headline.direction != "none"
            assert table_of([result]).rows


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not readable JSON"),
        ("[]", "no JSON object"),
        ("{}", "holds no results"),
        ('{"rows": []}', "damaged or holds no results"),
        ('{"protocol": "knn1_cosine", "data": 3}', "damaged or holds no results: data"),
        ('{"schema": 3}', "schema 3, and this version reads up to 2"),
        ('{"schema": 2, "protocol": {}}', "damaged or holds no results: name"),
        ('{"schema": 2}', "damaged or holds no results: KeyError 'protocol'"),
    ],
)
def test_damaged_and_foreign_files_are_one_line(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "knn1_cosine.json"
    path.write_text(content)
    with pytest.raises(CheckpointError, match=words) as raised:
        read_results(path)
    assert "\n" not in str(raised.value)
    assert path.name in str(raised.value)
    assert read_results_if_whole(path) == []


@pytest.mark.parametrize("part", ["protocol", "provenance", "results"])
def test_a_part_of_another_type_is_damage(tmp_path: Path, part: str) -> None:
    path = tmp_path / "a.json"
    write_results(path, make_results())
    content: dict[str, Any] = json.loads(path.read_text())
    for wrong in (3, "x", [{"subject": None}], {"name": 3}):
        path.write_text(json.dumps(content | {part: wrong}))
        with pytest.raises(CheckpointError, match="damaged"):
            read_results(path)


def test_what_differs_may_not_share_a_column() -> None:
    first, other = make_results()
    check_comparable(first, other)
    with pytest.raises(ConfigError, match="measured by knn1_euclidean, the other by knn1_cosine"):
        check_comparable(first, make_results("knn1_cosine")[0])
    changed = replace(first.protocol, constants={"k": 5, "metric": "euclidean"})
    with pytest.raises(ConfigError, match=r"\(paper\) .* under .*'k': 1.*'k': 5"):
        check_comparable(first, replace(first, protocol=changed))
    moved = replace(first.provenance, data=replace(DATA, sha256="cd" * 32))
    with pytest.raises(ConfigError, match="take the same data with the same split"):
        check_comparable(first, replace(first, provenance=moved))


def test_an_interval_holds_its_share() -> None:
    low, high = wilson_interval(90, 100)
    assert (round(low, 2), round(high, 2)) == (82.56, 94.48)
    assert wilson_interval(100, 10)[1] == pytest.approx(100)


@pytest.fixture
def lowest(monkeypatch: pytest.MonkeyPatch, own_registries: None) -> str:
    """A protocol from outside the package, with a metric that nothing knows."""
    # A protocol of a plugin is named by --plugin or an entry point; this one by neither.
    monkeypatch.setattr("ambigan.cli.names.check.check_names", lambda _request: None)

    @register_protocol(
        "labels",
        "the smallest feature",
        "a test",
        metrics=(Metric("lowest", "lowest feature", unit="u", direction="lower", digits=4),),
        constants={"times": 2},
    )
    def smallest(task: Task, *, times: int) -> tuple[dict[str, float | None], dict[str, Any]]:
        return {"lowest": times * float(task.test.min()), "number_of_rows": 7.0}, {
            "chosen": {"way": "plain"},
            "warnings": ["only a test"],
        }

    return smallest.name


@pytest.mark.usefixtures("quick_pages")
def test_a_new_metric_is_shown_without_a_change(
    lowest: str, finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    from ambigan.cli import main
    from ambigan.run_evaluation import evaluate_curve

    run = str(shutil.copytree(finished_run, tmp_path / "run"))
    assert main(["evaluate", run, "--protocol", lowest, "--weights", "raw"]) == 0
    shown = capsys.readouterr()
    for words in ("lowest feature, u", "number of rows", "way", "plain", "only a test"):
        assert words in shown.out
    assert f"warning: {lowest} on encoder.hidden2, pixels" in shown.err
    assert main(["evaluate", run, "--protocol", lowest, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert results[0]["metrics"][0]["title"] == "lowest feature"
    assert main(["report", run]) == 0
    page = (Path(run) / "report.html").read_text()
    assert "lowest feature, u" in page
    curve = evaluate_curve(run, protocols=[lowest], weights="raw", baselines=[])
    assert {result.headline.name for result in curve} == {"lowest"}


def test_two_protocols_of_one_name_are_refused(lowest: str) -> None:
    with pytest.raises(ConfigError, match="two protocols are named 'smallest'"):
        register_protocol("labels", "another", "a test", name=lowest)(accuracy_of)


def test_a_cell_that_runs_again_replaces_its_protocol(own_registries: None) -> None:
    for times in (2, 3):

        @register_protocol("labels", "a sum", "a test", constants={"times": times})
        def doubled(task: Task, *, times: int) -> dict[str, float | None]:
            return {"sum": times * float(task.test.sum())}

    assert find_protocol("doubled").constants == {"times": 3}
