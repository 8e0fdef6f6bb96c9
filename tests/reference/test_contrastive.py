"""SimCLR's loss against a transcription in NumPy, and what its views keep and change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.core.randomness import Randomness
from ambigan.objectives.contrastive import ContrastiveViewSettings, make_contrast, make_views, view

SPEC = DataSpec("images", (3, 12, 10), bounded=True)
WHOLE = ContrastiveViewSettings(min_scale=1, flip=False, jitter=0, grayscale=0)


def images(num: int = 6) -> Tensor:
    """As stored ones are: whole steps of 1/255."""
    return Randomness(0).uniform(num, *SPEC.shape).mul(255).round().div(127.5).sub(1)


def views(settings: ContrastiveViewSettings, noise: Randomness, x: Tensor | None = None) -> Tensor:
    return view(images() if x is None else x, make_views(settings, SPEC), noise)


def test_contrast_equals_its_definition() -> None:
    first, second = (Randomness(seed).normal(5, 3).double() for seed in (0, 1))
    rows = np.concatenate([first.numpy(), second.numpy()])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    similar = np.exp(rows @ rows.T / 0.5)
    np.fill_diagonal(similar, 0)
    pairs = similar[np.arange(10), (np.arange(10) + 5) % 10]
    expected = -np.log(pairs / similar.sum(1)).mean()
    assert make_contrast(0.5)(first, second).item() == pytest.approx(expected, abs=1e-12)


def test_whole_views_are_the_images() -> None:
    torch.testing.assert_close(views(WHOLE, Randomness(0)), images(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        ContrastiveViewSettings(),
        ContrastiveViewSettings(min_scale=1, flip=True, jitter=0, grayscale=0),
        ContrastiveViewSettings(min_scale=0.5, flip=False, jitter=0, grayscale=0),
    ],
    ids=["all", "flip", "crop"],
)
def test_views_are_told_by_their_key(settings: ContrastiveViewSettings) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same = (views(settings, Randomness(3)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert not torch.equal(one, views(settings, Randomness(4)))
    assert one.shape == images().shape
    assert -1 <= one.min() <= one.max() <= 1


def test_flips_mirror_some_images_and_change_no_other() -> None:
    x = images(40)
    seen = views(ContrastiveViewSettings(min_scale=1, jitter=0, grayscale=0), Randomness(0), x)
    mirrored = ((seen - x.flip(-1)).abs().amax((1, 2, 3)) < 1e-6).sum().item()
    kept = ((seen - x).abs().amax((1, 2, 3)) < 1e-6).sum().item()
    assert mirrored + kept == 40
    assert 8 < mirrored < 32


def test_ranks_together_see_what_one_sees() -> None:
    x = images()
    whole = views(ContrastiveViewSettings(), Randomness(1), x)
    halves = [
        views(
            ContrastiveViewSettings(),
            Randomness(1, rank=rank, world_size=2),
            x[3 * rank : 3 * rank + 3],
        )
        for rank in (0, 1)
    ]
    assert torch.equal(torch.cat(halves), whole)


def test_grey_images_stay_grey() -> None:
    spec = DataSpec("images", (1, 12, 10), bounded=True)
    assert (
        view(images()[:, :1], make_views(ContrastiveViewSettings(), spec), Randomness(0)).shape[1]
        == 1
    )


def test_views_of_vectors_are_refused() -> None:
    with pytest.raises(ConfigError, match="these are vectors of 7"):
        make_views(ContrastiveViewSettings(), DataSpec("vectors", (7,), bounded=False))


def test_a_view_is_no_larger_than_its_image() -> None:
    with pytest.raises(ConfigError, match="min_scale is 2"):
        make_views(ContrastiveViewSettings(min_scale=2), SPEC)
