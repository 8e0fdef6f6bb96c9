"""The rows of a table: each start by each choice of what learns, written one after another."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from ...analysis.filters import default_network, find_network
from ...core.errors import ConfigError
from ...core.files import check_writable
from ...core.settings import plain
from ...data import Decoding
from ...engine.run_folder import RunFolder
from ...evaluation.result import Metric, ProtocolRecord, Result, Subject
from ...evaluation.result_file import write_results
from ...run import Run
from ...run_data import open_measured, provenance_of, trained_on
from ...training import untrained
from ..backbone import Backbone, cut_backbone
from ..backbone.checkpoints import read_backbone
from ..frozen_layers import STARTS, Start, check_cut, results_in
from ..initial_weights import DRAWS, check_starts
from ..voc import Task, VocData
from ..voc.metrics import mean_defined
from ..voc.proposals import Proposals, read_proposals, search_proposals
from .classification import ClassificationTask
from .detection import DetectionTask
from .images import DRAWN_ON, SplitImages, drawn_on, random_crops
from .segmentation import SegmentationTask
from .settings import Layers, TaskSettings
from .task import LARGEST_CROP, VocTask

TaskStart = Start | Literal["checkpoint"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Kind:
    """What is said of a task's results: a metric is a measure's mean over classes."""

    make: Callable[..., VocTask]
    summary: str
    source: str
    metrics: Mapping[str, tuple[str, str]]


_AVERAGE_PRECISIONS = {
    "points": ("map_2007", "mAP (11 points)"),
    "area": ("map_area", "mAP (area)"),
}
_TABLE = "BiGAN, Table 3"
_KINDS: dict[Task, _Kind] = {
    "classification": _Kind(
        ClassificationTask,
        "mean average precision of the classes in images, by fc6 to fc8 on convolutions",
        f"{_TABLE}, after Krähenbühl et al. (2016)",
        _AVERAGE_PRECISIONS,
    ),
    "detection": _Kind(
        DetectionTask,
        "mean average precision of detected boxes, at an overlap of 0.5, by Fast R-CNN",
        f"{_TABLE}, after Girshick (2015)",
        _AVERAGE_PRECISIONS,
    ),
    "segmentation": _Kind(
        SegmentationTask,
        "mean intersection over union of the classes of pixels, by a fully convolutional network",
        f"{_TABLE}, after Long et al. (2015)",
        {"iou": ("mean_iu", "mean IU"), "accuracy": ("pixel_accuracy", "pixel accuracy")},
    ),
}


def measure_task(
    run: Run,
    data: VocData,
    settings: TaskSettings,
    *,
    network: str | None = None,
    layers: Sequence[Layers] = ("all",),
    starts: Sequence[Start] = STARTS,
    checkpoint: Path | None = None,
    proposals: Path | None = None,
    suffix: str = "",
    asked: Mapping[str, Any] | None = None,
    searching: Decoding | None = None,
) -> list[Result]:
    """Measures a task and writes `results/transfer_TASK.json` after each row.

    What the file holds already, of the same run, data and constants, is not measured again.

    Args:
        run: The run whose network is taken.
        data: Images and annotations.
        settings: All constants of the task.
        network: A network that sees images alone; that of the feature layer if None.
        layers: What learns; a row for each.
        starts: What the convolutions start from; rows for each.
        checkpoint: File of other convolutions, which has rows of its own.
        proposals: File of boxes for detection, see `read_proposals`; those of selective search,
            kept in the run's folder, if None.
        suffix: Ending of the file's name, for what was asked for.
        asked: What was asked for, by flag, for provenance.
        searching: Called with how many images are searched for boxes and of how many.

    Raises:
        ConfigError: The network has no convolutions, or cannot start so.
        DataError: Proposals do not fit the images.
    """
    name, kind = network or default_network(run.method), _KINDS[data.task]
    makers = _Starts(run, name, data, settings.seed, checkpoint)
    check_starts(makers.trained.layers, starts)
    rows: list[TaskStart] = [*starts, *(["checkpoint"] if checkpoint else [])]
    check_writable(run.path / "results")
    constants = {"network": name, "weights": run.weights} | makers.constants
    extra: dict[str, Any] = {}
    if data.task == "detection":
        boxes, constants["proposals_by"] = _proposals(run, data, proposals, searching)
        content = b"".join(name.encode() + each.tobytes() for name, each in boxes.items())
        constants["proposals_sha256"] = sha256(content).hexdigest()
        extra["proposals"] = boxes
    task = kind.make(data, settings, run.device, **extra)
    for backbone in makers.given:
        task.check(backbone)
    protocol = _protocol(kind, data, settings, constants)
    trained = trained_on(RunFolder(run.path))
    provenance = provenance_of(run, data.record, trained, asked or {})
    path = result_path(run, data, suffix)
    results, provenance = results_in(path, protocol, provenance)
    for start in rows:
        todo: list[Layers] = [x for x in layers if not _is_there(results, start, x)]
        backbone = makers.make(start).to(run.device) if todo else None
        # Frozen convolutions are shared; those that learn are a copy, so the order is free.
        for learning in todo:
            assert backbone is not None, "made for what is to do"
            logger.info(f"measuring {protocol.name} of {start} {name}, {learning} learning")
            started = perf_counter()
            mine = copy.deepcopy(backbone) if learning == "all" else backbone
            found = task.measure(mine, learning)
            seconds = round(perf_counter() - started, 2)
            about = {"start": start, "layers": learning, "classes": by_class(found, data)}
            about |= {"counts": data.counts}
            subject, metrics = makers.subject(start, learning), _metrics(kind, found)
            results.append(Result(protocol, subject, metrics, provenance, seconds, about))
            write_results(path, results)
    return results


def result_path(run: Run, data: VocData, suffix: str = "") -> Path:
    """The file of a task's results."""
    return run.path / "results" / f"transfer_{data.task}{suffix}--on-{_tag(data)}.json"


class _Starts:
    """Makes the convolutions that rows start from."""

    def __init__(
        self, run: Run, name: str, data: VocData, seed: int, checkpoint: Path | None
    ) -> None:
        self.run, self.name, self.data = run, name, data
        self.seed, self.checkpoint = seed, checkpoint
        _check_images(run)
        self.trained = _cut(run, name)
        self.architecture = ""
        self._read: Backbone | None = None
        self.constants: dict[str, Any] = {}
        if checkpoint is not None:
            self.architecture, self._read = read_backbone(checkpoint)
            self.constants = {"checkpoint": checkpoint.name, "architecture": self.architecture}
            self.constants["checkpoint_sha256"] = sha256(checkpoint.read_bytes()).hexdigest()

    @property
    def given(self) -> list[Backbone]:
        """The backbones whose layers differ."""
        return [self.trained, *((self._read,) if self._read else ())]

    def make(self, start: TaskStart) -> Backbone:
        """The convolutions, on the CPU."""
        if start == "checkpoint":
            assert self._read is not None, "rows of a checkpoint are asked for with one"
            return copy.deepcopy(self._read)
        if start == "untrained":
            own = open_measured(self.run).dataset
            return cut_backbone(untrained(self.run, own).get_submodule(self.name)).cpu()
        backbone = copy.deepcopy(self.trained).cpu()
        if draw := DRAWS.get(start):
            train = SplitImages(self.data.train, backbone.channels, 256)
            x = random_crops(train, drawn_on(len(train)), LARGEST_CROP, [self.seed])
            draw(backbone.layers, x, self.seed)
        return backbone

    def subject(self, start: TaskStart, layers: Layers) -> Subject:
        """What is measured, as it stands in tables."""
        dim = self.trained.width
        if start == "trained":
            return Subject(f"{self.name}, {layers}", "model", self.run.weights, dim)
        if start == "checkpoint":
            assert self._read is not None, "there is a checkpoint"
            name = f"{self.architecture}, {layers}"
            return Subject(name, "baseline", None, self._read.width)
        return Subject(f"{start} {self.name}, {layers}", "untrained", None, dim)


def _cut(run: Run, name: str) -> Backbone:
    """The run's own convolutions; where there are none, networks that have some are named."""
    check_cut(run.method, name, cut_backbone, "no other network of this run has any")
    return cut_backbone(find_network(run.method, name))


def _check_images(run: Run) -> None:
    spec = run.spec
    if spec.kind != "images" or spec.shape[0] not in (1, 3):
        form = f"{spec.shape[0]} channels" if spec.kind == "images" else "vectors"
        raise ConfigError(
            f"this run was trained on {form}, and boxes and masks are of images in grey or colour;"
            " take a run on images of 1 or 3 channels."
        )


def _is_there(results: Sequence[Result], start: TaskStart, layers: Layers) -> bool:
    about = {"start": start, "layers": layers}
    return any(about.items() <= result.details.items() for result in results)


def by_class(
    found: Mapping[str, Sequence[float | None]], data: VocData
) -> dict[str, dict[str, float | None]]:
    """What was found of each class, by its name, in percent."""
    return {
        key: {
            name: None if value is None else round(100 * value, 4)
            for name, value in zip(data.classes, values, strict=True)
        }
        for key, values in found.items()
        if len(values) == len(data.classes)
    }


def _metrics(kind: _Kind, found: Mapping[str, Sequence[float | None]]) -> tuple[Metric, ...]:
    return tuple(
        Metric(*names, value=_percent(found[key]), unit="%", direction="higher")
        for key, names in kind.metrics.items()
    )


def _percent(values: Sequence[float | None]) -> float | None:
    mean = mean_defined(values)
    return None if mean is None else 100 * mean


def _proposals(
    run: Run, data: VocData, path: Path | None, searching: Decoding | None
) -> tuple[Proposals, str]:
    """Boxes of all images, and where they are from."""
    if path is not None:
        return read_proposals(path, data), path.name
    kept = run.path / f"proposals--{_tag(data)}.npz"
    return search_proposals(data, kept, searching), "selective search (OpenCV, fast)"


def _protocol(
    kind: _Kind, data: VocData, settings: TaskSettings, constants: Mapping[str, Any]
) -> ProtocolRecord:
    own = dict(constants) | {"train_split": data.splits[0], "test_split": data.splits[1]}
    own |= plain(settings) | {"decay": "linear to 0", "scaled_on": DRAWN_ON}
    if data.task == "segmentation":
        own["void"] = data.void
    return ProtocolRecord(f"transfer_{data.task}", kind.summary, own, kind.source)


def _tag(data: VocData) -> str:
    return f"{data.record.name}-{data.record.sha256[:8]}"
