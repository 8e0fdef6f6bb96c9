"""A run forgets what it is asked to, and nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from spot_game import SPOT, spot_data, spot_run

from ambigan.analysis import FeatureRemovalSettings, remove_boxed_feature, remove_labelled_feature
from ambigan.analysis.boxes import Box
from ambigan.analysis.feature_removal import _Removal
from ambigan.core.errors import ConfigError

FEW = FeatureRemovalSettings(num_samples=300, num_labelled=100, num_random=4)
SHEET = 20


def with_spot(latents: np.ndarray) -> np.ndarray:
    return np.flatnonzero(latents[:, 0] > 0)


def test_a_box_finds_exactly_the_map_that_paints_there(tmp_path: Path) -> None:
    run = spot_run(tmp_path)
    first = int(with_spot(run.latents(SHEET))[0])
    found = remove_boxed_feature(run, [Box(first, 4, 2, 2, 2)], SHEET, 8, FEW)
    assert found.layer == "generator.maps"
    assert found.dropped.tolist() == [SPOT]
    assert found.weights[0] == found.weights[2] == 0 > found.weights[1]
    assert found.measured["change_inside"] == pytest.approx(1.5, abs=1e-5)
    assert found.measured["change_outside"] == 0
    assert found.boxes == (Box(0, 4, 2, 2, 2),)
    assert [len(images) for images in found.shown.values()] == [8, 8, 8]
    whole, without = found.shown["as generated"], found.shown["without these maps"]
    assert whole[:, 0, 2, 4].max() > 0.5 > without[:, 0, 2, 4].max()
    rest = np.ones((8, 8), bool)
    rest[2:4, 4:6] = False
    assert np.array_equal(whole[..., rest], without[..., rest])


def test_something_must_be_left_to_draw_with(tmp_path: Path) -> None:
    run = spot_run(tmp_path)
    with pytest.raises(ConfigError, match=r"all 3 maps .* speak for this feature, .* --most 1"):
        _Removal(run, "generator.maps", torch.ones(3), FEW)
    some = dataclasses.replace(FEW, most=2)
    assert len(_Removal(run, "generator.maps", torch.ones(3), some).dropped) == 2


def test_boxed_samples_come_first_then_others(tmp_path: Path) -> None:
    run = spot_run(tmp_path)
    chosen = with_spot(run.latents(SHEET))[[2, 0]]
    boxes = [Box(int(number), 4, 2, 2, 2) for number in chosen]
    found = remove_boxed_feature(run, boxes, SHEET, 5, FEW)
    samples = run.sample(SHEET)
    assert found.num_marked == 2
    assert np.allclose(found.shown["as generated"][:2], samples[chosen])


def test_a_label_is_forgotten_and_not_by_random_maps(tmp_path: Path) -> None:
    settings = dataclasses.replace(FEW, most=1)
    found = remove_labelled_feature(spot_run(tmp_path), spot_data(), 1, 10, settings)
    assert found.dropped.tolist() == [SPOT]
    assert found.measured["probe_accuracy"] == 100
    assert 40 < found.measured["share"] < 60
    assert found.measured["share_without"] == 0
    kept = [share for share in found.measured["shares_without_random"] if share > 40]
    assert kept, "one of four maps paints the spot: most draws leave it"
    assert found.num_marked == 5
    assert (found.shown["as generated"][:5, 0, 2, 4] > 0.5).all()
    assert (found.shown["as generated"][5:, 0, 2, 4] < 0).all()


def test_it_is_a_function_of_the_seed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = remove_labelled_feature(spot_run(tmp_path), spot_data(), 1, 4, FEW)
    torch.manual_seed(1)
    again = remove_labelled_feature(spot_run(tmp_path), spot_data(), 1, 4, FEW)
    assert first.measured == again.measured
    assert np.array_equal(first.weights, again.weights)


def test_what_cannot_be_forgotten_is_told(tmp_path: Path, finished_run: Path) -> None:
    import ambigan

    run = spot_run(tmp_path)
    unknown = dataclasses.replace(FEW, layer="conv9")
    with pytest.raises(ConfigError, match="the generator's layers with maps: maps"):
        remove_boxed_feature(run, [Box(0, 0, 0, 1, 1)], SHEET, 4, unknown)
    with pytest.raises(ConfigError, match="there is no sample 99"):
        remove_boxed_feature(run, [Box(99, 0, 0, 1, 1)], SHEET, 4, FEW)
    data = spot_data()
    blind = dataclasses.replace(data, train=dataclasses.replace(data.train, labels=None))
    with pytest.raises(ConfigError, match="spots has no labels"):
        remove_labelled_feature(run, blind, 1, 4, FEW)
    with pytest.raises(ConfigError, match="maps of a convolutional generator"):
        remove_boxed_feature(ambigan.load(finished_run), [Box(0, 0, 0, 1, 1)], SHEET, 4, FEW)
