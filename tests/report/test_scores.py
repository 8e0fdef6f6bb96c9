from __future__ import annotations

from pathlib import Path
from typing import Any

from made_runs import make_reconstruction, make_result, make_run, make_vectors

from ambigan.data import Dataset
from ambigan.report import result_tables as scores
from ambigan.report.report_data import ReportData, gather_report_data


def material_of(folder: Path, dataset: Dataset, *results: dict[str, Any]) -> ReportData:
    return gather_report_data(*make_run(folder, dataset), dataset, list(results))


def texts(table: scores.Table) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_the_headline_stands_beside_the_best_baseline(tmp_path: Path, digits: Dataset) -> None:
    found = scores.headline(material_of(tmp_path, digits, make_result(digits)))
    assert found is not None
    assert found.value == "91.25"
    assert found.what == "knn1_euclidean on encoder.hidden2 · EMA"
    assert found.verdict == "1.88 points below the best baseline, pixels (93.12\u00a0%)."
    assert found.chance.startswith("On 400 test examples")


def test_a_headline_is_the_methods_own_layer_and_not_the_best_one(
    tmp_path: Path, digits: Dataset
) -> None:
    other = make_result(digits)
    other["rows"] = [{"features": "encoder.hidden1", "kind": "model", "accuracy": 99.0}]
    found = scores.headline(material_of(tmp_path, digits, other, make_result(digits)))
    assert found is not None
    assert found.value == "91.25"


def test_above_level_and_alone(tmp_path: Path, digits: Dataset) -> None:
    result = make_result(digits)
    for baseline, words in ((86.0, "5.25 points above"), (91.25, "Level with")):
        result["rows"][2]["accuracy"] = baseline
        found = scores.headline(material_of(tmp_path, digits, result))
        assert found is not None
        assert found.verdict.startswith(words)
    result["rows"] = result["rows"][:1]
    found = scores.headline(material_of(tmp_path, digits, result))
    assert found is not None
    assert found.verdict == "No baseline was measured beside it."


def test_tables_have_two_decimals_and_the_best_in_bold(digits: Dataset) -> None:
    table = scores.table_of(make_result(digits))
    assert table.columns == ("features", "weights", "dim", "accuracy, %", "seconds")
    assert texts(table)[0] == ["encoder.hidden2", "EMA", "16", "91.25", "0.50"]
    assert texts(table)[2] == ["pixels", "", "16", "93.12", "0.50"]
    best = [[cell.text for cell in row.cells if cell.best] for row in table.rows]
    assert best == [[], [], ["93.12"], []]
    assert [row.is_baseline for row in table.rows] == [False, False, True, True]


def test_what_did_not_converge_says_so(digits: Dataset) -> None:
    result = make_result(digits)
    for row in result["rows"]:
        row["converged"] = True
    assert "converged" not in scores.table_of(result).columns
    result["rows"][1]["converged"] = False
    assert "converged" in scores.table_of(result).columns
    assert "no" in texts(scores.table_of(result))[1]


def test_a_protocol_without_accuracies_is_a_table(tmp_path: Path, digits: Dataset) -> None:
    result = make_result(digits, "fid50k") | {"rows": [{"features": "samples", "fid": 12.5}]}
    (found,) = scores.measured(material_of(tmp_path, digits, result))
    assert found.chart == ""
    assert texts(found.table) == [["samples", "12.500"]]


def test_unlabelled_data_show_no_accuracy(tmp_path: Path) -> None:
    dataset = make_vectors(3)
    material = material_of(tmp_path, dataset, make_result(dataset))
    assert scores.headline(material) is None
    assert scores.measured(material) == []


def test_results_of_other_data_are_not_shown(tmp_path: Path, digits: Dataset) -> None:
    material = material_of(tmp_path, digits, make_result(digits, data={"sha256": "f" * 64}))
    assert scores.headline(material) is None
    assert material.foreign == ("knn1_euclidean",)


def test_protocols_stand_in_the_order_they_are_registered(tmp_path: Path, digits: Dataset) -> None:
    names = ["unheard_of", "logistic_lbfgs", "knn1_cosine", "knn1_euclidean"]
    material = material_of(tmp_path, digits, *(make_result(digits, name) for name in names))
    first, *_, last = (found.protocol for found in scores.measured(material))
    assert (first, last) == ("knn1_euclidean", "unheard_of")


def test_reconstructions_have_a_table_of_their_own(tmp_path: Path, digits: Dataset) -> None:
    result = make_reconstruction(digits)
    material = material_of(tmp_path, digits, result)
    assert scores.measured(material) == []
    assert scores.errors_in(material) == (2.5, 5.0)
    assert texts(scores.reconstruction_table(result)) == [
        ["this model · EMA", "data", "2.500", "5.000", "0.500"],
        ["training mean", "data", "2.500", "5.000", "0.500"],
    ]


def test_tables_of_one_protocol_are_told_apart(tmp_path: Path, digits: Dataset) -> None:
    other = make_result(digits)
    other["rows"] = [{"features": "encoder.hidden1", "kind": "model", "accuracy": 99.0}]
    found = scores.measured(material_of(tmp_path, digits, make_result(digits), other))
    titles = [result.title for result in found]
    assert titles[1] == "knn1_euclidean, encoder.hidden1"
    assert len(set(titles)) == 2
    (alone,) = scores.measured(material_of(tmp_path / "alone", digits, make_result(digits)))
    assert alone.title == "knn1_euclidean"
