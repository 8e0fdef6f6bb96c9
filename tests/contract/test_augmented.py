"""The invariants of resuming and of ranks, with images that training crops, scales and mirrors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from test_resume import Killed, contents, kill_at
from two_ranks import Pair

from ambigan.core.settings import override
from ambigan.data import DataSettings, find_image_source, prepare_images
from ambigan.engine.config import RunConfig
from ambigan.training import resume, train
from games import toy_config


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packed pictures of 12x10."""
    root, draw = tmp_path_factory.mktemp("augmented"), np.random.default_rng(0)
    (root / "in").mkdir()
    for number in range(120):
        pixels = draw.integers(0, 256, (12, 10), np.uint8)
        Image.fromarray(pixels).save(root / "in" / f"{number:03}.png")
    settings = DataSettings(f"folder:{root / 'in'}")
    prepare_images(settings, find_image_source(settings), root / "out")
    return root / "out"


def config_of(packed: Path, **changes: str) -> RunConfig:
    settings = {
        "data.source": f"packed:{packed}",
        "data.crop": "8,8",
        "data.flip": "true",
        "train.batch_size": "20",
        "train.epochs": "4",
    } | {f"data.{name}": value for name, value in changes.items()}
    return override(toy_config("bigan-official"), settings)


@pytest.mark.parametrize("short_side", ["none", "9,11"])
def test_killed_and_resumed_equals_undisturbed(
    packed: Path, tmp_path: Path, short_side: str
) -> None:
    config = config_of(packed, short_side=short_side)
    train(config, tmp_path / "whole")
    for at in (1, 8, 13):
        out = tmp_path / f"killed{at}"
        with pytest.raises(Killed):
            train(config, out, progress=kill_at(at))
        resume(out)
        assert contents(out) == contents(tmp_path / "whole")


def test_augmentation_changes_what_is_learned(packed: Path, tmp_path: Path) -> None:
    weights = set[bytes]()
    for name, flip, short_side in (
        ("a", "true", "none"),
        ("b", "false", "none"),
        ("c", "false", "9,11"),
    ):
        config = config_of(packed, flip=flip, short_side=short_side)
        run = train(config, tmp_path / name)
        weights.add((run.model / "raw.safetensors").read_bytes())
    assert len(weights) == 3


def test_two_processes_equal_one(pair: Pair, tmp_path: Path) -> None:
    """As in `test_ranks`; that crops and flips are equal bit for bit is tested beside `augment`."""
    changes = {"data__crop": "7,7", "data__flip": "true", "train__epochs": "1"}
    train(toy_config("bigan-official", **changes), tmp_path / "one")
    pair.train("bigan-official", tmp_path / "two", **changes)
    one, two = (load_file(tmp_path / n / "model" / "raw.safetensors") for n in ("one", "two"))
    for tensor in one:
        torch.testing.assert_close(one[tensor], two[tensor], atol=1e-5, rtol=1e-5, msg=tensor)
