"""A recorded turn replayed equals the turn itself: on the CPU all but the recording is checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ambigan.core.randomness import Randomness
from ambigan.data import Batches, open_dataset
from ambigan.engine.graph_capture import TURNS_BEFORE_CAPTURE, TurnGraph
from ambigan.engine.train_state import TrainState
from ambigan.engine.trainer import Trainer
from ambigan.game import Batch
from ambigan.methods.bigbigan import BigBiGAN
from ambigan.training import make_method, resume, train
from games import toy_config

REPLAYS = 3


class Rehearsal:
    """Stands for a graph: everything that a replay may change lies in tensors of fixed place."""

    recorded = 0

    def __init__(self, turn: Callable[..., Batch], num_rows: int, device: torch.device) -> None:
        Rehearsal.recorded += 1
        self.turn, self.rows = turn, torch.zeros(num_rows, dtype=torch.int64, device=device)
        self.noise = Randomness(device=device)

    def replay(self, rows: Tensor, noise: Randomness) -> Batch:
        self.rows.copy_(rows)
        self.noise.generator.manual_seed(noise.generator.initial_seed())
        return self.turn(self.rows, self.noise)


def play(name: str, recorder: type | None, device: str = "cpu") -> tuple[TrainState, Trainer]:
    config = toy_config(name)
    dataset = open_dataset(config.data)
    method = make_method(config, dataset.spec).to(device).train()
    state = TrainState(method, 0.9)
    game = Trainer(state, Batches(dataset.train, 0, device), config.train, recorder)
    for _ in range(TURNS_BEFORE_CAPTURE + REPLAYS):
        game.run_iteration()
    return state, game


def same(one: TrainState, two: TrainState) -> None:
    left, right = one.state_dict(), two.state_dict()
    assert one.meters.counts == two.meters.counts
    for part in ("method", "ema"):
        for name, value in left[part].items():
            assert torch.equal(value, right[part][name]), f"{part}: {name}"
    for name, value in one.meters.means().items():
        assert torch.equal(value, two.meters.means()[name]), name


def test_replays_equal_turns(variant: str) -> None:
    Rehearsal.recorded = 0
    same(play(variant, None)[0], play(variant, Rehearsal)[0])
    assert Rehearsal.recorded >= 1


class Still(Rehearsal):
    """As a graph does, it writes each batch over the one before."""

    batch: Batch | None = None

    def replay(self, rows: Tensor, noise: Randomness) -> Batch:
        made = super().replay(rows, noise)
        if self.batch is None:
            self.batch = made.copy()
        self.batch.x.copy_(made.x)
        self.batch.z.copy_(made.z)
        return self.batch


def test_batches_of_a_repeated_turn_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """D of BigBiGAN moves twice in an iteration."""
    seen: dict[type | None, list[Tensor]] = {}
    for recorder in (None, Still):
        found = seen.setdefault(recorder, [])

        def remember(_method: object, batches: Sequence[Batch], to: list[Tensor] = found) -> None:
            to.append(torch.stack([batch.x.sum() for batch in batches]))

        monkeypatch.setattr(BigBiGAN, "after_iteration", remember)
        play("bigbigan-ablated", recorder)
    assert torch.equal(torch.stack(seen[None]), torch.stack(seen[Still]))


@pytest.mark.gpu
def test_graphs_equal_turns(variant: str) -> None:
    same(play(variant, None, "cuda")[0], play(variant, TurnGraph, "cuda")[0])


@pytest.mark.gpu
def test_a_run_with_graphs_resumes_exactly(variant: str, tmp_path: Path) -> None:
    from test_resume import Killed, contents, kill_at

    config = toy_config(variant)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, device="cuda"))
    train(config, tmp_path / "whole")
    with pytest.raises(Killed):
        train(config, tmp_path / "killed", progress=kill_at(13))
    resume(tmp_path / "killed")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
