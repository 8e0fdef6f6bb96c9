"""Invariant 3: two processes equal one with the same global batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from two_ranks import Pair, play_exactly

from ambigan.engine.sinks import read_lines
from ambigan.training import train
from games import VARIANTS, toy_config


@pytest.mark.parametrize(
    "name",
    [
        "bigan-official",
        "bigan-alternating",
        "bigan-gaussian",
        "gan-paper",
        "latent_regressor-joint",
        "latent_regressor-after",
        "autoencoder-l1",
        "bigan-regularised",
        "gan-dcgan",
        "gan-spectral",
        "bigan-imagenet",
        "bigan-imagenet_112",
        "autoencoder-imagenet",
    ],
)
def test_two_ranks_equal_one(name: str, pair: Pair, tmp_path: Path) -> None:
    assert name in VARIANTS
    train(toy_config(name, train__epochs="1"), tmp_path / "one")
    pair.train(name, tmp_path / "two", train__epochs="1")
    logs = [read_lines(tmp_path / name / "stats.jsonl") for name in ("one", "two")]
    for one, two in zip(*logs, strict=True):
        assert one["losses"] == pytest.approx(two["losses"], abs=1e-5, rel=1e-5)
    for kind in ("raw", "ema"):
        one, two = (
            load_file(tmp_path / n / "model" / f"{kind}.safetensors") for n in ("one", "two")
        )
        assert one.keys() == two.keys()
        for tensor in one:
            torch.testing.assert_close(one[tensor], two[tensor], atol=1e-5, rtol=1e-5, msg=tensor)


def test_two_ranks_equal_one_exactly(variant: str, pair: Pair, tmp_path: Path) -> None:
    """In float64 every number of the state, banks and teachers too, agrees to rounding."""
    play_exactly(toy_config(variant), tmp_path / "one")
    pair.play_exactly(variant, tmp_path / "two")
    one, two = (torch.load(tmp_path / name, weights_only=True) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], atol=1e-9, rtol=1e-9, msg=name)
