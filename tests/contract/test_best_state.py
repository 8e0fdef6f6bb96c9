"""The state that reconstructs held-out examples best is what a training leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_ranks import compare
from test_resume import check_resume, contents
from two_ranks import Pair

from ambigan.data.dataset import Split
from ambigan.data.splits import held_for_validation
from ambigan.engine.checkpoint import list_checkpoints, read_checkpoint
from ambigan.engine.log_writers import read_lines
from ambigan.engine.train_state import BestState
from ambigan.training import resume, train
from games import toy_config

NAME = "bigan-regularised"
COLLAPSING = {  # so fast that a state before the last one is the best
    "train__validation_fraction": "0.1",
    "train__diagnose_every": "1",
    "settings__optimizer__learning_rate": "0.05",
}


def validations(run: Path) -> list[tuple[int, float, int]]:
    lines = [line for line in read_lines(run / "stats.jsonl") if "validation" in line]
    return [(line["images_seen"], *line["validation"].values()) for line in lines]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(toy_config(NAME, **COLLAPSING), tmp_path_factory.mktemp("best") / "run").path


def test_the_best_state_is_put_back(run: Path) -> None:
    last, _, best_at = validations(run)[-1]
    assert best_at < last, "the last state is the best of this training"
    kept = read_checkpoint(list_checkpoints(run / "checkpoints")[-1])["best"]
    assert kept["images_seen"] == best_at
    assert kept["error"] == min(error for _, error, _ in validations(run))
    for name, weights in kept["weights"].items():
        saved = load_file(run / "model" / f"{name}.safetensors")
        learned = [key for key in saved if "running" not in key and "num_batches" not in key]
        assert learned
        assert all(torch.equal(saved[key], weights[key]) for key in learned)


def test_a_collapse_that_stays_finite_is_undone() -> None:
    network = torch.nn.Linear(3, 2)
    weights = network.weight.detach().clone()
    best = BestState()
    best.offer(1.0, 10, {"raw": network})
    torch.nn.init.zeros_(network.weight)
    for error in (2.0, float("nan"), 1.0):
        best.offer(error, 20, {"raw": network})
    resumed = BestState()
    resumed.load_state_dict(best.state_dict())
    resumed.put_back({"raw": network})
    assert (resumed.error, resumed.images_seen) == (1.0, 10)
    assert torch.equal(network.weight, weights)


def test_killed_and_resumed_equals_undisturbed(tmp_path: Path) -> None:
    check_resume(toy_config(NAME, **COLLAPSING), tmp_path, 7, 20)


def test_without_an_average_the_last_weights_are_measured(tmp_path: Path) -> None:
    check_resume(toy_config(NAME, **COLLAPSING, train__ema_decay="0"), tmp_path, 14)


def test_training_ends_early_where_no_state_is_better(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = toy_config(NAME, **COLLAPSING, train__patience="3")
    with caplog.at_level("INFO", "ambigan"):
        ended = train(impatient, tmp_path / "run").path
    whole, found = validations(run), validations(ended)
    last, _, best_at = found[-1]
    assert found == whole[: len(found)]
    assert len(found) < len(whole)
    assert [at for _, _, at in found][-4:] == [best_at] * 4
    said = "no state was better in the last 3 measurements"
    assert f"training ends after {last:,} examples: {said}" in caplog.text
    assert read_lines(ended / "stats.jsonl")[-1]["losses"]
    before = contents(ended)
    resume(ended)
    assert contents(ended) == before
    check_resume(impatient, tmp_path / "killed", 7)


def test_a_finished_run_resumes_to_itself(run: Path) -> None:
    before = contents(run)
    resume(run)
    assert contents(run) == before


def test_two_ranks_keep_the_same_state(pair: Pair, tmp_path: Path) -> None:
    calm = {**COLLAPSING, "settings__optimizer__learning_rate": "2e-4", "train__epochs": "1"}
    train(toy_config(NAME, **calm), tmp_path / "one")
    pair.train(NAME, tmp_path / "two", **calm)
    compare(NAME, tmp_path / "one", tmp_path / "two")
    one, two = (validations(tmp_path / name) for name in ("one", "two"))
    assert [each[2] for each in one] == [each[2] for each in two]
    assert [each[1] for each in one] == pytest.approx([each[1] for each in two], rel=1e-5)


def test_methods_that_cannot_reconstruct_train_on_all(tmp_path: Path) -> None:
    held = {"train__validation_fraction": "0.1"}
    runs = [train(toy_config("gan-official", **c), tmp_path / str(len(c))) for c in (held, {})]
    one, two = (load_file(run.model / "ema.safetensors") for run in runs)
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert validations(runs[0].path) == []


def test_groups_are_held_out_whole_where_they_fit() -> None:
    groups = torch.tensor([0] * 900 + [1] * 50 + [2] * 50)
    split = Split(torch.zeros(1000, 2), None, groups=groups)
    held = held_for_validation(split, 0.1, seed=5)
    assert groups[held].unique().tolist() == [1, 2]
    one = Split(torch.zeros(1000, 2), None, groups=torch.zeros(1000, dtype=torch.int64))
    assert not held_for_validation(one, 0.1, seed=5).any()
    assert int(held_for_validation(replace(one, groups=None), 0.1, seed=5).sum()) == 100


def test_patience_without_anything_held_out_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(toy_config("gan-official", train__patience="2"), tmp_path / "run")
    assert "train.patience 2 has no effect" in caplog.text
