"""The transcription that SAO's step is timed against plays the same game."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ambigan.core.precision import usable_precisions
from ambigan.engine.config import RunConfig
from ambigan.networks.residual import ResidualSettings
from ambigan.presets import find_preset

PATH = Path(__file__).parents[2] / "benchmarks" / "structural_terms.py"


@pytest.fixture(scope="module")
def benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("structural_terms", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def narrow(**changes: Any) -> RunConfig:
    config = find_preset("structural", "images")
    network = ResidualSettings(width=8, depth=1, group_size=4, generator_width=8)
    settings = replace(config.settings, network=network, bank_size=64, **changes)
    return replace(config, settings=settings)


def test_the_transcription_has_our_losses(benchmark: Any) -> None:
    benchmark.check_transcription(narrow(), torch.device("cpu"))


def test_its_check_can_fail(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    right = benchmark.transcribed_losses

    def wrong(*arguments: Any) -> Any:
        return {name: 1.01 * value for name, value in right(*arguments).items()}

    monkeypatch.setattr(benchmark, "transcribed_losses", wrong)
    with pytest.raises(AssertionError):
        benchmark.check_transcription(narrow(), torch.device("cpu"))


def test_a_step_of_each_kind_is_made(benchmark: Any) -> None:
    config, device = narrow(), torch.device("cpu")
    batch = benchmark.make_batch(config, 8, device)
    precision = usable_precisions(device)[-1]
    for step in (
        benchmark.ours(config, batch, precision),
        benchmark.transcribed(config, batch, precision),
    ):
        losses = step()
        terms = losses.get("discriminator", losses)
        assert all(torch.isfinite(term) for term in terms.values())
