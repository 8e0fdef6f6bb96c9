"""One run of an experiment, with what its folder holds: settings, model, results and costs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.errors import CheckpointError
from ..core.files import read_if_whole, read_json
from ..engine.config import RunConfig
from ..engine.log_writers import read_lines
from ..engine.run_folder import RunFolder
from ..evaluation.result import Result
from ..methods import find_method
from .experiment import Experiment, RunSpec
from .old_records import read_record

GENERATION = "generation_features"
RECONSTRUCTION = "reconstruction_l2"
"""The protocols of samples and reconstructions."""


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes:
        training_seconds: The time of the whole training at the rate of `images_per_second`.
        images_per_second: The rate at which the measured network was shown images; None where no
            line of the log was kept.
        measuring_seconds: The time of all results.
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


@dataclass(frozen=True)
class ReferenceModel:
    """The run in whose features samples of the others are compared with data."""

    spec: RunSpec
    run: RunFolder

    @property
    def layer(self) -> str:
        """The layer whose features they are."""
        return self.spec.layers[0]

    @property
    def space(self) -> str | None:
        """The name of its features, which differ with its weights; None without a model."""
        try:
            digest = read_if_whole(self.run.model / "config.json")["sha256"]["ema"]
        except (KeyError, TypeError):
            return None
        return f"{self.spec.slug}-{digest[:8]}"


@dataclass(frozen=True)
class PlannedRun:
    """A run of an experiment with one seed.

    Attributes:
        experiment: The experiment that it belongs to.
        spec: What is trained; its preset is named.
        seed: Its seed.
        config: All settings.
        own: The settings that it would have if the user had changed none.
        run: Its folder.
        turns: The number of turns of an iteration, each on images of its own, of which the measured
            network moves in one; 1 where epochs count the images of all turns.
        reference: The run in whose features samples are compared with data, or None.
    """

    experiment: Experiment
    spec: RunSpec
    seed: int
    config: RunConfig
    own: RunConfig
    run: RunFolder
    turns: int
    reference: ReferenceModel | None

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
        """Whether its model can still be run; records may be kept without it."""
        return has_weights(self.run)

    @property
    def has_results(self) -> bool:
        """Whether anything was measured, of whatever model."""
        return any(self.run.results.glob("*.json"))

    def features_of(self, protocol: str) -> tuple[Result, ...]:
        """What a protocol measured of the saved model's layers; empty while some are missing."""
        found = self._read(protocol, self.spec.layers)
        measured = {(result.subject.kind, result.subject.name) for result in found}
        kinds = ("model", "untrained") if self.spec.untrained else ("model",)
        layers = self.spec.layers or {name for kind, name in measured if kind == "model"}
        is_whole = {(kind, layer) for kind in kinds for layer in layers} <= measured
        return found if is_whole else ()

    @property
    def curve(self) -> tuple[Result, ...]:
        """What was measured of the checkpoints, the last of which is the saved model."""
        if self.experiment.curve is None:
            return ()
        layers = self.spec.layers[:1]
        name = self._file_name(f"curve-{self.experiment.curve}", layers)
        found = read_record(self.run.results / name, "points")
        of_model = [result for result in found if result.subject.kind == "model"]
        is_whole = of_model and of_model[-1].provenance.images_seen == self.images_trained
        return tuple(of_model) if is_whole else ()

    @property
    def drawn_protocols(self) -> list[str]:
        """What can be measured of its samples and reconstructions now."""
        able: Collection[str] = find_method(self.config.method).capabilities
        has_space = self.reference is not None and self.reference.space is not None
        possible = {
            GENERATION: "sample" in able and has_space,
            RECONSTRUCTION: "reconstruct" in able,
        }
        return [protocol for protocol, is_possible in possible.items() if is_possible]

    def drawn(self, protocol: str) -> tuple[Result, ...]:
        """What was measured of its samples or reconstructions."""
        if protocol not in self.drawn_protocols:
            return ()
        of_samples = protocol == GENERATION and self.reference
        return self._read(protocol, [str(of_samples.space)] if of_samples else ())

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
        results = self.results
        points = [(x.provenance.images_seen // self.turns, x.headline.value) for x in curve]
        return RunResult(
            name=self.spec.name,
            preset=str(self.spec.preset),
            seed=self.seed,
            epochs=self.config.train.epochs // self.turns,
            images=images // self.turns,
            precision=self._precision,
            results=tuple(replace(result, seconds=0.0) for result in results),
            curve=tuple((images, value) for images, value in points if value is not None),
            cost=self._cost(images, sum(result.seconds for result in results)),
        )

    @property
    def lost_reference(self) -> ReferenceModel | None:
        """The reference model, if it is gone and samples were compared in its features before."""
        if self.reference is None or self.reference.space is not None:
            return None
        before = self._file_name(GENERATION, [f"{self.reference.spec.slug}-*"])
        return self.reference if any(self.run.results.glob(before)) else None

    @property
    def _precision(self) -> str:
        """In which it was trained, where the settings left it to the device."""
        return str(self.run.read_config()["train"]["precision"])

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

    def _file_name(self, protocol: str, names: Sequence[str]) -> str:
        """As `evaluate` names what it measured of these layers or in this space."""
        weights = self.experiment.weights
        return "--".join([protocol, *names, *([weights] if weights else [])]) + ".json"

    def _read(self, protocol: str, names: Sequence[str]) -> tuple[Result, ...]:
        """Results of the saved model; none if they are damaged, and then measured again."""
        found = read_record(self.run.results / self._file_name(protocol, names))
        is_ours = all(x.provenance.images_seen == self.images_trained for x in found)
        return found if is_ours else ()


def has_weights(run: RunFolder) -> bool:
    """Whether the averaged or last networks of a run are there."""
    return any(run.model.glob("*.safetensors"))
