"""Fast R-CNN on miniatures of VOC: regions, proposals, and what is learned."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from ambigan.core.errors import ConfigError, DataError
from ambigan.core.randomness import Randomness
from ambigan.networks.convnet import ConvLayer, Stage
from ambigan.transfer.backbone import Backbone
from ambigan.transfer.initial_weights import draw_scaled
from ambigan.transfer.tasks import DetectionSettings
from ambigan.transfer.tasks.detection import DetectionTask, RegionBatch, region_loss
from ambigan.transfer.tasks.regions import iou
from ambigan.transfer.voc import VocData, open_voc
from ambigan.transfer.voc.proposals import COLUMNS, Proposals, read_proposals, search_proposals
from voc_folder import write_voc2007

QUICK = DetectionSettings(
    epochs=12, width=32, pooled=4, short_side=48, regions=32, dropout=0.2, learning_rate=3e-3
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> VocData:
    return open_voc(f"voc:{write_voc2007(tmp_path_factory.mktemp('voc'), num=12)}", "detection")


def near_and_far(data: VocData, num: int = 60) -> Proposals:
    """Boxes around objects and anywhere else."""
    random = np.random.default_rng(0)
    found: Proposals = {}
    for example in (*data.train, *data.test):
        height, width = example.size
        low = random.integers(0, [width - 12, height - 12], (num, 2))
        boxes = [np.hstack([low, low + 11])]
        if len(example.boxes):
            which = example.boxes[random.integers(len(example.boxes), size=num)]
            boxes.append(which + random.integers(-4, 5, (num, 4)))
        every = np.clip(np.vstack(boxes).astype(float), 0, [width - 1, height - 1] * 2)
        found[example.name] = every[random.permutation(len(every))]
    return found


def small_backbone() -> Backbone:
    stages = (Stage(16, 5, 2), Stage(24, 3, 2))
    layers = [ConvLayer(n, s, 0, None, True) for n, s in zip((3, 16), stages, strict=True)]
    backbone = Backbone(layers, 3)
    draw_scaled(backbone.layers, torch.rand(8, 3, 32, 32) * 2 - 1, 0)
    return backbone


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["fc6-8", "all"])
def test_objects_are_found(data: VocData, layers: str) -> None:
    task = DetectionTask(data, QUICK, CPU, near_and_far(data))
    found = task.measure(small_backbone(), layers)  # pyright: ignore
    assert all(value is not None and value > 0.5 for value in found["area"])


def test_regions_are_drawn_by_their_overlaps(data: VocData) -> None:
    task = DetectionTask(data, QUICK, CPU, near_and_far(data))
    plain = [len(e.classes) == 2 and not e.difficult.any() for e in data.train]
    place = plain.index(True)
    example = data.train[place]
    batch = task.sample(place, example.size, False, Randomness(0))
    assert len(batch.boxes) == 32
    most, nearest = iou(batch.boxes, torch.tensor(example.boxes, dtype=torch.float32)).max(1)
    near = batch.classes > 0
    assert int(near.sum()) == 8
    assert (most[near] >= 0.5).all()
    assert ((most[~near] < 0.5) & (most[~near] >= 0.1)).all()
    assert (batch.classes[near] == 1 + torch.tensor(example.classes)[nearest[near]]).all()
    again = task.sample(place, example.size, False, Randomness(0))
    assert torch.equal(batch.boxes, again.boxes)
    mirrored = task.sample(place, example.size, True, Randomness(0))
    torch.testing.assert_close(mirrored.boxes[:, 0], example.size[1] - 1 - batch.boxes[:, 2])
    assert torch.allclose(mirrored.offsets[:, 0], -batch.offsets[:, 0], atol=1e-4)


def test_images_without_objects_are_all_background(data: VocData) -> None:
    task = DetectionTask(data, QUICK, CPU, near_and_far(data))
    place = next(i for i, e in enumerate(data.train) if not len(e.classes))
    batch = task.sample(place, data.train[place].size, False, Randomness(0))
    assert len(batch.boxes) == 32
    assert not batch.classes.any()


def test_difficult_objects_are_not_learned_from(data: VocData) -> None:
    task = DetectionTask(data, QUICK, CPU, near_and_far(data))
    place = next(i for i, e in enumerate(data.train) if e.difficult.any())
    batch = task.sample(place, data.train[place].size, False, Randomness(0))
    assert set(batch.classes.tolist()) <= {0, 2}


def test_the_loss_is_that_of_the_paper() -> None:
    torch.manual_seed(0)
    logits, offsets = torch.randn(5, 3), torch.randn(5, 8)
    classes, wanted = torch.tensor([0, 1, 2, 0, 1]), torch.randn(5, 4)
    expected = 0.0
    for i in range(5):
        expected -= float(logits[i].log_softmax(0)[classes[i]]) / 5
        if classes[i]:
            for k in range(4):
                x = abs(float(offsets[i, 4 * (classes[i] - 1) + k] - wanted[i, k]))
                expected += (0.5 * x * x if x < 1 else x - 0.5) / 5
    loss = region_loss(logits, offsets, RegionBatch(torch.zeros(5, 4), classes, wanted))
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def as_columns(boxes: Proposals) -> dict[str, np.ndarray]:
    corners = np.concatenate([*boxes.values()]) + 1
    names = np.repeat([*boxes], [len(each) for each in boxes.values()])
    return {"image": names, **dict(zip(COLUMNS, corners.T, strict=True))}


def write(path: Path, columns: dict[str, np.ndarray]) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **columns)
    elif path.suffix == ".parquet":
        pa.parquet.write_table(pa.table(columns), path)
    else:
        rows = zip(*columns.values(), strict=True)
        lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
        path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("ending", ["npz", "csv", "parquet"])
def test_proposals_are_read(data: VocData, tmp_path: Path, ending: str) -> None:
    boxes = near_and_far(data, 5)
    found = read_proposals(write(tmp_path / f"boxes.{ending}", as_columns(boxes)), data)
    assert list(found) == list(boxes)
    for name, mine in boxes.items():
        np.testing.assert_allclose(found[name], mine, atol=1e-9)


def test_proposals_that_do_not_fit_are_refused(data: VocData, tmp_path: Path) -> None:
    boxes = near_and_far(data, 5)
    path = tmp_path / "boxes.csv"
    with pytest.raises(DataError, match=r"boxes.csv cannot be read as boxes"):
        read_proposals(path, data)
    columns = as_columns(boxes)
    with pytest.raises(DataError, match=r"columns image, xmin, ymin, xmax, ymax"):
        read_proposals(write(path, {k: v for k, v in columns.items() if k != "ymax"}), data)
    name = data.test[2].name
    others = {key: value for key, value in boxes.items() if key != name}
    with pytest.raises(DataError, match=rf"no boxes of {name}; .* of trainval and test"):
        read_proposals(write(path, as_columns(others)), data)
    outside = boxes | {name: np.array([[0.0, 0, 64, 5]])}
    with pytest.raises(DataError, match=rf"box 1, 1, 65, 6 of {name} is .* image of 64x48"):
        read_proposals(write(path, as_columns(outside)), data)
    path.rename(tmp_path / "boxes.txt")
    with pytest.raises(DataError, match="is no ending of such a file"):
        read_proposals(tmp_path / "boxes.txt", data)


@pytest.mark.slow
def test_selective_search_is_kept(data: VocData, tmp_path: Path) -> None:
    pytest.importorskip("cv2.ximgproc")
    kept = tmp_path / "kept.npz"
    few = replace(data, train=data.train[:2], test=data.test[:1])
    said: list[tuple[int, int]] = []
    found = search_proposals(few, kept, lambda done, total: said.append((done, total)))
    assert said == [(1, 3), (2, 3), (3, 3)]
    assert all(np.array_equal(found[k], v) for k, v in read_proposals(kept, few).items())
    again = search_proposals(few, kept, lambda done, total: said.append((done, total)))
    assert len(said) == 3
    assert all(np.array_equal(found[name], again[name]) for name in found)
    example = few.train[0]
    assert iou(torch.tensor(found[example.name]), torch.tensor(example.boxes)).max() > 0.5


def test_without_opencv_a_file_is_asked_for(
    data: VocData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2.ximgproc", None)
    with pytest.raises(ConfigError, match=r"'ambigan\[detection\]', or give boxes by --proposals"):
        search_proposals(data, tmp_path / "kept.npz")
