"""Fully convolutional networks on miniatures of VOC: scores, skips, and what is learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ambigan.core.errors import ConfigError
from ambigan.networks.convnet import ConvLayer, Stage
from ambigan.transfer.backbone import Backbone
from ambigan.transfer.initial_weights import draw_scaled
from ambigan.transfer.tasks import SegmentationSettings
from ambigan.transfer.tasks.segmentation import (
    SegmentationHead,
    SegmentationTask,
    fill_bilinear,
    pixel_loss,
)
from ambigan.transfer.voc import VocData, open_voc
from voc_folder import write_voc2012

QUICK = SegmentationSettings(
    epochs=40, width=24, pooled=3, dropout=0.1, skips=2, learning_rate=3e-3, batch_size=1
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> VocData:
    folder = write_voc2012(tmp_path_factory.mktemp("voc"))
    return open_voc(f"voc:{folder}", "segmentation")


def small_backbone() -> Backbone:
    stages = (Stage(12, 3, 2), Stage(16, 3, 2))
    layers = [ConvLayer(n, s, 0, None, True) for n, s in zip((3, 12), stages, strict=True)]
    backbone = Backbone(layers, 3)
    draw_scaled(backbone.layers, torch.rand(8, 3, 32, 32) * 2 - 1, 0)
    return backbone


@pytest.mark.parametrize("layers", ["fc6-8", "all"])
def test_pixels_are_learned(data: VocData, layers: str) -> None:
    found = SegmentationTask(data, QUICK, CPU).measure(small_backbone(), layers)  # pyright: ignore
    ious = found["iou"]
    assert [place for place, value in enumerate(ious) if value is not None] == [0, 8]
    assert ious[0] is not None
    assert ious[8] is not None
    assert min(ious[0], ious[8]) > 0.6
    (accuracy,) = found["accuracy"]
    assert accuracy is not None
    assert accuracy > 0.8


@pytest.mark.parametrize("size", [(48, 64), (37, 51), (9, 14)])
@pytest.mark.parametrize("skips", [0, 1, 2])
def test_scores_have_the_size_of_the_image(size: tuple[int, int], skips: int) -> None:
    backbone = small_backbone()
    head = SegmentationHead(backbone, 5, replace(QUICK, skips=skips))  # pyright: ignore
    maps = backbone.maps(torch.rand(1, 3, *size))
    assert head([maps[place] for place in head.used], size).shape == (1, 5, *size)
    assert head.used == [1, 1, 0][: 1 + skips]


def test_skips_begin_as_bilinear_interpolation_of_scores() -> None:
    up = nn.ConvTranspose2d(2, 2, 4, 2, 1, groups=2, bias=False)
    fill_bilinear(up)
    h = torch.rand(1, 2, 6, 5)
    expected = F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up(h)[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1])


def test_skips_need_maps_of_their_stride(data: VocData) -> None:
    layer = ConvLayer(3, Stage(4, 5, 4), 0, None, True)
    with pytest.raises(ConfigError, match=r"--task.skips 2 needs maps of stride 2; .* are of 4"):
        SegmentationTask(data, QUICK, CPU).check(Backbone([layer], 3))


def test_pixels_without_class_do_not_count() -> None:
    scores, mask = torch.randn(1, 3, 4, 4), torch.randint(0, 3, (1, 4, 4))
    mask[0, :2] = 255
    expected = -torch.stack(
        [scores[0, :, i, j].log_softmax(0)[mask[0, i, j]] for i in range(2, 4) for j in range(4)]
    ).mean()
    torch.testing.assert_close(pixel_loss(scores, mask), expected)
    assert float(pixel_loss(scores, torch.full((1, 4, 4), 255))) == 0


def test_smaller_images_are_measured_at_their_own_size(data: VocData, tmp_path: Path) -> None:
    settings = replace(QUICK, short_side=24, epochs=1)
    task = SegmentationTask(data, settings, CPU)  # pyright: ignore
    assert task.images(3)[1].size(0) == (24, 32)
    (accuracy,) = task.measure(small_backbone(), "fc8")["accuracy"]
    assert accuracy is not None
