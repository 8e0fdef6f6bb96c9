"""The benchmark counts what it says, and its textbook plays the game that we play."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ambigan.core.precision import usable_precisions
from ambigan.training import make_method
from step import suite, textbook_bigan, textbook_bigbigan, textbook_dcgan
from step.__main__ import main
from step.configs import CONFIGS, LARGE, WIDTHS, StepConfig, find_config
from step.matmul import count_flops
from step.textbook_bigbigan import Sizes

CPU = torch.device("cpu")
WIDTH = 8
SMALL = Sizes(width=4, stem=8, mlp=32, batch=16, latent=20)
BIGAN = find_config("bigan", CPU)
with pytest.MonkeyPatch.context() as narrow:
    narrow.setitem(WIDTHS, "cpu", WIDTH)
    narrow.setitem(LARGE, "cpu", SMALL)
    DCGAN = find_config("dcgan", CPU)
    BIGBIGAN = find_config("bigbigan", CPU)
AVERAGED = " with average (EMA)"


def images_of(game: StepConfig) -> torch.Tensor:
    return torch.zeros(200, *game.shape, dtype=torch.uint8)


def bigan_flops() -> float:
    """Counted by hand. Forward of E, G and twice D; for D's loss the weight gradients and, inside
    D, the input gradients of both pairs; for G's and E's loss D's gradients by what they made,
    G(z) and E(x); then weight and input gradients of G and E, less those by x and z.
    """
    batch, data, latent, width = 128, 784, 50, 1024
    skip = latent * width
    d_first, d_rest = data * width, width * width + skip + width
    e_first, e_rest = data * width, width * width + width * latent
    g_first, g_rest = latent * width, width * width + width * data
    forward = 2 * (d_first + d_rest) + e_first + e_rest + g_first + g_rest + skip
    d_loss = 2 * (d_first + d_rest) + 2 * (width * width + width)
    ge_through_d = (width + width * width + d_first) + (width + skip)
    ge = (e_first + 2 * e_rest) + (g_first + 2 * g_rest) + skip
    return 2.0 * batch * (forward + d_loss + ge_through_d + ge)


def conv_flops(sizes: list[int], channels: list[int]) -> float:
    """Of 5x5 kernels with stride 2, from images of one size to those of the next, for one image."""
    pairs = zip(sizes[1:], channels, channels[1:], strict=False)
    return sum(25 * before * after * size**2 for size, before, after in pairs)


def dcgan_flops() -> float:
    """D's turn: G forward; D forward twice, with gradients of its weights and of all but its first
    inputs. G's turn: both forward, D's input gradients, G's weight and all but first input ones.
    """
    sizes, channels = [64, 32, 16, 8, 4], [3, *(WIDTH * 2**i for i in range(4))]
    convs, first = conv_flops(sizes, channels), conv_flops(sizes[:2], channels[:2])
    d = convs + channels[-1] * 16
    project = 100 * channels[-1] * 16
    g = convs + project
    d_turn = g + 2 * (d + d + (d - first))
    g_turn = g + d + d + (g + convs)
    return 2.0 * 128 * (d_turn + g_turn)


def products_of(work: Any) -> int:
    work()
    return count_flops(work)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "SIZE", 64)
    monkeypatch.setattr(suite, "COPIED_BYTES", 1 << 16)
    monkeypatch.setitem(WIDTHS, "cpu", WIDTH)
    monkeypatch.setitem(LARGE, "cpu", SMALL)


@pytest.mark.parametrize(("game", "expected"), [(BIGAN, bigan_flops), (DCGAN, dcgan_flops)])
def test_our_step_has_the_products_that_are_counted(game: StepConfig, expected: Any) -> None:
    counted = products_of(suite._our_step(game, images_of(game), "fp32", average=False))
    assert counted == pytest.approx(expected(), rel=1e-3)


def test_the_textbook_runs_and_throws_away_more() -> None:
    images = images_of(BIGAN)
    ours = products_of(suite._our_step(BIGAN, images, "fp32", average=False))
    assert 1.3 < products_of(textbook_bigan.textbook_step(images)) / ours < 1.6
    assert 1.1 < products_of(textbook_bigan.textbook_step(images, share_forward=True)) / ours < 1.4


def test_the_textbook_dcgan_throws_away_the_gradients_of_waiting_weights() -> None:
    images = images_of(DCGAN)
    ours = products_of(suite._our_step(DCGAN, images, "fp32", average=False))
    step = textbook_dcgan.textbook_step
    assert 1.05 < products_of(step(images, WIDTH)) / ours < 1.15
    assert 0.95 < products_of(step(images, WIDTH, share_samples=True)) / ours < 1.05


def test_the_textbook_bigbigan_throws_away_no_more_than_gradients_of_waiting_weights() -> None:
    images = images_of(BIGBIGAN)
    ours = products_of(suite._our_step(BIGBIGAN, images, "fp32", average=False))
    step = textbook_bigbigan.textbook_step
    assert 1.1 < products_of(step(images, SMALL)) / ours < 1.3
    enlarged_shortcuts = products_of(step(images, SMALL, freeze=True)) / ours  # before their 1x1s
    assert 1 < enlarged_shortcuts < 1.02


def shapes(network: torch.nn.Module) -> list[tuple[int, ...]]:
    return sorted(tuple(parameter.shape) for parameter in network.parameters())


def test_all_have_the_same_weights() -> None:
    bigan = make_method(BIGAN.run_config(), BIGAN.spec)
    dcgan = make_method(DCGAN.run_config(), DCGAN.spec)
    bigbigan = make_method(BIGBIGAN.run_config(), BIGBIGAN.spec)
    pairs = [
        (bigan.discriminator, textbook_bigan.Discriminator()),
        (bigan.generator, textbook_bigan.Generator()),
        (bigan.encoder, textbook_bigan.Encoder()),
        (dcgan.discriminator, textbook_dcgan.Discriminator(WIDTH)),
        (dcgan.generator, textbook_dcgan.Generator(WIDTH)),
        (bigbigan.discriminator, textbook_bigbigan.Discriminator(SMALL)),
        (bigbigan.generator, textbook_bigbigan.Generator(SMALL)),
        (bigbigan.encoder, textbook_bigbigan.Encoder(SMALL)),
    ]
    for ours, theirs in pairs:
        assert shapes(ours) == shapes(theirs)


@pytest.mark.parametrize(  # the others' steps are played above
    "game",
    [name if name == "bigan" else pytest.param(name, marks=pytest.mark.slow) for name in CONFIGS],
)
def test_the_record_sets_all_beside_the_textbook(game: str, quick: None, tmp_path: Path) -> None:
    out = tmp_path / "step.json"
    few = ["--device", "cpu", "--repeats", "1", "--steps", "1", "--out", str(out)]
    assert main([game, *few]) == 0
    found = json.loads(out.read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["textbook loop, fp32"]["speedup"] == 1
    precisions = usable_precisions(CPU)
    assert list(found["product_gflops"]) == list(precisions)
    ours = [f"ours{kind}, {precision}" for precision in precisions for kind in ("", AVERAGED)]
    for name in ours:
        assert rows[name]["milliseconds"] > 0
        assert rows[name]["working_mib"] > 0
        assert rows[name]["product_fraction"] > 0
    assert found["hardware"]["cores"] >= 1
    for shares in found["profile"].values():
        assert sum(shares.values()) == pytest.approx(1, abs=0.01)
        assert shares["matrix products"] + shares["convolutions"] > 0.1
    assert found["copy_gbytes_per_second"] > 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [(["--steps", "0"], "1 or more"), (["--out", "x.txt"], "must end in .json")],
)
def test_wrong_flags_are_named(
    flags: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(flags)
    assert words in capsys.readouterr().err
