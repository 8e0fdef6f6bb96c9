"""One arm and seed of a study: what is left to do of it, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.files import read_if_whole
from ...engine.run_folder import RunFolder
from ...evaluation.results import is_whole
from ...methods import find_method
from ..run_spec import PlannedRun, folder_name, read_cost
from .comparison import SAMPLE_SCORES, Finding
from .design import Arm

WEIGHTS = "ema"
DRAWING = "generation_features"
RECONSTRUCTING = "reconstruction_l2"
"""Protocols of what is drawn."""

ACCURACY = ("accuracy", "dim")
OF_DRAWN: Mapping[str, Sequence[str]] = {DRAWING: SAMPLE_SCORES, RECONSTRUCTING: ("ratio_real",)}
"""Columns in which a record has a number in every line, or it is none."""


@dataclass(frozen=True)
class Judge:
    """The run in whose features samples of the others are compared with data.

    Attributes:
        arm: of the study.
        run: its folder.
    """

    arm: Arm
    run: RunFolder

    @property
    def name(self) -> str | None:
        """Of its features, by which weights they are made: another training's are others."""
        try:
            weights = read_if_whole(self.run.model / "config.json")["sha256"][WEIGHTS]
        except (KeyError, TypeError):
            return None
        return f"{folder_name(self.arm)}-{weights[:8]}"


@dataclass(frozen=True)
class StudyRun(PlannedRun):
    """One arm and seed.

    Attributes:
        variant: the arm.
        turns: of one iteration, each on images of its own. What is measured moves in one of them.
        measured: the study's protocols.
        curve: the protocol of the curve.
        judge: the study's, of its first seed.
    """

    variant: Arm
    turns: int
    measured: tuple[str, ...]
    curve: str
    judge: Judge | None

    @property
    def lock_file(self) -> Path:
        """Held by the process that makes it."""
        return self.run.path.with_suffix(".lock")

    @property
    def images_a_pass(self) -> int:
        """That all turns see while the measured network sees the data once; of a trained run."""
        assert self.images_trained is not None, "it is measured when it is trained"
        return self.images_trained * self.turns // self.config.train.epochs

    @property
    def drawn_files(self) -> dict[str, str]:
        """Where records of what this run can draw lie, by protocol; of samples if one judges."""
        able = find_method(self.config.method).capabilities
        files: dict[str, str] = {}
        if "sample" in able and self.judge and (space := self.judge.name):
            files[DRAWING] = f"{DRAWING}--{space}--{WEIGHTS}.json"
        if "reconstruct" in able:
            files[RECONSTRUCTING] = f"{RECONSTRUCTING}--{WEIGHTS}.json"
        return files

    def record_of(self, protocol: str) -> dict[str, Any] | None:
        """What was measured of the layers of the saved model; None if nothing was."""
        name = "--".join((protocol, *self.variant.layers, WEIGHTS))
        record = self._read(f"{name}.json", ACCURACY)
        needed = set(self.variant.layers)
        if self.variant.untrained:
            needed |= {f"random {layer}" for layer in self.variant.layers}
        is_whole = record is not None and needed <= {row["features"] for row in record["rows"]}
        return record if is_whole else None

    @property
    def curve_record(self) -> dict[str, Any] | None:
        """What was measured of the checkpoints; None if nothing was."""
        name = "--".join((f"curve-{self.curve}", self.variant.layers[0], WEIGHTS))
        return self._read(f"{name}.json", ("images_seen", "accuracy"), "points")

    @property
    def points(self) -> list[tuple[int, float]] | None:
        """Images shown and accuracy, of the first layer by checkpoint; None if not measured."""
        record = self.curve_record
        if record is None:
            return None
        ours = [
            (point["images_seen"] // self.turns, point["accuracy"])
            for point in record["points"]
            if point["features"] == self.variant.layers[0] and point["weights"] == WEIGHTS
        ]
        is_whole = ours and ours[-1][0] == (self.images_trained or 0) // self.turns
        return ours if is_whole else None

    @property
    def finding(self) -> Finding | None:
        """All of it; None while something is left to do."""
        records = {name: self.record_of(name) for name in self.measured}
        whole = {name: _timeless(record) for name, record in records.items() if record is not None}
        points, images = self.points, self.images_trained
        if len(whole) < len(records) or points is None or images is None:
            return None
        shown, cost = images // self.turns, read_cost(self)
        drawn = (self.drawn(DRAWING), self.drawn(RECONSTRUCTING))
        return Finding(self.variant.name, self.seed, whole, shown, cost, points, *drawn)

    @property
    def has_results(self) -> bool:
        """Whether anything was measured, of whatever model."""
        return any(self.run.results.glob("*.json"))

    @property
    def lost_judge(self) -> Judge | None:
        """The judge, if its model is gone and samples were compared in its features before."""
        if self.judge is None or self.judge.name is not None:
            return None
        space = f"{DRAWING}--{folder_name(self.judge.arm)}-*--{WEIGHTS}.json"
        return self.judge if any(self.run.results.glob(space)) else None

    def drawn(self, protocol: str) -> dict[str, Any] | None:
        """What was measured of samples or reconstructions; None if nothing was."""
        file = self.drawn_files.get(protocol)
        record = self._read(file, OF_DRAWN[protocol]) if file else None
        return None if record is None else _timeless(record)

    @property
    def records(self) -> list[dict[str, Any]]:
        """All that were found, which stand in tables and pages."""
        found = [self.record_of(name) for name in self.measured]
        found += [self.curve_record, *(self.drawn(name) for name in self.drawn_files)]
        return [record for record in found if record is not None]

    def _read(
        self, name: str, columns: Sequence[str], lines: str = "rows"
    ) -> dict[str, Any] | None:
        """A record of the saved model; None if it is not there, or damaged: measured again then."""
        record = read_if_whole(self.run.results / name)
        is_ours = lines == "points" or record.get("images_seen") == self.images_trained
        return record if is_ours and is_whole(record, columns, lines) else None


def has_weights(run: RunFolder) -> bool:
    """Whether its model can still be run; records may be kept without."""
    return (run.model / f"{WEIGHTS}.safetensors").is_file()


def _timeless(record: dict[str, Any]) -> dict[str, Any]:
    """A record without the seconds of its rows, which no repetition gives again."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in record["rows"]]
    return record | {"rows": rows}
