"""Invariant 3: two processes equal one with the same global batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from two_ranks import Pair, begin, play_exactly

from ambigan.engine.log_writers import read_lines
from ambigan.training import resume, train
from games import VARIANTS, toy_config

WHOLE_RUNS = (
    "bigan-official",
    "latent_regressor-after",
    "bigbigan-attention",
)
SLOW_WHOLE_RUNS = (
    "bigan-alternating",
    "bigan-gaussian",
    "gan-paper",
    "latent_regressor-joint",
    "autoencoder-l1",
    "autoencoder-regularised",
    "bigan-regularised",
    "gan-dcgan",
    "gan-spectral",
    "bigan-imagenet_official",
    "bigan-imagenet_112_official",
    "autoencoder-imagenet_official",
    "bigbigan-small",
)


@pytest.mark.parametrize(
    "name", [*WHOLE_RUNS, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_WHOLE_RUNS)]
)
def test_two_ranks_equal_one(name: str, pair: Pair, tmp_path: Path) -> None:
    """Few, since in float64 every variant is compared more exactly below."""
    assert name in VARIANTS
    changes = {"train__epochs": "1"} | calm(name)
    train(toy_config(name, **changes), tmp_path / "one")
    pair.train(name, tmp_path / "two", **changes)
    compare(name, tmp_path / "one", tmp_path / "two")


def calm(name: str) -> dict[str, str]:
    """Small steps for BigBiGAN, whose deep networks at toy size make much of any rounding."""
    if not name.startswith("bigbigan"):
        return {}
    rates = {"settings__encoder_rate_multiplier": "1"}
    for player in ("discriminator", "generator"):
        rates[f"settings__{player}_optimizer__learning_rate"] = "1e-4"
        rates[f"settings__{player}_optimizer__epsilon"] = "0.01"
    return rates


def compare(name: str, *runs: Path) -> None:
    """Two whole runs, up to rounding: log, weights, averaged weights, statistics."""
    most = 2e-4 if name.startswith("bigbigan") else 1e-5
    for one, two in zip(*[read_lines(run / "stats.jsonl") for run in runs], strict=True):
        theirs = two.get("losses", {})
        assert one.get("losses", {}) == pytest.approx(theirs, abs=most, rel=most)
    for kind in ("raw", "ema"):
        one, two = (load_file(run / "model" / f"{kind}.safetensors") for run in runs)
        assert one.keys() == two.keys()
        for tensor in one:
            torch.testing.assert_close(one[tensor], two[tensor], atol=most, rtol=most, msg=tensor)


def test_two_ranks_equal_one_exactly(variant: str, pair: Pair, tmp_path: Path) -> None:
    """In float64 every number of the state, banks and teachers too, agrees to rounding."""
    play_exactly(toy_config(variant), tmp_path / "one")
    pair.play_exactly(variant, tmp_path / "two")
    one, two = (torch.load(tmp_path / name, weights_only=True) for name in ("one", "two"))
    for kind in ("raw", "ema"):
        assert one[kind].keys() == two[kind].keys()
        for name, value in one[kind].items():
            torch.testing.assert_close(value, two[kind][name], atol=1e-9, rtol=1e-9, msg=name)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("bigan-official", 1),
        ("bigbigan-attention", 2),
        pytest.param("bigan-official", 2, marks=pytest.mark.slow),
        pytest.param("bigbigan-attention", 1, marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_with_another_number_of_ranks(
    name: str, first: int, pair: Pair, tmp_path: Path
) -> None:
    """It stopped amid a line of the log, which is then begun by some and ended by others."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    changes = {"train__epochs": "1"} | calm(name)
    train(toy_config(name, **changes), whole)
    if first == 1:
        begin(toy_config(name, **changes), run)
        pair.resume(run)
    else:
        pair.begin(name, run, **changes)
        resume(run)
    compare(name, whole, run)
