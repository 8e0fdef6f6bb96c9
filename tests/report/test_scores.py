from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from made_runs import make_reconstruction, make_result, make_run, with_value

from ambigan.data import Dataset
from ambigan.evaluation.result import DataRecord, Metric, Result
from ambigan.report import result_tables as scores
from ambigan.report.report_data import ReportData, gather_report_data


def material_of(folder: Path, dataset: Dataset, *results: list[Result]) -> ReportData:
    return gather_report_data(*make_run(folder, dataset), dataset, list(results))


def texts(table: scores.ResultTable) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_the_headline_stands_beside_the_best_baseline(tmp_path: Path, digits: Dataset) -> None:
    found = scores.headline(material_of(tmp_path, digits, make_result(digits)))
    assert found is not None
    assert found.value == "91.25"
    assert (found.title, found.what) == ("accuracy", "knn1_euclidean on encoder.hidden2 · EMA")
    assert found.verdict == "1.88 points below the best baseline, pixels (93.12\u00a0%)."
    assert found.chance.startswith("On 400 test examples")
    assert found.task == make_result(digits)[0].protocol.summary
    assert found.baselines.startswith("Baselines: pixels 93.12, ")


def test_a_headline_is_the_methods_own_layer_and_not_the_best_one(
    tmp_path: Path, digits: Dataset
) -> None:
    other = [with_value(make_result(digits)[0], 99.0, "encoder.hidden1")]
    found = scores.headline(material_of(tmp_path, digits, other, make_result(digits)))
    assert found is not None
    assert found.value == "91.25"


def test_above_level_and_alone(tmp_path: Path, digits: Dataset) -> None:
    first, _, pixels, _ = make_result(digits)
    for baseline, words in ((86.0, "5.25 points above"), (91.25, "Level with")):
        results = [first, with_value(pixels, baseline)]
        found = scores.headline(material_of(tmp_path, digits, results))
        assert found is not None
        assert found.verdict.startswith(words)
    found = scores.headline(material_of(tmp_path, digits, [first]))
    assert found is not None
    assert found.verdict == "No baseline was measured with it."


def test_retrieval_comes_first_whatever_came_out_of_it(tmp_path: Path, digits: Dataset) -> None:
    names = ["knn1_euclidean", "retrieval_cosine"]
    material = material_of(tmp_path, digits, *(make_result(digits, name) for name in names))
    found = scores.headline(material)
    assert found is not None
    assert found.what.startswith("retrieval_cosine on encoder.hidden2")
    assert "below the best baseline" in found.verdict


def test_what_is_not_ahead_is_named_with_its_values(digits: Dataset) -> None:
    first, _, pixels, untrained = make_result(digits)
    behind = [first, pixels, untrained]
    assert scores.not_ahead([behind, [first, untrained], [first]]) == [
        "knn1_euclidean (91.25, pixels 93.12)"
    ]
    level = [first, with_value(pixels, 91.25)]
    better = with_value(first, 99.0, "encoder.hidden1")
    assert scores.not_ahead([[better, *level]], "encoder.hidden2") == [
        "knn1_euclidean (91.25, pixels 91.25)"
    ]
    assert scores.not_ahead([[better, *level]]) == []


def test_tables_have_two_decimals_and_the_best_in_bold(digits: Dataset) -> None:
    table = scores.table_of(make_result(digits))
    assert table.columns == ("features", "weights", "dim", "accuracy, %", "seconds")
    assert texts(table)[0] == ["encoder.hidden2", "EMA", "16", "91.25", "0.50"]
    assert texts(table)[2] == ["pixels", "", "16", "93.12", "0.50"]
    best = [[cell.text for cell in row.cells if cell.best] for row in table.rows]
    assert best == [[], [], ["93.12"], []]
    assert [row.is_baseline for row in table.rows] == [False, False, True, True]


def test_signs_of_trouble_and_chosen_constants_are_columns(digits: Dataset) -> None:
    results = make_result(digits)
    assert "note" not in scores.table_of(results).columns
    details = {"chosen": {"C": 0.001, "metric": "cosine"}, "warnings": ["not converged"]}
    results[1] = replace(results[1], details=details)
    table = scores.table_of(results)
    assert table.columns == (
        "features", "weights", "metric", "note", "dim", "accuracy, %", "C", "seconds"
    )  # fmt: skip
    assert texts(table)[1][2:4] == ["cosine", "not converged"]
    assert texts(table)[1][6] == "0.001"


def test_lower_may_be_better(tmp_path: Path, digits: Dataset) -> None:
    fid = Metric("fid", "FID", direction="lower")
    ours, _, theirs, _ = make_result(digits, "fid50k")
    results = [
        replace(result, metrics=(replace(fid, value=value),))
        for result, value in ((ours, 12.5), (theirs, 1234.5))
    ]
    (found,) = scores.measured(material_of(tmp_path, digits, results))
    assert [row.cells[3].text for row in found.table.rows] == ["12.50", "1,234.50"]
    assert [row.cells[3].best for row in found.table.rows] == [True, False]


def test_results_of_a_run_on_other_data_are_not_shown(tmp_path: Path, digits: Dataset) -> None:
    other = DataRecord("other", "f" * 64, 1, 1)
    material = material_of(tmp_path, digits, make_result(digits, trained_on=other, data=other))
    assert scores.headline(material) is None
    assert material.foreign == ("knn1_euclidean",)


def test_results_on_other_data_come_last_and_say_so(tmp_path: Path, digits: Dataset) -> None:
    other = DataRecord("mnist", "f" * 64, 1, 1)
    on_other = make_result(digits, data=other)
    material = material_of(tmp_path, digits, on_other, make_result(digits, "svm_l2"))
    assert [found.title for found in scores.measured(material)] == [
        "svm_l2", "knn1_euclidean on mnist"
    ]  # fmt: skip
    found = scores.headline(material)
    assert found is not None
    assert found.what.startswith("svm_l2 on")


def test_protocols_stand_in_the_order_they_are_registered(tmp_path: Path, digits: Dataset) -> None:
    names = ["unheard_of", "logistic_lbfgs", "knn1_cosine", "knn1_euclidean"]
    material = material_of(tmp_path, digits, *(make_result(digits, name) for name in names))
    first, *_, last = (found.title for found in scores.measured(material))
    assert (first, last) == ("knn1_euclidean", "unheard_of")


def test_reconstructions_have_a_table_of_their_own(tmp_path: Path, digits: Dataset) -> None:
    result = make_reconstruction(digits)
    material = material_of(tmp_path, digits, result)
    assert scores.measured(material) == []
    assert scores.errors_in(material) == (2.5, 5.0)
    table = scores.table_of(result)
    assert table.columns == (
        "features", "weights", "of", "ratio", "L2 error", "shuffled", "seconds"
    )  # fmt: skip
    assert texts(table) == [
        ["reconstruction", "EMA", "data", "0.500", "2.500", "5.000", "0.50"],
        ["training mean", "", "data", "0.500", "2.500", "5.000", "0.50"],
    ]


def test_tables_of_one_protocol_are_told_apart(tmp_path: Path, digits: Dataset) -> None:
    other = [with_value(make_result(digits)[0], 99.0, "encoder.hidden1")]
    found = scores.measured(material_of(tmp_path, digits, make_result(digits), other))
    titles = [result.title for result in found]
    assert titles[1] == "knn1_euclidean, encoder.hidden1 · EMA"
    assert len(set(titles)) == 2
    (alone,) = scores.measured(material_of(tmp_path / "alone", digits, make_result(digits)))
    assert alone.title == "knn1_euclidean"
