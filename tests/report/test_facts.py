from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from made_runs import make_result, make_run, make_vectors, write_logs

from ambigan.cli.parser import parse_arguments
from ambigan.core.settings import override
from ambigan.data import Dataset
from ambigan.evaluation.result import DataRecord
from ambigan.presets import find_preset
from ambigan.report import summary as facts
from ambigan.report.report_data import ReportData, gather_report_data


def material_of(folder: Path, dataset: Dataset, results: Any = (), **changes: str) -> ReportData:
    run, run_folder = make_run(folder, dataset, **changes)
    return gather_report_data(run, run_folder, dataset, list(results))


def test_key_facts_say_what_was_run(tmp_path: Path, digits: Dataset) -> None:
    material = material_of(tmp_path, digits, [make_result(digits)])
    found = {fact.name: (fact.value, fact.detail) for fact in facts.summary_items(material)}
    assert found["images seen"] == ("4,800", "40 epochs of 120")
    parameters = sum(p.numel() for p in material.run.method.parameters())
    assert found["parameters"][0] == f"{parameters:,}"
    assert found["training"] == ("4.8 s", "1,000 images/s")
    assert found["weights"][0] == "EMA"
    assert found["ambigan"] == ("9.8.7", "torch 2.0")
    assert found["measured on"] == ("2 cores", "an abacus")


def test_without_results_facts_are_of_this_machine(tmp_path: Path, digits: Dataset) -> None:
    names = [fact.name for fact in facts.summary_items(material_of(tmp_path, digits))]
    assert "page made on" in names


def test_vectors_are_no_images(tmp_path: Path) -> None:
    names = [fact.name for fact in facts.summary_items(material_of(tmp_path, make_vectors(3)))]
    assert "examples seen" in names


def test_training_time_is_the_sum_of_the_lines() -> None:
    assert facts.training_seconds([]) == 0
    assert facts.training_seconds([{"seconds": 2.5}, {"seconds": 4}]) == 6.5


def test_an_alarm_is_told_once_with_its_time(tmp_path: Path, digits: Dataset) -> None:
    run, folder = make_run(tmp_path, digits)
    spread, rank = "samples hardly differ: 0.{} of the spread", "features lie on a line"
    write_logs(tmp_path, 400, {0: [rank], 2: [spread.format(12)], 3: [spread.format("05")]})
    ongoing, passed = facts.find_warnings(gather_report_data(run, folder, digits, []))
    assert ongoing.text == spread.format("05")
    assert ongoing.when == "from 300 to 400 images, at 2 of 4 looks, the last one too."
    assert not ongoing.passed
    assert passed.text == rank
    assert passed.when == "at 100 images, at 1 of 4 looks; not since."
    assert passed.passed


def test_a_run_cut_short_says_so(tmp_path: Path, digits: Dataset) -> None:
    material = material_of(tmp_path, digits, [make_result(digits)])
    assert facts.find_notes(material) == []
    material.run.images_seen = 1200
    (note,) = facts.find_notes(material)
    assert "not finished: 10 of 40 epochs" in note


def test_results_of_another_state_or_other_data_say_so(tmp_path: Path, digits: Dataset) -> None:
    old = make_result(digits, images_seen=100)
    other = make_result(digits, "logistic_lbfgs", trained_on=DataRecord("other", "f" * 64, 1, 1))
    notes = facts.find_notes(material_of(tmp_path, digits, [other, old]))
    assert notes == [
        "Measured at 100 images, not at 4,800: knn1_euclidean.",
        "Left out, measured on a run of other data: logistic_lbfgs.",
    ]


def test_labelled_data_that_were_not_measured_say_how(tmp_path: Path, digits: Dataset) -> None:
    (note,) = facts.find_notes(material_of(tmp_path, digits))
    assert f"ambigan evaluate {tmp_path}" in note
    assert facts.find_notes(material_of(tmp_path / "vectors", make_vectors(3))) == []


def test_settings_show_what_is_not_as_in_the_preset(tmp_path: Path, digits: Dataset) -> None:
    changed = {s.name: s for s in facts.settings_of(material_of(tmp_path, digits)) if s.preset}
    names = {"settings.network.hidden", "settings.latent_dim", "train.epochs"}
    assert set(changed) == names
    assert changed["settings.network.hidden"].value == "16,16"
    assert changed["settings.network.hidden"].preset == "256,256"


def test_a_preset_that_is_gone_changes_nothing(tmp_path: Path, digits: Dataset) -> None:
    material = material_of(tmp_path, digits)
    object.__setattr__(material.run.config, "preset", "of another age")
    assert all(setting.preset is None for setting in facts.settings_of(material))


def test_a_method_from_outside_is_never_imported_by_its_name(
    tmp_path: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil_method.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    material = material_of(tmp_path / "run", digits)
    object.__setattr__(material.run.config, "method", "evil_method:Evil")
    object.__setattr__(material.run.config, "preset", "default")
    changed = [setting.name for setting in facts.settings_of(material) if setting.preset]
    assert "settings.latent_dim" in changed
    assert "--preset default" in facts.commands(material)[0]
    assert "evil_method" not in sys.modules


def test_the_command_line_gives_the_same_settings(tmp_path: Path, digits: Dataset) -> None:
    changes = {
        "data__source": "csv:my files/it's.csv",
        "data__drop": "a b,c",
        "data__label_column": "kind",
        "train__seed": "3",
        "settings__feature_layer": "encoder.hidden1",
        "settings__optimizer__betas": "0.5,0.9",
        "settings__simultaneous": "false",
        "train__schedule_epochs": "400",
    }
    material = material_of(tmp_path / "a run", digits, [make_result(digits)], **changes)
    train, evaluate, report = (shlex.split(line) for line in facts.commands(material))
    request = parse_arguments(train[1:])
    again = override(find_preset(request.flags.name, request.flags.preset), request.settings)
    assert again == material.run.config
    assert request.flags.out == str(tmp_path / "a run")
    assert parse_arguments(evaluate[1:]).flags.protocol == ["knn1_euclidean"]
    assert parse_arguments(report[1:]).flags.run == str(tmp_path / "a run")
