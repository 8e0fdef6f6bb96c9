"""One run of an experiment, with what its folder holds: settings, model, results and costs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.errors import CheckpointError
from ..core.files import read_if_whole, read_json
from ..engine.config import RunConfig
from ..engine.log_writers import read_lines
from ..engine.run_folder import RunFolder
from ..evaluation import result_file
from ..evaluation.config import EvaluationConfig
from ..evaluation.protocols import find_protocol
from ..evaluation.result import Result
from ..evaluation.runner import file_name
from ..methods import find_method
from .experiment import Experiment, RunSpec

GENERATION = "generation_features"
RECONSTRUCTION, RECONSTRUCTION_MSE = "reconstruction_l2", "reconstruction_mse"
"""The protocols of samples and reconstructions."""


@dataclass(frozen=True)
class Cost:
    """What a run took: its whole training at the rate of `images_per_second`, and all results.

    The rate is that at which the measured network was shown images; None where no line of the log
    was kept.
    """

    training_seconds: float
    images_per_second: float | None
    measuring_seconds: float


@dataclass(frozen=True)
class RunResult:
    """A run that is finished, as tables and pages show it.

    Attributes:
        name: The name of its `RunSpec`.
        preset: The preset that it started from.
        seed: Its seed.
        epochs: How often the measured network saw the data.
        images: The number of real images that it was shown.
        precision: In which it was trained.
        results: What was measured, without times.
        curve: The accuracy of the first layer by images shown.
        cost: Times, which no repetition gives again.
    """

    name: str
    preset: str
    seed: int
    epochs: int
    images: int
    precision: str
    results: tuple[Result, ...]
    curve: tuple[tuple[int, float], ...] = ()
    cost: Cost = field(default=Cost(0, None, 0), compare=False)

    @property
    def key(self) -> tuple[str, str, int]:
        """Its name, preset and seed."""
        return self.name, self.preset, self.seed


@dataclass(frozen=True)
class PlannedRun:
    """A run of an experiment with one seed, whose `spec` names a preset, and its folder.

    `own` are the settings that it would have if the user had changed none. `turns` is the number of
    turns of an iteration, each on images of its own, of which the measured network moves in one; 1
    where epochs count the images of all turns. `reference` is the run in whose first layer samples
    are compared with data.
    """

    experiment: Experiment
    spec: RunSpec
    seed: int
    config: RunConfig
    own: RunConfig
    run: RunFolder
    turns: int
    reference: PlannedRun | None = None

    @property
    def label(self) -> str:
        """Its name for people."""
        preset = f", {self.spec.preset}" if self.experiment.presets else ""
        return f"{self.spec.name}{preset}, seed {self.seed}"

    @property
    def lock_file(self) -> Path:
        """Held by the process that trains or measures it."""
        return self.run.path.with_suffix(".lock")

    @property
    def images_trained(self) -> int | None:
        """Images seen by the saved model, which is written when training has ended; else None."""
        try:
            return int(read_json(self.run.model / "config.json")["images_seen"])
        except (CheckpointError, KeyError, TypeError, ValueError):
            return None

    @property
    def has_weights(self) -> bool:
        """Whether its networks are there; results may be kept without them."""
        return any(self.run.model.glob("*.safetensors"))

    @property
    def space(self) -> str | None:
        """Its first layer as reference features, as `evaluate` takes them; None without a model.

        Their name has part of the hash of its weights, with which they change.
        """
        try:
            digest = read_if_whole(self.run.model / "config.json")["sha256"]["ema"]
        except (KeyError, TypeError):
            return None
        return f"{self.spec.slug}-{digest[:8]}={self.run.path}:{self.spec.layers[0]}"

    @property
    def evaluation(self) -> EvaluationConfig:
        """How its layers and its samples are measured."""
        space = self.reference and self.reference.space
        return EvaluationConfig(
            layers=self.spec.layers,
            weights=self.experiment.weights,
            reference_features=(space,) if space else (),
            cross_validate=self.experiment.cross_validate,
            device=self.config.train.device,
        )

    @property
    def drawn_protocols(self) -> list[str]:
        """What can be measured of its samples and reconstructions now."""
        able = find_method(self.config.method).capabilities
        can_compare = "sample" in able and self.evaluation.reference_features
        names = [GENERATION] if can_compare else []
        return names + [*self.experiment.reconstructions] * ("reconstruct" in able)

    def features_of(self, protocol: str) -> list[Result]:
        """What a protocol measured of the saved model's layers; empty while some are missing."""
        found = self._read(protocol, self.evaluation)
        measured = {(result.subject.kind, layer_of(result)) for result in found}
        kinds = ("model", "untrained") if self.spec.untrained else ("model",)
        layers = self.spec.layers or {name for kind, name in measured if kind == "model"}
        is_whole = {(kind, layer) for kind in kinds for layer in layers} <= measured
        return found if is_whole else []

    @property
    def curve(self) -> list[Result]:
        """What was measured of the checkpoints, the last of which is the saved model."""
        if self.experiment.curve is None:
            return []
        config = replace(self.evaluation, layers=self.spec.layers[:1])
        found = self._read(self.experiment.curve, config, result_file.CURVE)
        of_model = [result for result in found if not result.is_baseline]
        is_whole = of_model and of_model[-1].provenance.images_seen == self.images_trained
        return of_model if is_whole else []

    def drawn(self, protocol: str) -> list[Result]:
        """What was measured of its samples or reconstructions."""
        return self._read(protocol, self.evaluation)

    @property
    def results(self) -> list[Result]:
        """All results that tables take from it."""
        protocols = self.experiment.protocols
        found = [result for protocol in protocols for result in self.features_of(protocol)]
        return found + [result for name in self.drawn_protocols for result in self.drawn(name)]

    @property
    def result(self) -> RunResult | None:
        """The run as tables show it; None while something is left to train or to measure."""
        images, curve = self.images_trained, self.curve
        is_measured = all(self.features_of(protocol) for protocol in self.experiment.protocols)
        if images is None or not is_measured or (self.experiment.curve and not curve):
            return None
        results, made = self.results, self.run.read_config()["train"]
        points = [((x.provenance.images_seen or 0) // self.turns, x.headline.value) for x in curve]
        return RunResult(
            name=self.spec.name,
            preset=str(self.spec.preset),
            seed=self.seed,
            epochs=int(made["epochs"]) // self.turns,
            images=images // self.turns,
            precision=str(made["precision"]),
            results=tuple(replace(result, seconds=0.0) for result in results),
            curve=tuple((images, value) for images, value in points if value is not None),
            cost=self._cost(images, sum(result.seconds for result in results)),
        )

    def _cost(self, images_seen: int, measuring_seconds: float) -> Cost:
        """Times by the lines of `timing.jsonl` that stand.

        A killed training loses the lines after its last checkpoint, and images between these and
        the checkpoint are in none. So the rate is that of the images which the lines are of.
        """
        lines: list[dict[str, Any]] = read_lines(self.run.timing_file)
        seconds = sum(float(line["seconds"]) for line in lines)
        timed = sum(float(line["seconds"]) * line["images_per_second"] for line in lines)
        rate = timed / seconds if timed else None
        training = images_seen / rate if rate else 0.0
        shown_rate = rate and rate / self.turns
        return Cost(round(training, 1), shown_rate, round(measuring_seconds, 1))

    def _read(self, name: str, config: EvaluationConfig, prefix: str = "") -> list[Result]:
        """Results of the saved model; none if they are damaged, and then measured again."""
        protocol = find_protocol(name)
        path = self.run.results / f"{prefix}{file_name(protocol, config)}.json"
        found = result_file.read_results_if_whole(path)
        headline = {metric.name for metric in protocol.metrics[:1]}
        is_whole = all(x.metrics and {x.headline.name} >= headline for x in found)
        is_ours = prefix or all(x.provenance.images_seen == self.images_trained for x in found)
        return found if is_whole and is_ours else []


def layer_of(result: Result) -> str:
    """The layer that was measured, of trained networks or untrained ones."""
    return result.subject.name.removeprefix("random ")
