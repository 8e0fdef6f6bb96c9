"""Where a model is no better than its baseline than its data is said at the end of a training."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from sklearn.datasets import load_digits

import ambigan
from ambigan.data import open_dataset
from ambigan.data.memory import examples_in_memory
from ambigan.shortfalls import find_shortfalls
from ambigan.training import untrained

DIGITS = load_digits()


def test_a_model_that_learned_nothing_is_no_better(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "ambigan"):
        run = ambigan.fit(
            "bigan", DIGITS.images[:500], y=DIGITS.target[:500], preset="small", epochs=1
        )
    said = [text for text in caplog.messages if "no better than its baseline" in text]
    assert len(said) == 1
    data = run.config.data
    dataset = open_dataset(data, examples=examples_in_memory(DIGITS.images, DIGITS.target, data))
    found = find_shortfalls(untrained(run, dataset), dataset)
    assert "reconstructed no better than by the training mean" in found[0]


def test_nothing_is_said_of_a_model_that_brings_more(caplog: pytest.LogCaptureFixture) -> None:
    """Eight columns that are noisy copies of two: an autoencoder explains them by two latents."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 8)) + 0.1 * rng.normal(size=(400, 8))
    with caplog.at_level(logging.WARNING, "ambigan"):
        ambigan.fit("autoencoder", x, preset="small", epochs=40, latent_dim=2)
    assert not any("no better than its baseline" in text for text in caplog.messages)
