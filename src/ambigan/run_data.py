"""The data of a run, and other data in the form that its networks take."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .core.errors import CheckpointError, ConfigError
from .core.files import read_json
from .data import (
    Dataset,
    DataSettings,
    Decoding,
    for_other,
    open_dataset,
    open_framed,
    stored_shape,
)
from .data.memory import MEMORY, examples_in_memory
from .data.opening.registry import CARRIED
from .data.opening.sources import are_resized
from .engine.run_folder import RunFolder
from .evaluation.config import Framing
from .evaluation.provenance import data_record, hardware, versions
from .evaluation.result import DataRecord, Provenance
from .run import Run
from .trainable import check_same_data

logger = logging.getLogger(__name__)

FAR = 4
"""How many times larger or smaller than a run's images others may be before they say little."""


@dataclass(frozen=True)
class MeasuredData:
    """The data of an evaluation.

    Attributes:
        dataset: The data that are measured.
        framed: The same data in the run's own form.
        trained_on: The data that the run was trained on.
        tag: The name of other data than the run's own, for file names.
    """

    dataset: Dataset
    framed: Dataset
    trained_on: DataRecord
    tag: str = ""


def open_measured(
    run: Run,
    data: str | DataSettings | None = None,
    framing: Framing = "run",
    decoding: Decoding | None = None,
    objects: tuple[Any, Any] | None = None,
) -> MeasuredData:
    """The run's own data, or others as its networks take them; one line says what is changed.

    Args:
        run: The run that is measured.
        data: Other data, as a source or with all settings; the run's own if None.
        framing: Whether other images are brought to the form of the `run`'s or stay as the `data`
            are.
        decoding: Called with how many images are decoded and of how many.
        objects: Data in memory and their labels, or None, in place of `data`; the run's own where
            they are what it was trained on.

    Raises:
        CheckpointError: The run's own data have changed.
        ConfigError: Other data are of another kind.
        DataError: Other data cannot be read.
    """
    folder = RunFolder(run.path)
    if objects is not None:
        return _measured_objects(run, *objects)
    if data is None:
        if framing != "run":
            raise ConfigError("--framing is of other data than the run's own; give --data as well.")
        dataset = open_dataset(run.config.data, decoding)
        check_same_data(folder, dataset)
        return MeasuredData(dataset, dataset, data_record(dataset))
    settings = _other_settings(run, data)
    framed = open_framed(settings, run.spec, run.scaling, decoding)
    line, _ = describe_framing(run, settings)
    if line:
        logger.info(line if framing == "run" else f"{settings.source} is measured in its own form")
    dataset, tag = framed, _tag(settings.source, framed)
    if framing == "data":
        if run.spec.kind != "images":
            raise ConfigError("--framing data is of images; vectors take the run's scaling.")
        dataset = open_dataset(replace(settings, size=None, crop=None), decoding)
    return MeasuredData(dataset, framed, trained_on(folder), tag)


def _measured_objects(run: Run, data: Any, y: Any) -> MeasuredData:
    """Data in memory, as the run's own or in its form."""
    folder = RunFolder(run.path)
    if run.config.data.source == MEMORY:
        own = open_dataset(run.config.data, examples=examples_in_memory(data, y, run.config.data))
        if own.sha256 == trained_on(folder).sha256:
            return MeasuredData(own, own, data_record(own))
    settings = DataSettings(MEMORY)
    needed = run.scaling.columns if run.scaling and run.spec.kind == "vectors" else ()
    examples = examples_in_memory(data, y, settings, needed)
    framed = open_framed(settings, run.spec, run.scaling, examples=examples)
    return MeasuredData(framed, framed, trained_on(folder), f"{MEMORY}-{framed.sha256[:8]}")


def provenance_of(
    run: Run, data: DataRecord, trained: DataRecord, asked: Mapping[str, Any]
) -> Provenance:
    """Where results of a run come from.

    Args:
        run: The run.
        data: The data that are measured.
        trained: The data that the run was trained on.
        asked: What was asked for, by name.
    """
    config = run.config
    return Provenance(
        config.method,
        config.preset,
        config.train.seed,
        run.images_seen,
        data,
        trained,
        versions(),
        hardware(run.device),
        asked,
    )


def _other_settings(run: Run, data: str | DataSettings) -> DataSettings:
    """How other data are read for a run: whole, and cropped from the size that its own were."""
    source = data.source if isinstance(data, DataSettings) else data
    like = for_other(run.config.data, source)
    size = like.size if like.crop else None
    if isinstance(data, DataSettings):
        return replace(data, root=data.root or like.root, size=size, crop=like.crop)
    return replace(carried(run.config.data, source), size=size, crop=like.crop)


def carried(own: DataSettings, source: str) -> DataSettings:
    """How other data are read and split where nothing else is said: tables as the run's own.

    Args:
        own: Settings of the run's data.
        source: The other data.
    """
    kept = {name: getattr(own, name) for name in CARRIED}
    return DataSettings(source, root=own.root, **kept)


def describe_framing(run: Run, settings: DataSettings) -> tuple[str, bool]:
    """What is changed of images to bring them to a run's form, in one line; empty for nothing.

    And whether they are so far off that its features say little: much smaller than the run's, or
    much larger where the run's own images were not made smaller either.
    """
    spec = run.spec
    stored = stored_shape(settings) if spec.kind == "images" else None
    if stored is None or stored == spec.shape:
        return "", False
    changes: list[str] = []
    if stored[0] != spec.shape[0] and {stored[0], spec.shape[0]} == {1, 3}:
        changes.append(
            f"grey copied to {spec.shape[0]} channels" if stored[0] == 1 else "colours made grey"
        )
    if stored[1:] != spec.shape[1:]:
        changes.append(f"resized and cropped to {spec.shape[1]}x{spec.shape[2]}")
    first = "x".join(map(str, stored))
    changed = f"{settings.source}, images of {first}, in the run's form: {', '.join(changes)}"
    line = changed if changes else ""
    theirs, ours = min(stored[1:]), min(spec.shape[1:])
    is_larger = theirs > FAR * ours and not are_resized(run.config.data)
    return line, is_larger or ours > FAR * theirs


def trained_on(folder: RunFolder) -> DataRecord:
    """The data that a run was trained on, as its folder names them; they need not be there."""
    if folder.data_file.is_file():
        about = read_json(folder.data_file)
    else:
        about = read_json(folder.model / "config.json").get("data", {})
    try:
        return DataRecord(*(about[key] for key in ("name", "sha256", "num_train", "num_test")))
    except KeyError as error:
        raise CheckpointError(
            f"what {folder.path} keeps of its data is damaged: no {error}."
        ) from error


def _tag(source: str, dataset: Dataset) -> str:
    """A short name of data for file names; of a path its end, with the beginning of the hash."""
    kind, _, path = source.partition(":")
    return f"{kind}-{Path(path).name}-{dataset.sha256[:8]}" if path else kind
