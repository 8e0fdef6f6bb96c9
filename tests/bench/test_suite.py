"""The benchmark counts what it says, and its textbook plays the game that we play."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ambigan.bench import counts, suite, textbook
from ambigan.cli import main
from ambigan.core.spec import DataSpec
from ambigan.presets import find_preset
from ambigan.training import make_method

IMAGES = torch.zeros(200, 1, 28, 28, dtype=torch.uint8)


def products_of(work: Any) -> int:
    work()
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "NUM_EXAMPLES", 200)
    monkeypatch.setattr(suite, "SIZE", 64)
    monkeypatch.setattr(suite, "COPIED", 1 << 16)


def test_our_step_has_the_products_that_are_counted() -> None:
    counted = products_of(suite._play(IMAGES, "fp32", average=False))
    assert counted == pytest.approx(counts.step_flops(), rel=1e-3)


def test_the_textbook_runs_and_throws_away_more() -> None:
    ours = products_of(suite._play(IMAGES, "fp32", average=False))
    assert 1.3 < products_of(textbook.textbook_step(IMAGES)) / ours < 1.6
    assert 1.1 < products_of(textbook.textbook_step(IMAGES, share_forward=True)) / ours < 1.4


def test_both_have_the_same_weights() -> None:
    config = find_preset("bigan", "official")
    method = make_method(config, DataSpec("images", (1, 28, 28), bounded=True))
    theirs = (textbook.Discriminator(), textbook.Generator(), textbook.Encoder())
    for network, other in zip(
        (method.discriminator, method.generator, method.encoder), theirs, strict=True
    ):
        shapes = [sorted(tuple(p.shape) for p in n.parameters()) for n in (network, other)]
        assert shapes[0] == shapes[1]
    assert sum(p.numel() for p in method.parameters()) == counts.NUM_WEIGHTS


def test_the_record_sets_all_beside_the_textbook(quick: None, tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    assert (
        main(["bench", "--device", "cpu", "--repeats", "1", "--steps", "1", "--out", str(out)]) == 0
    )
    found = json.loads(out.read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert rows[suite.TEXTBOOK]["speedup"] == 1
    for name in ("ours, fp32", "ours, bf16", "ours with average (EMA), bf16"):
        assert rows[name]["milliseconds"] > 0
        assert rows[name]["product_fraction"] > 0
    assert found["hardware"]["cores"] >= 1
    for shares in found["profile"].values():
        assert sum(shares.values()) == pytest.approx(1, abs=0.01)
        assert shares["matrix products"] > 0.1
    assert found["copy_gbytes_per_second"] > 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [(["--steps", "0"], "1 or more"), (["--out", "x.txt"], "must end in .json")],
)
def test_wrong_flags_are_named(
    flags: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *flags]) == 2
    assert words in capsys.readouterr().err
