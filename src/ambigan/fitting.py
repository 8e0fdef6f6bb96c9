"""Training in one call: `run = ambigan.fit("bigan", X)`."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from .configuration import make_config
from .core.errors import AmbiganError, ConfigError, suggestion
from .core.settings import override
from .data import DataSettings, RawVectors
from .data.memory import MEMORY, examples_in_memory, is_in_memory
from .engine.config import TrainSettings
from .engine.run_folder import RunFolder
from .methods import find_method
from .model_files import in_own_folder, load
from .presets import find_preset
from .run import Run
from .shortfalls import warn_of_shortfalls
from .training import resume as go_on
from .training import train

_FLAG = re.compile(r"--(data|train|settings)\.(\w[\w.-]*\w)(?:[ =]([\w.,-]*\w))?")


@contextmanager
def _remedies_as_arguments() -> Generator[None]:
    """Errors that name a flag of the command line name the argument of `fit` instead."""
    try:
        yield
    except AmbiganError as error:
        error.args = tuple(
            _FLAG.sub(_argument, each) if isinstance(each, str) else each for each in error.args
        )
        raise


def _argument(flag: re.Match[str]) -> str:
    """`drop_constant=True` for `--data.drop-constant true`, and the name alone before prose."""
    group, dotted, word = flag.groups()
    name = dotted.replace("-", "_").replace(".", "__")
    hints = get_type_hints({"data": DataSettings, "train": TrainSettings}.get(group, object))
    if word in _choices(hints.get(name)):
        return f'{name}="{word}"'
    try:
        return f"{name}={ast.literal_eval((word or '').capitalize())}"  # true, numbers
    except (ValueError, SyntaxError):
        return f"{name}{flag.group()[flag.end(2) - flag.start() :]}"


def _choices(hint: Any) -> set[Any]:
    """The words among which a setting is chosen."""
    if get_origin(hint) is Literal:
        return {*get_args(hint)}
    return {word for inner in get_args(hint) for word in _choices(inner)}


@_remedies_as_arguments()
def fit(
    method: str,
    data: Any,
    *,
    y: Any = None,
    preset: str | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    epochs: int | None = None,
    resume: bool = False,
    **settings: Any,
) -> Run:
    """Trains a method on data and returns the run, ready for use.

    Args:
        method: Name of the method, such as `bigan`.
        data: Examples: a NumPy array or tensor of numbers `(N, D)` or of images in any layout, a
            pandas or polars frame or an Arrow table, a map-style data set of torch, a list of
            images or of paths, or a source as it is typed, such as `folder:photos`.
        y: Labels `(N,)`, integers or text; training never uses them, protocols do.
        preset: Name of the preset to start from; the method's usual one for such data if None.
        out: Path of the run's folder, which does not exist or is empty. If None, a temporary folder
            that is deleted with the run.
        seed: Seed of weights, batches and latents.
        epochs: Number of times that each network sees the data; the preset's if None.
        resume: Whether a run that is in `out` already goes on, or is loaded if it is complete. It
            must have the same settings and data.
        **settings: Settings of the method, of training or of the data by name, such as
            `latent_dim=20`, `batch_size=64` or `scaling="minmax"`; a nested one by two underscores,
            such as `network__hidden=(128, 128)`, or as
            `network={"hidden": (128, 128)}`.

    Raises:
        ConfigError: A setting is unknown or not allowed, or `out` is taken.
        CheckpointError: The run in `out` cannot go on, or was trained on other data.
        DataError: The data cannot be read or learned from.
    """
    changes: dict[str, Any] = {"train.seed": seed}
    if epochs is not None:
        changes["train.epochs"] = epochs
    for name, value in settings.items():
        changes |= _nested(_dotted(method, name), value)
    examples = None
    if is_in_memory(data):
        examples, source = data, MEMORY
        if preset is None:
            found = examples_in_memory(data, y, _data_settings(changes))
            is_vectors = isinstance(found, RawVectors)
            preset = find_preset(method, None, source, is_vectors=is_vectors).preset
    else:
        source = str(data)
    config = make_config(method, preset=preset, changes={**changes, "data.source": source})
    if out is not None and resume and RunFolder(out).config_file.exists():
        run = go_on(out, data=examples, y=y, expected=lambda _: config, finished=warn_of_shortfalls)
        return load(run.path)
    begin = partial(train, config, data=examples, y=y, finished=warn_of_shortfalls)
    if out is not None:
        return load(begin(out).path)
    return in_own_folder(lambda path: load(begin(path).path))


def _data_settings(changes: Mapping[str, Any]) -> DataSettings:
    """The settings of the data among all that are changed."""
    own = {name: value for name, value in changes.items() if name.startswith("data.")}
    return override(DataSettings(MEMORY), {name[5:]: value for name, value in own.items()})


def _nested(name: str, value: Any) -> dict[str, Any]:
    """A setting by its dotted name; each of its own, where the value is several by name."""
    if not isinstance(value, Mapping):
        return {name: value}
    inner = cast(Mapping[str, Any], value)
    return {
        dotted: each
        for key, found in inner.items()
        for dotted, each in _nested(f"{name}.{key}", found).items()
    }


def _dotted(method: str, name: str) -> str:
    """The dotted name of a setting that is given by its own name.

    Raises:
        ConfigError: There is none of that name.
    """
    first, *rest = name.split("__")
    places = {
        "settings": find_method(method).Settings,
        "train": TrainSettings,
        "data": DataSettings,
    }
    fields = {
        group: [field.name for field in dataclasses.fields(cls)] for group, cls in places.items()
    }
    if rest and first in fields:
        return ".".join((first, *rest))
    for group, names in fields.items():
        if first in names:
            return ".".join((group, first, *rest))
    known = [known for names in fields.values() for known in names]
    raise ConfigError(f"fit knows no setting '{name}'.{suggestion(first, known)}")
