"""Sums of latents are sums of latents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ambigan
from ambigan.analysis import Term, add_latents, draw_exemplars
from ambigan.core.errors import ConfigError
from ambigan.data import open_dataset

TERMS = [Term(1, (3, 7, 12)), Term(-1, (4, 9)), Term(1, (2,))]


def test_averages_are_added_with_their_signs(conv_run: Path) -> None:
    run = ambigan.load(conv_run)
    chosen = draw_exemplars(run, 16, 5)
    assert np.array_equal(chosen.latents, run.latents(16, 5))
    sums = add_latents(run, chosen, TERMS, seed=0)
    z, x = run.latents(16, 5), run.sample(16, 5)
    latent = z[[3, 7, 12]].mean(0) - z[[4, 9]].mean(0) + z[2]
    np.testing.assert_allclose(sums.latent, latent, atol=1e-6)
    np.testing.assert_allclose(sums.result[0], run.decode(latent[None])[0], atol=1e-4)
    pixels = x[[3, 7, 12]].mean(0) - x[[4, 9]].mean(0) + x[2]
    np.testing.assert_allclose(sums.pixel_result, pixels.clip(-1, 1), atol=1e-5)
    np.testing.assert_allclose(sums.means[1], run.decode(z[[4, 9]].mean(0)[None])[0], atol=1e-4)
    assert [len(shown) for shown in sums.exemplars] == [3, 2, 1]
    assert sums.result.shape == (9, 1, 8, 8)


def test_neighbours_lie_within_a_quarter(conv_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ambigan.load(conv_run)
    chosen, decoded = draw_exemplars(run, 16, 0), []
    decode = run.decode
    monkeypatch.setattr(run, "decode", lambda z: decoded.append(np.asarray(z)) or decode(z))
    sums = add_latents(run, chosen, TERMS, seed=0)
    around = decoded[-1][1:] - sums.latent
    assert around.shape[0] == 8
    assert 0.15 < np.abs(around).max() <= 0.25
    other = add_latents(run, chosen, TERMS, seed=1)
    assert not np.array_equal(other.result[1:], sums.result[1:])
    assert np.array_equal(other.latent, sums.latent)


def test_data_are_encoded(conv_run: Path) -> None:
    run = ambigan.load(conv_run)
    dataset = open_dataset(run.config.data)
    chosen = draw_exemplars(run, 6, 0, dataset)
    np.testing.assert_allclose(
        chosen.images * 127.5 + 127.5, dataset.test.values[:6].numpy(), atol=1e-3
    )
    assert chosen.latents.shape == (6, 4)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ([], "nothing to add up"),
        ([Term(1, ())], "without numbers"),
        ([Term(1, (1, 16))], "no example 16; they go from 0 to 15"),
    ],
)
def test_wrong_terms_are_refused(conv_run: Path, terms: list[Term], message: str) -> None:
    run = ambigan.load(conv_run)
    with pytest.raises(ConfigError, match=message):
        add_latents(run, draw_exemplars(run, 16, 0), terms, 0)
