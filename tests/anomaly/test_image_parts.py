"""Anomalies among images: a spot is found, and where it is."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from ambigan import AnomalyDetector
from ambigan.anomaly import image_parts, simulated_defects


def stripes(num: int, seed: int) -> np.ndarray:
    """Striped images with noise, uint8 `(num, 24, 24)`."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, (num, 1, 1))
    levels = 140 + 40 * np.sin(np.arange(24) / 2 + phase) + rng.normal(0, 6, (num, 24, 24))
    return levels.clip(0, 255).astype(np.uint8)


def with_spots(images: np.ndarray) -> np.ndarray:
    """The images with a dark spot in the same place."""
    spotted = images.copy()
    spotted[:, 6:11, 12:17] //= 3
    return spotted


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            image_parts,
            "train_defect_network",
            lambda images, seed: simulated_defects.train_defect_network(images, seed, steps=60),
        )
        return AnomalyDetector(random_state=0, epochs=2, device="cpu").fit(stripes(64, 0))


def test_a_dark_spot_is_found_and_shown(detector: AnomalyDetector) -> None:
    clean = stripes(24, 1)
    found = detector.explain(np.concatenate([clean, with_spots(clean)]))
    assert set(found.parts) == {"defects", "features", "reconstruction"}
    assert roc_auc_score([0] * 24 + [1] * 24, found.scores) > 0.9
    assert found.maps is not None
    assert found.maps.shape == (48, 24, 24)
    assert found.maps.dtype == np.float32
    inside = np.zeros((24, 24), bool)
    inside[6:11, 12:17] = True
    spotted = found.maps[24:]
    assert roc_auc_score(np.tile(inside, (24, 1, 1)).ravel(), spotted.ravel()) > 0.9


def test_a_detector_of_images_is_pickled(detector: AnomalyDetector) -> None:
    images = stripes(4, 2)
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(again.score_samples(images), detector.score_samples(images))


def test_windows_cover_images_and_are_averaged() -> None:
    places = image_parts._places((40, 24), (16, 24))
    covered = np.zeros((40, 24), int)
    for top, left in places:
        covered[top : top + 16, left : left + 24] += 1
    assert covered.min() >= 1
    joined = image_parts._joined(
        torch.ones(2 * len(places), 16, 24), (2, len(places)), (40, 24), (16, 24)
    )
    np.testing.assert_allclose(joined, 1)


def test_defects_are_where_the_mask_says() -> None:
    images = torch.full((8, 1, 32, 32), 0.5)
    changed, where = simulated_defects.add_defects(images, images, torch.Generator().manual_seed(3))
    assert where.amax() == 1
    far = torch.nn.functional.max_pool2d(where, 15, 1, 7) == 0
    torch.testing.assert_close(changed[far], images[far], atol=0.1, rtol=0)
