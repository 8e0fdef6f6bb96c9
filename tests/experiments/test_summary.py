from __future__ import annotations

from typing import Any

import pytest

from ambigan.experiments.table.papers import BIGAN_TABLE1, TABLES
from ambigan.experiments.table.summary import summarise
from ambigan.experiments.table.writing import as_csv, as_json, as_markdown
from ambigan.experiments.values import Value

BASELINES: dict[str, Any] = {
    "data": {"name": "mnist", "num_train": 9, "num_test": 3, "sha256": "ab"},
    "rows": [{"features": "pixels", "accuracy": 96.91}],
}


def result(column: str, seed: int, raw: float, ratio: float | None = 0.7) -> dict[str, Any]:
    return {
        "preset": "official",
        "column": column,
        "seed": seed,
        "epochs": 400,
        "images_seen": 100,
        "precision": "fp32",
        "accuracy": {"ema": raw + 1, "raw": raw, "random": 90.0},
        "reconstruction_ratio": None if ratio is None else {"raw": ratio, "ema": ratio},
        "features": "encoder.hidden2",
        "data": BASELINES["data"],
        "torch": "2.0",
        "hardware": {"gpu": None, "cores": 2, "processor": "a chip"},
    }


def test_means_and_sample_deviations_over_seeds() -> None:
    results = [result("BiGAN", seed, raw) for seed, raw in enumerate([96.0, 97.0, 98.0])]
    (block,) = summarise(BIGAN_TABLE1, results, [], BASELINES, 18, "c").blocks
    lines = {line.key: line for line in block.lines}
    assert lines["raw"].values["BiGAN"] == Value(97.0, 1.0, 3)
    assert lines["raw"].values["D"] is None
    assert lines["ema"].values["BiGAN"].text() == "98.00 ± 1.00"
    assert block.trained == "400 epochs, fp32, 3 seeds"


def test_one_seed_has_no_deviation() -> None:
    (block,) = summarise(BIGAN_TABLE1, [result("D", 0, 97.5, None)], [], BASELINES, 6, "c").blocks
    assert block.lines[0].values["D"].text() == "97.50"
    assert [line.key for line in block.lines] == ["raw", "ema", "random"]


def test_what_is_written_holds_the_papers_row_beside_ours() -> None:
    summary = summarise(BIGAN_TABLE1, [result("LR", 0, 97.5)], [], BASELINES, 6, "c")
    text = as_markdown(summary)
    assert "| paper, 400 epochs | 97.39 | 97.30 | 97.44 | 97.13 | 97.58 | 97.63 |" in text
    assert "| ours, last weights | – | – | 97.50 | – | – | – |" in text
    assert "Not finished: 1 of 6" in text
    assert as_csv(summary).splitlines()[2] == "official,LR,0,raw,97.5,0.7,97.44"
    assert as_json(summary)["published"]["AE (l1)"] == 97.63


def test_on_other_data_the_papers_row_says_on_which_it_was() -> None:
    other = BASELINES | {"data": BASELINES["data"] | {"name": "digits"}}
    summary = summarise(BIGAN_TABLE1, [result("LR", 0, 97.5)], [], other, 6, "c")
    assert summary.published.name == "paper on mnist, 400 epochs"


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_table_says_what_it_is(table: Any) -> None:
    assert len({column.name for column in table.columns}) == len(table.columns)
    assert all((table.title, table.source, table.budget, table.time, table.presets))
