"""Invariant 5: a non-finite term stops the run, is named, and the last good checkpoint stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from ambigan.core.errors import NonFiniteError
from ambigan.core.randomness import Randomness
from ambigan.engine.checkpoint import list_checkpoints, load_newest
from ambigan.engine.diagnostics import collapse_warnings, diagnose, effective_rank
from ambigan.game import Batch
from ambigan.methods import METHODS
from ambigan.training import train
from games import toy_config, toy_method


def test_a_nan_is_named_and_the_good_checkpoint_stands(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toy_config(variant, train__log_every="2", train__checkpoint_every="2")
    method = METHODS[config.method]
    num_turns = len(toy_method(config).turns)
    healthy = max(5, 3 * num_turns)  # by then there is a checkpoint
    broken, calls, losses = [], [], method.losses

    def break_down(self, batch, players):
        calls.append(1)
        found = losses(self, batch, players)
        if len(calls) > healthy:
            terms = found[players[0]]
            term = next(iter(terms))
            broken.append((term, players[0]))
            terms[term] = terms[term] * float("nan")
        return found

    monkeypatch.setattr(method, "losses", break_down)
    with pytest.raises(NonFiniteError) as caught:
        train(config, tmp_path / "run")
    terms = "|".join(f"'{term}' of player '{player}'" for term, player in broken)
    named = f"{terms}|the (parameter|term) .* stopped"
    assert re.search(named, str(caught.value))
    assert str(tmp_path / "run" / "checkpoints") in str(caught.value)
    remedy = "what else is far" if config.train.precision != "bf16" else "train.precision fp32"
    assert remedy in str(caught.value)
    newest = list_checkpoints(tmp_path / "run" / "checkpoints")[-1]
    state = load_newest(newest.parent)
    assert all(v.isfinite().all() for v in state["method"].values())
    assert len(calls) <= healthy + 2 * config.train.log_every * num_turns


def test_collapse_is_seen() -> None:
    healthy = {"feature_spread": 0.5, "feature_rank": 20.0, "sample_spread": 0.9, "saturation": 0.1}
    assert collapse_warnings(healthy) == []
    for name, value, words in [
        ("sample_spread", 0.01, "samples hardly differ"),
        ("feature_spread", 1e-5, "features hardly differ"),
        ("feature_rank", 1.0, "effective rank"),
        ("saturation", 1.0, "saturated"),
        ("reconstruction_ratio", 0.997, "1.00 of the distance"),
    ]:
        (found,) = collapse_warnings(healthy | {name: value})
        assert words in found


def test_each_score_of_bigbigan_is_watched() -> None:
    method = toy_method(toy_config("bigbigan-small"))
    noise = Randomness(1)
    x, z = noise.uniform(12, 1, 8, 8) * 2 - 1, method.prior.sample(12, noise)
    with torch.no_grad():
        method.discriminator.output.z.bias += 9  # beyond the margin for data, never for samples
        seen = diagnose(method, Batch(x, z, Randomness(2)))
    each = [seen[f"saturation_{name}"] for name in ("x", "z", "xz")]
    assert each[1] == 0.5
    assert seen["saturation"] == pytest.approx(sum(each) / 3)
    assert seen["encoder_noise"] > 0
    alone = diagnose(toy_method(toy_config("bigbigan-ablated")), Batch(x, z, Randomness(2)))
    assert "saturation_xz" in alone
    assert not {"saturation_x", "saturation_z", "encoder_noise"} & alone.keys()


def test_effective_rank_counts_equal_directions() -> None:
    corners = torch.cat([torch.eye(5), -torch.eye(5)])
    assert effective_rank(corners).item() == pytest.approx(5)
    assert effective_rank(torch.linspace(0, 1, 9)[:, None] * torch.ones(1, 4)).item() == (
        pytest.approx(1)
    )
