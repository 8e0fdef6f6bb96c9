"""Pictures of filters, sums and forgetting: what they hold and how large they are."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from ambigan.analysis import ArithmeticResult, Filters, ForgettingResult, Term
from ambigan.analysis.map_classifier import Box
from ambigan.evaluation.protocols import ACCURACY
from ambigan.evaluation.result import DataRecord, ProtocolRecord, Provenance, Result, Subject
from ambigan.report.figures import canvas, theme
from ambigan.report.figures.filters import as_images, draw_filters, draw_tiles
from ambigan.report.figures.forgetting import draw_forgotten, forgetting_summary
from ambigan.report.figures.latent_arithmetic import draw_sheet, draw_sums
from ambigan.report.figures.transfer import (
    flags_of,
    transfer_chart,
    transfer_layer_names,
    transfer_table,
)

NOISE = np.random.default_rng(0)


def images(num: int, channels: int = 3, height: int = 32, width: int = 32) -> np.ndarray:
    return NOISE.uniform(-1, 1, (num, channels, height, width)).astype(np.float32)


def test_blocks_are_set_beside_and_above_one_another() -> None:
    small, large = np.zeros((2, 3, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)
    both = canvas.beside([small, large], gap=2, align="end")
    assert both.shape == (4, 10, 3)
    assert (both[:2, :3] == canvas.space(1, 1)[0, 0]).all()
    assert not both[2:, :3].any()
    assert canvas.above([small, large], gap=1).shape == (7, 5, 3)
    assert canvas.page([small, large], margin=4, gap=1).shape == (15, 13, 3)


def test_text_is_drawn_in_its_colour() -> None:
    line = canvas.text("words", 14, theme.ALARM)
    assert line.shape[1] > 30
    assert (line == np.array([0xB3, 0x26, 0x1D])).all(2).any()
    wide, narrow = (canvas.paragraph("some words to break " * 4, w) for w in (600, 150))
    assert narrow.shape[0] > 2 * wide.shape[0]
    assert narrow.shape[1] <= 151


def test_kernels_are_scaled_by_their_own_largest_weight() -> None:
    kernels = np.zeros((3, 3, 2, 2), np.float32)
    kernels[0, 1, 0, 0], kernels[1, 2, 1, 1] = 0.02, -5
    shown = as_images(kernels)
    assert shown[0, 1, 0, 0] == 1
    assert shown[1, 2, 1, 1] == -1
    assert not shown[2].any()


def test_of_other_channels_the_main_pattern_is_shown() -> None:
    pattern = NOISE.normal(size=(3, 3)).astype(np.float32)
    mix = np.array([0.5, 2, -0.1, 1], np.float32)
    shown = as_images((mix[:, None, None] * pattern)[None])
    np.testing.assert_allclose(shown[0, 0], pattern / np.abs(pattern).max(), atol=1e-5)
    assert as_images(images(5, 1, 3, 3)).shape == (5, 1, 3, 3)


def test_filters_stand_beside_themselves() -> None:
    tiles = draw_tiles(images(32, 3, 5, 5))
    assert tiles.shape == (4 * 35 + 3 * 3, 8 * 35 + 7 * 3, 3)  # 32 in full rows of 8
    sheet = draw_filters(Filters("encoder", images(32, 3, 5, 5), images(32, 3, 5, 5)))
    assert sheet.shape[1] == 2 * 20 + 2 * tiles.shape[1] + 36
    many = draw_filters(Filters("encoder", images(200, 1, 28, 28), images(200, 1, 28, 28)))
    assert many.shape[0] < 1500


def sums(num_exemplars: int = 3, shape: tuple[int, int, int] = (3, 32, 32)) -> ArithmeticResult:
    numbers = tuple(range(num_exemplars))
    terms = (Term(1, numbers), Term(-1, numbers[:1]))
    return ArithmeticResult(
        terms,
        (images(num_exemplars, *shape), images(1, *shape)),
        images(2, *shape),
        images(2, *shape),
        np.zeros(4, np.float32),
        images(9, *shape),
        images(1, *shape)[0],
    )


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 8), (1, 96, 48), (3, 200, 300)])
def test_sums_of_any_shape_are_drawn(shape: tuple[int, int, int]) -> None:
    picture = draw_sums(sums(3, shape))
    assert picture.dtype == np.uint8
    assert 400 < picture.shape[1] < 1000
    more = draw_sums(sums(5, shape))
    assert more.shape[0] > picture.shape[0]


def test_the_result_is_framed() -> None:
    accent = np.array([0x0B, 0x6B, 0xAB])
    assert (draw_sums(sums()) == accent).all(2).sum() >= 4 * 64 * 3


def test_sheets_number_every_image() -> None:
    one = draw_sheet(images(10), "Samples")
    assert draw_sheet(images(11), "Samples").shape[0] > one.shape[0]
    assert one.shape[1] == 2 * 20 + 10 * 64 + 9 * 6


def forgotten(boxes: tuple[Box, ...], measured: dict[str, Any]) -> ForgettingResult:
    shown = {name: images(6, 3, 16, 16) for name in ("as generated", "without these maps")}
    return ForgettingResult(
        "generator.deconv1", np.ones(8), np.arange(3), shown, boxes, 2, measured
    )


def test_boxes_are_drawn_where_they_lie() -> None:
    measured = {
        "change_inside": 0.5,
        "change_outside": 0.1,
        "change_inside_random": 0.2,
        "change_outside_random": 0.2,
    }
    found = forgotten((Box(1, 4, 4, 8, 8),), measured)
    picture = draw_forgotten(found, "windows")
    red = (picture == np.array([0xB3, 0x26, 0x1D])).all(2)
    columns = np.flatnonzero(red.any(0))
    left = 20 + 64 + 3
    assert left + 16 <= columns.min() <= columns.max() < left + 48
    assert "0.50 within the boxes and by 0.10 outside" in forgetting_summary(found)
    assert "3 of 8 maps" in forgetting_summary(found)


def test_shares_are_told() -> None:
    measured = {
        "probe_accuracy": 54.0,
        "share": 11.4,
        "share_without": 3.2,
        "share_without_random": 9.1,
        "shares_without_random": [10.0, 8.2],
        "num_random_as_low": 0,
    }
    found = forgotten((), measured)
    assert "in 11.4 % of new samples, in 3.2 % without" in forgetting_summary(found)
    assert "(0 of 2 draws are as low)" in forgetting_summary(found)
    assert draw_forgotten(found, "ship").shape[1] > 6 * 64


def transfer_record(num_layers: int = 3) -> list[Result]:
    settings = {
        "network": "encoder", "weights": "ema", "labels": 100, "epochs": 5, "batch_size": 64,
        "learning_rate": 1e-3, "flip": False, "seed": 0,
    }  # fmt: skip
    protocol = ProtocolRecord("transfer", constants=settings)
    data = DataRecord("digits", "", 1000, 100)
    about = Provenance("bigan", "small", 0, 1, data, data, {}, {})

    def row(frozen: int, start: str) -> Result:
        layers = "none" if not frozen else "encoder.conv1" + (f" to conv{frozen}" * (frozen > 1))
        value = {"trained": 60.0, "random": 50.0, "scratch": 70.0}[start] - frozen
        accuracy = dataclasses.replace(ACCURACY, value=value)
        subject = Subject(layers, "model" if start == "trained" else "baseline")
        details = {"frozen": frozen, "layers": layers, "start": start}
        return Result(protocol, subject, (accuracy,), about, 1.0, details)

    starts = [(n, s) for n in range(1, num_layers + 1) for s in ("trained", "random")]
    return [row(0, "scratch"), *(row(*start) for start in starts)]


def test_transfer_is_a_table_and_a_chart() -> None:
    record = transfer_record()
    assert transfer_layer_names(record) == ["conv1", "conv2", "conv3"]
    table = transfer_table(record)
    assert table.columns == ("first layers", "0", "conv1", "conv2", "conv3")
    texts = [[cell.text for cell in row.cells] for row in table.rows]
    assert texts[0] == ["encoder, learned", "", "59.0", "58.0", "57.0"]
    assert texts[2] == ["all from scratch", "70.0", "", "", ""]
    (axes,) = transfer_chart(record).axes
    assert [list(line.get_ydata()) for line in axes.get_lines()[:2]] == [
        [59, 58, 57],
        [49, 48, 47],
    ]


def test_half_a_measurement_is_drawn_too() -> None:
    record = transfer_record()
    for num in (1, 2, 4):
        part = record[:num]
        assert transfer_table(part).rows
        transfer_chart(part)


def test_what_to_type_again_is_a_command() -> None:
    from ambigan.cli.parser import parse_arguments

    flags = parse_arguments(["transfer", "run", *flags_of(transfer_record()).split()]).flags
    assert (flags.network, flags.labels, flags.flip) == ("encoder", 100, False)
    first = transfer_record()[0]
    all_of_them = dataclasses.replace(first.provenance.data, num_train=100)
    about = dataclasses.replace(first.provenance, data=all_of_them)
    assert "--labels" not in flags_of([dataclasses.replace(first, provenance=about)])
