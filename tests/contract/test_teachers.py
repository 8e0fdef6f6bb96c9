"""A teacher that slows down: its decay is a function of images seen, and so resumes exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from test_resume import Killed, kill_at

from ambigan.game import Batch
from ambigan.methods.byol import BYOL, rising_decay
from ambigan.training import resume, train
from games import toy_config

IMAGES = 1500
"""Training examples of digits."""


def test_the_decay_rises_from_its_start_to_1() -> None:
    decays = [rising_decay(0.9, k / 4) for k in range(5)]
    assert decays == pytest.approx([0.9, 0.9146447, 0.95, 0.9853553, 1])


def test_progress_is_of_the_images_seen_before_and_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    follow = BYOL.after_iteration

    def remember(self: BYOL, batches: Sequence[Batch]) -> None:
        seen.extend(batch.progress for batch in batches)
        follow(self, batches)

    monkeypatch.setattr(BYOL, "after_iteration", remember)
    config = toy_config("byol-images", train__epochs="1")
    with pytest.raises(Killed):
        train(config, tmp_path, progress=kill_at(6))
    stopped = len(seen)
    resume(tmp_path)
    steps = IMAGES // 100
    assert seen[:stopped] == pytest.approx([k / steps for k in range(stopped)])
    assert seen[stopped:] == pytest.approx([k / steps for k in range(5, steps)])
