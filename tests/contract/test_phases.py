"""What depends on the time in training: whether a player moves, and how a teacher follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_resume import Killed, kill_at

from ambigan.data import Batches, open_dataset
from ambigan.engine.log_writers import read_lines
from ambigan.engine.train_state import TrainState
from ambigan.engine.trainer import Trainer
from ambigan.game import Batch
from ambigan.methods import METHODS
from ambigan.methods.byol import BYOL, rising_decay
from ambigan.presets import find_preset
from ambigan.testing import SPEC
from ambigan.training import make_method, resume, train
from games import toy_config


def test_a_latent_regressor_begins_when_its_gan_is_done() -> None:
    config = toy_config("latent_regressor-paper")
    dataset = open_dataset(config.data)
    method = make_method(config, dataset.spec).train()
    play = Trainer(TrainState(method, 0.0), Batches(dataset.train, 0), config.train)
    half = play.planned_images // 2
    moved: dict[str, set[bool]] = {player.name: set() for player in method.players}
    phases: list[dict[str, bool]] = []
    while play.state.images_seen < play.planned_images:
        before = {name: value.clone() for name, value in method.named_parameters()}
        seen = play.state.images_seen
        play.run_iteration()
        now = {
            player.name: any(
                not torch.equal(value, before[name])
                for name, value in method.player_parameters(player).items()
            )
            for player in method.players
        }
        phases.append(now)
        first = seen < half
        assert now == {"discriminator": first, "generator": first, "encoder": not first}
        for name, has in now.items():
            moved[name].add(has)
    assert all(values == {True, False} for values in moved.values())


def test_each_rate_falls_over_the_part_it_is_planned_for(tmp_path: Path) -> None:
    changes = {"train__epochs": "16", "train__log_every": "1", "train__diagnose_every": "1000"}
    config = toy_config("latent_regressor-paper", **changes)
    lines = read_lines(train(config, tmp_path / "run").stats_file)
    rates = {
        name: [line["learning_rate"][name] for line in lines] for name in ("generator", "encoder")
    }
    half = len(lines) // 2
    assert rates["generator"][0] == rates["encoder"][half] == 2e-4
    assert 2e-6 <= rates["generator"][half] < 2.3e-6
    assert 2e-6 <= rates["encoder"][-1] < 2.3e-6


def test_terms_are_averaged_over_the_turns_that_had_them(tmp_path: Path) -> None:
    """The line of the log that straddles the change of phase has both, each by its own count."""
    config = toy_config("latent_regressor-paper", train__log_every="1000")
    lines = read_lines(train(config, tmp_path / "run").stats_file)
    (line,) = [line for line in lines if "losses" in line]
    assert 0.3 < line["losses"]["encoder/regression"] < 0.75
    assert 0.3 < line["losses"]["discriminator/real"] < 1.5


@pytest.mark.parametrize("method", ["gan", "bigan"])
def test_d_moves_as_often_as_asked_for(method: str) -> None:
    """Its further turns are its own; the last one is with the others if all move together."""
    others = ("generator",) if method == "gan" else ("generator_encoder",)
    settings = find_preset(method, "official").settings
    made = {
        simultaneous: METHODS[method](
            replace(settings, simultaneous=simultaneous, discriminator_steps=3), SPEC
        ).turns
        for simultaneous in (True, False)
    }
    d = ("discriminator",)
    assert made == {True: (d, d, (*d, *others)), False: (d, d, d, others)}


def test_the_decay_rises_from_its_start_to_1() -> None:
    decays = [rising_decay(0.9, k / 4) for k in range(5)]
    assert decays == pytest.approx([0.9, 0.9146447, 0.95, 0.9853553, 1])


def test_progress_is_of_the_images_seen_before_and_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    follow = BYOL.after_iteration

    def remember(self: BYOL, batches: Sequence[Batch]) -> None:
        seen.extend(batch.progress for batch in batches)
        follow(self, batches)

    monkeypatch.setattr(BYOL, "after_iteration", remember)
    config = toy_config("byol-images", train__epochs="1")
    with pytest.raises(Killed):
        train(config, tmp_path, progress=kill_at(6))
    stopped = len(seen)
    resume(tmp_path)
    steps = 1500 // 100  # of digits' training examples
    assert seen[:stopped] == pytest.approx([k / steps for k in range(stopped)])
    assert seen[stopped:] == pytest.approx([k / steps for k in range(5, steps)])
