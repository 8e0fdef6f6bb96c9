"""The tasks on miniatures of VOC: what they learn, and how rows are measured."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import ambigan
from ambigan.core.errors import ConfigError, NonFiniteError
from ambigan.core.imports import import_torchvision
from ambigan.evaluation.result import Result
from ambigan.evaluation.result_file import read_results
from ambigan.networks.convnet import ConvLayer, Stage
from ambigan.transfer.backbone import Backbone
from ambigan.transfer.head import Head, pool_to
from ambigan.transfer.initial_weights import draw_scaled
from ambigan.transfer.tasks import ClassificationSettings, DetectionSettings, measure_task
from ambigan.transfer.tasks.classification import ClassificationTask, masked_logistic_loss
from ambigan.transfer.tasks.fitting import fit, learning_parts
from ambigan.transfer.tasks.images import SplitImages, random_crops, ten_crops
from ambigan.transfer.voc import VocData, open_voc
from voc_folder import write_voc2007

Listen = Callable[[Callable[[str], object]], None]

QUICK = ClassificationSettings(epochs=2, width=16, short_side=40, crop=32, views=2)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc2007(tmp_path_factory.mktemp("voc"), num=12)


@pytest.fixture
def run(conv_run: Path, tmp_path: Path) -> ambigan.Run:
    shutil.copytree(conv_run, tmp_path / "run")
    return ambigan.load(tmp_path / "run")


def small_backbone() -> Backbone:
    """Two layers of stride 2, drawn at random."""
    layers = [
        ConvLayer(3, Stage(16, 3, 2), 0, None, True),
        ConvLayer(16, Stage(24, 3, 2), 0, None, True),
    ]
    backbone = Backbone(layers, 3)
    draw_scaled(backbone.layers, torch.rand(8, 3, 32, 32) * 2 - 1, 0)
    return backbone


def read(folder: Path, task: str = "classification") -> VocData:
    return open_voc(f"voc:{folder}", task)  # pyright: ignore


@pytest.mark.parametrize("layers", ["fc6-8", "all"])
def test_classes_are_learned(folder: Path, layers: str) -> None:
    settings = replace(QUICK, epochs=40, width=32, dropout=0.2, views=5)
    torch.manual_seed(0)
    found = ClassificationTask(read(folder), settings, CPU).measure(small_backbone(), layers)  # pyright: ignore
    assert all(value is not None and value > 0.85 for value in found["area"])


def test_what_is_frozen_stays(folder: Path) -> None:
    torch.manual_seed(0)
    task = ClassificationTask(read(folder), QUICK, CPU)
    for layers, moves in (("fc8", False), ("fc6-8", False), ("all", True)):
        backbone = small_backbone()
        before = [parameter.clone() for parameter in backbone.parameters()]
        task.measure(backbone, layers)  # pyright: ignore
        same = map(torch.equal, before, backbone.parameters())
        assert all(same) != moves


@pytest.mark.parametrize("layers", ["fc8", "fc6-8", "all"])
def test_the_layers_that_are_named_learn(layers: str) -> None:
    backbone, head = small_backbone(), Head(24, 2, 5, [3], 0.5)
    parts = learning_parts(layers, backbone, head, list(head.fc8))  # pyright: ignore
    learning = {name for name, p in head.named_parameters() if p.requires_grad}
    expected = {"fc8.0.weight", "fc8.0.bias"}
    assert learning == expected if layers == "fc8" else learning > expected
    assert bool(parts["backbone"]) == (layers == "all")


def test_labels_of_difficult_objects_do_not_count() -> None:
    logits, labels = torch.randn(6, 3), torch.randint(-1, 2, (6, 3))
    labels[0] = 0
    losses = F.binary_cross_entropy_with_logits(logits, (labels > 0).float(), reduction="none")
    expected = sum(losses[i][labels[i] != 0].sum() for i in range(6)) / 6
    torch.testing.assert_close(masked_logistic_loss(logits, labels), expected)


@torch.no_grad()
def test_fc6_and_fc7_begin_with_mean_0_and_deviation_1() -> None:
    h = torch.randn(64, 8, 3, 3) * 50 + 7
    head = Head(8, 3, 6, [2, 4], 0.5).eval()
    head.draw(h, 0)
    out = head.fc6((h - head.shift) * head.scale)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(out.std((0, 2, 3)), torch.ones(6), atol=1e-4, rtol=0)
    assert [tuple(x.shape) for x in head(h)] == [(64, 2, 1, 1), (64, 4, 1, 1)]
    assert not any(x.any() for x in head(h))
    wide = Head(8, 4, 6, [2], 0.5, padded=True)
    assert wide(torch.randn(1, 8, 9, 7))[0].shape == (1, 2, 9, 7)


def test_crops_are_a_function_of_their_key(folder: Path) -> None:
    images = SplitImages(read(folder).train, 3, 40)
    assert images[0].shape == (3, 40, 53)
    one, two, other = (random_crops(images, [0, 1, 2], 32, [key]) for key in (0, 0, 1))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert random_crops(images, [0], 64, [0]).shape == (1, 3, 64, 64)
    ten = ten_crops(images[0], 32)
    assert torch.equal(ten[6], ten[1].flip(2))
    torch.testing.assert_close((ten[4] + 1) * 127.5, images[0][:, 8:, 21:].float())
    limited = SplitImages(read(folder).train, 3, 40, long_side=48)
    assert limited[0].shape == (3, 36, 48)


def test_small_maps_are_not_enlarged() -> None:
    assert pool_to(torch.rand(1, 2, 13, 20), 6).shape[2:] == (6, 6)
    assert pool_to(torch.rand(1, 2, 4, 8), 6).shape[2:] == (4, 6)
    h = torch.rand(1, 1, 12, 12)
    torch.testing.assert_close(pool_to(h, 6), F.max_pool2d(h, 2))


def test_a_loss_that_is_no_number_stops() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    with pytest.raises(NonFiniteError, match="take a smaller --learning-rate"):
        fit({"head": [weight]}, 4, QUICK, lambda places, epoch: weight.sum() * float("inf"))


def test_rows_are_written_one_by_one_and_not_repeated(
    run: ambigan.Run, folder: Path, listen: Listen
) -> None:
    said: list[str] = []
    listen(said.append)
    data = read(folder)
    ask = {"network": "encoder", "starts": ("trained", "kmeans")}
    first = measure_task(run, data, QUICK, layers=("fc8",), **ask)  # pyright: ignore
    (path,) = (run.path / "results").glob("transfer_classification--on-VOC2007-*.json")
    assert read_results(path) == first
    both = measure_task(run, data, QUICK, layers=("fc8", "all"), **ask)  # pyright: ignore
    assert both[:2] == first
    assert len([line for line in said if line.startswith("measuring")]) == 4
    assert [(r.subject.name, r.subject.kind) for r in both] == [
        ("encoder, fc8", "model"),
        ("kmeans encoder, fc8", "untrained"),
        ("encoder, all", "model"),
        ("kmeans encoder, all", "untrained"),
    ]
    protocol = both[0].protocol
    assert protocol.name == "transfer_classification"
    assert (protocol.constants["train_split"], protocol.constants["crop"]) == ("trainval", 32)
    assert set(both[0].details["classes"]["points"]) == {"cat", "person"}
    assert both[0].details["counts"]["test"]["images without objects"] == 1


@pytest.mark.slow
def test_other_weights_have_rows_of_their_own(
    run: ambigan.Run, folder: Path, tmp_path: Path
) -> None:
    network = import_torchvision("models").resnet18(weights=None)
    torch.save(network.state_dict(), tmp_path / "resnet.pth")
    ask = {"network": "encoder", "starts": ("scaled",), "layers": ("fc8",)}
    file = tmp_path / "resnet.pth"
    results = measure_task(run, read(folder), QUICK, checkpoint=file, **ask)  # pyright: ignore
    names = [(r.subject.name, r.subject.kind, r.subject.dim) for r in results]
    assert names[1] == ("resnet18, fc8", "baseline", 512)
    constants = results[0].protocol.constants
    assert (constants["architecture"], constants["checkpoint"]) == ("resnet18", "resnet.pth")
    assert len(constants["checkpoint_sha256"]) == 64


def test_rows_of_other_proposals_are_measured_again(
    run: ambigan.Run, folder: Path, tmp_path: Path
) -> None:
    data, file = read(folder, "detection"), tmp_path / "boxes.csv"
    settings = DetectionSettings(epochs=1, width=8, pooled=2, short_side=32, regions=8)
    ask = {"network": "encoder", "starts": ("scaled",), "layers": ("fc8",), "proposals": file}
    found: list[Result] = []
    for side in (20, 20, 40):
        rows = [f"{e.name},1,1,{side},{side}" for e in (*data.train, *data.test)]
        file.write_text("\n".join(["image,xmin,ymin,xmax,ymax", *rows]))
        found += measure_task(run, data, settings, **ask)  # pyright: ignore
    assert found[0] == found[1]
    hashes = [result.protocol.constants["proposals_sha256"] for result in found]
    assert hashes[1] != hashes[2]
    assert found[2].protocol.constants["proposals_by"] == "boxes.csv"


def test_networks_that_cannot_be_measured_are_refused(run: ambigan.Run, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"latents beside the data.*; take --network encoder"):
        measure_task(run, read(folder), QUICK, network="discriminator")
    with pytest.raises(ConfigError, match="no convolutions that could be cut off"):
        measure_task(run, read(folder), QUICK, network="generator")


def test_crops_larger_than_images_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"--task.crop 300 is larger than --task.short-side 256"):
        ClassificationSettings(crop=300)
