"""The transcription that SAO's step is timed against plays the same game."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

import structural_terms
from ambigan.core.precision import usable_precisions
from ambigan.engine.config import RunConfig
from ambigan.networks.residual import ResidualSettings
from ambigan.presets import find_preset


def narrow(**changes: Any) -> RunConfig:
    config = find_preset("structural", "images")
    network = ResidualSettings(width=8, depth=1, group_size=4, generator_width=8)
    settings = replace(config.settings, network=network, bank_size=64, **changes)
    return replace(config, settings=settings)


def test_the_transcription_has_our_losses() -> None:
    structural_terms.check_transcription(narrow(), torch.device("cpu"))


def test_its_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    right = structural_terms.transcribed_losses

    def wrong(*arguments: Any) -> Any:
        return {name: 1.01 * value for name, value in right(*arguments).items()}

    monkeypatch.setattr(structural_terms, "transcribed_losses", wrong)
    with pytest.raises(AssertionError):
        structural_terms.check_transcription(narrow(), torch.device("cpu"))


def test_a_step_of_each_kind_is_made() -> None:
    config, device = narrow(), torch.device("cpu")
    batch = structural_terms.make_batch(config, 8, device)
    precision = usable_precisions(device)[-1]
    for step in (
        structural_terms.ours(config, batch, precision),
        structural_terms.transcribed(config, batch, precision),
    ):
        losses = step()
        terms = losses.get("discriminator", losses)
        assert all(torch.isfinite(term) for term in terms.values())
