"""Pictures of filters, sums and forgetting: what they hold and how large they are."""

from __future__ import annotations

import dataclasses
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ambigan.analysis import ArithmeticResult, FeatureRemovalResult, Filters, Term
from ambigan.analysis.boxes import Box
from ambigan.evaluation.protocols import ACCURACY
from ambigan.evaluation.result import DataRecord, ProtocolRecord, Provenance, Result, Subject
from ambigan.report.figures import sheet, theme
from ambigan.report.figures.feature_removal import IMAGE_SIDE, draw_removal, removal_summary
from ambigan.report.figures.filters import draw_filters, draw_tiles, kernel_images
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


def size_of(figure: Figure) -> tuple[int, int]:
    """Width and height in CSS pixels."""
    width, height = figure.get_size_inches() * 72
    return round(width), round(height)


def test_text_is_within_the_sheet_and_no_line_on_another() -> None:
    for title, words in (("A very long title " * 8, ""), ("Short", "some words to break " * 20)):
        figure, axes = sheet.new_sheet(title, words, 100, 50)
        sheet.place_text(axes, "a label", 0, 0)
        boxes = [text.get_window_extent() for text in axes.texts]
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
        assert all(a.y0 >= b.y1 for a, b in pairwise(boxes))
        assert boxes[0].y1 <= figure.bbox.y1


def test_kernels_are_scaled_by_their_own_largest_weight() -> None:
    kernels = np.zeros((3, 3, 2, 2), np.float32)
    kernels[0, 1, 0, 0], kernels[1, 2, 1, 1] = 0.02, -5
    shown = kernel_images(kernels)
    assert shown[0, 1, 0, 0] == 1
    assert shown[1, 2, 1, 1] == -1
    assert not shown[2].any()


def test_of_other_channels_the_main_pattern_is_shown() -> None:
    pattern = NOISE.normal(size=(3, 3)).astype(np.float32)
    mix = np.array([0.5, 2, -0.1, 1], np.float32)
    shown = kernel_images((mix[:, None, None] * pattern)[None])
    np.testing.assert_allclose(shown[0, 0], pattern / np.abs(pattern).max(), atol=1e-5)
    assert kernel_images(images(5, 1, 3, 3)).shape == (5, 1, 3, 3)


def test_filters_stand_beside_themselves() -> None:
    tiles = draw_tiles(images(32, 3, 5, 5))
    assert tiles.shape == (4 * 35 + 3 * 3, 8 * 35 + 7 * 3, 3)  # 32 in full rows of 8
    figure = draw_filters(Filters("encoder", images(32, 3, 5, 5), images(32, 3, 5, 5)))
    assert size_of(figure)[0] == 2 * 20 + 2 * tiles.shape[1] + 36
    assert len(figure.axes[0].images) == 2
    many = draw_filters(Filters("encoder", images(200, 1, 28, 28), images(200, 1, 28, 28)))
    assert size_of(many)[1] < 1500


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
    figure, more = draw_sums(sums(3, shape)), draw_sums(sums(5, shape))
    assert 400 < size_of(figure)[0] < 1000
    assert size_of(more)[1] > size_of(figure)[1]
    for drawn in (figure, more):
        boxes = [image.get_window_extent() for image in drawn.axes[0].images]
        assert not any(a.shrunk(0.99, 0.99).overlaps(b) for a, b in combinations(boxes, 2))


def test_the_result_is_framed() -> None:
    (axes,) = draw_sums(sums()).axes
    (frame,) = axes.patches
    assert to_hex(frame.get_edgecolor()) == theme.ACCENT
    assert frame.get_bbox().bounds[2:] == (64, 64)


def test_sheets_number_every_image() -> None:
    one, more = draw_sheet(images(10), "Samples"), draw_sheet(images(11), "Samples")
    assert size_of(more)[1] > size_of(one)[1]
    assert size_of(one)[0] == 2 * 20 + 10 * 64 + 9 * 6
    assert [text.get_text() for text in more.axes[0].texts] == ["Samples", *map(str, range(11))]


def forgotten(boxes: tuple[Box, ...], measured: dict[str, Any]) -> FeatureRemovalResult:
    shown = {name: images(6, 3, 16, 16) for name in ("as generated", "without these maps")}
    return FeatureRemovalResult(
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
    (axes,) = draw_removal(found, "windows").axes
    red = [box for box in axes.patches if to_hex(box.get_edgecolor()) == theme.ALARM]
    assert [box.get_bbox().bounds for box in red] == [
        (IMAGE_SIDE + 3 + 16, top + 16, 32, 32) for top in (24, 24 + IMAGE_SIDE + 12 + 24)
    ]
    assert "0.50 within the boxes and by 0.10 outside" in removal_summary(found)
    assert "3 of 8 maps" in removal_summary(found)


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
    assert "in 11.4 % of new samples, in 3.2 % without" in removal_summary(found)
    assert "(0 of 2 draws are as low)" in removal_summary(found)
    assert size_of(draw_removal(found, "ship"))[0] > 6 * 64


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
        value = {"trained": 60.0, "untrained": 50.0, "scratch": 70.0}[start] - frozen
        accuracy = dataclasses.replace(ACCURACY, value=value)
        subject = Subject(layers, "model" if start == "trained" else "baseline")
        details = {"frozen": frozen, "layers": layers, "start": start}
        return Result(protocol, subject, (accuracy,), about, 1.0, details)

    starts = [(n, s) for n in range(1, num_layers + 1) for s in ("trained", "untrained")]
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
