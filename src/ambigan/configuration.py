"""A run's configuration from a preset, another run, a file or function, and single changes."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from .core.errors import CheckpointError, ConfigError
from .core.files import read_json
from .core.settings import merge, override
from .data import DataSettings, holds_images, named_source
from .engine.config import RunConfig, with_epochs_asked_for
from .engine.run_folder import RunFolder
from .game import Method
from .hub import local_folder
from .methods import find_method, is_external
from .model_files import read_config
from .presets import find_preset

FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
"""How a function is named that returns a configuration: `module:function`."""

Config = str | Path | Mapping[str, Any] | RunConfig
"""A configuration: the file or function it is read from, its plain values, or itself."""


def make_config(
    method: str | None = None,
    *,
    preset: str | None = None,
    run: str | Path | None = None,
    config: Config | None = None,
    changes: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Completes a configuration from three sources, of which each overrides those before it.

    1. a preset of the method or, in its place, the settings of another run;
    2. `config`, which may leave out any setting;
    3. `changes`.

    Args:
        method: Name of the method, or `module:Class`; needed unless `run` or `config` name it.
        preset: Name of the preset to start from; the method's usual one for the data if None.
        run: Folder of a run to start from: its settings are taken, its weights are not.
        config: A JSON file such as `config.json` of a run, `module:function` that returns a
            `RunConfig` or plain values, or what such a function returns.
        changes: Values by dotted name, such as `{"train.epochs": 3}`.

    Returns:
        All settings, checked.

    Raises:
        ConfigError: Two sources contradict each other, or a setting is unknown or not allowed.
        CheckpointError: There is no run in the folder.
    """
    values, changes = _read(config), _with_kinds(changes or {})
    run = None if run is None else local_folder(run)
    theirs = RunFolder(run).read_config() if run is not None else {}
    what = str(config) if isinstance(config, str | Path) else "the configuration"
    name = _agreed("method", method, {what: values.get("method"), run: theirs.get("method")})
    if name is None:
        raise ConfigError(f"{what} names no method; name the one to train, such as bigan.")
    _check_may_import(name, method, config, run)
    if run is not None and preset is not None:
        raise ConfigError(f"{run} takes the place of a preset; leave out one of the two.")
    wanted = _agreed("preset", preset, {what: values.get("preset"), run: theirs.get("preset")})
    method_class = find_method(name)
    if run is not None:
        base, _ = read_config(RunFolder(run), method_class)
    else:
        whole = _whole(values, method_class)
        base = whole or _preset(name, wanted, values, changes)
    typed = {f"train.{name}": value for name, value in _train_of(values).items()}
    least = with_epochs_asked_for({**typed, **changes}).get("train.least_steps")
    changes = changes if least is None else {**changes, "train.least_steps": least}
    merged = merge(base, {**values, "method": name, "preset": base.preset})
    return override(RunConfig.from_json(merged, method_class), changes).check()


def _with_kinds(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Changes in which a path alone is a source with its kind."""
    source = changes.get("data.source")
    return {**changes, "data.source": named_source(source)} if isinstance(source, str) else changes


def _agreed(what: str, typed: str | None, named: Mapping[Any, Any]) -> str | None:
    """The one name that is given, by all that give one; an error if two of them differ."""
    given = {f"in {place}": str(name) for place, name in named.items() if name is not None}
    given |= {"asked for": typed} if typed is not None else {}
    if len(set(given.values())) > 1:
        listed = " and ".join(f"'{name}' {place}" for place, name in given.items())
        raise ConfigError(f"two {what}s, {listed}; name one.")
    return next(iter(given.values()), None)


def _check_may_import(
    name: str, typed: str | None, config: Config | None, run: str | Path | None
) -> None:
    """Refuses a method outside the package whose code only a file names, and not the user."""
    is_file = isinstance(config, str | Path) and not _is_function(config)
    if typed is None and is_external(name) and (is_file or run is not None):
        raise ConfigError(
            f"{run or config} is for {name}, outside the package; name the method as well"
            f" (ambigan train {name} ...) to let its code run."
        )


def _whole(values: Mapping[str, Any], method: type[Method]) -> RunConfig | None:
    """The configuration, if the values leave out nothing: it needs no preset to be completed."""
    if not {"method", "preset", "settings", "data", "train"} <= set(values):
        return None
    config = RunConfig.from_json(dict(values), method)
    return config if config.to_json() == values else None


def _train_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of the training among the values of a configuration."""
    found = values.get("train")
    return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}


def _preset(
    method: str, name: str | None, values: Mapping[str, Any], changes: Mapping[str, Any]
) -> RunConfig:
    """The preset of a name, or the usual one, which depends on what the data are."""
    data = values.get("data")
    inner = dict(cast(Mapping[str, Any], data if isinstance(data, Mapping) else {}))
    inner |= {key[5:]: value for key, value in changes.items() if key.startswith("data.")}
    source = inner.get("source")
    if name is not None or source is None:
        return find_preset(method, name, None if source is None else str(source))
    try:
        is_images = holds_images(override(DataSettings(str(source)), inner))
    except ConfigError:  # said when all settings are checked
        is_images = None
    is_array = str(source).partition(":")[0] in ("npy", "npz", "mat", "hdf5")
    is_vectors = is_array if is_images is None else not is_images  # opening it says what is wrong
    return find_preset(method, None, str(source), is_vectors=is_vectors)


def _read(config: Config | None) -> dict[str, Any]:
    """The plain values of a configuration."""
    what = "the configuration"
    if isinstance(config, str | Path):
        what = str(config)
        config = _call(what) if _is_function(config) else _read_file(Path(config))
    if isinstance(config, RunConfig):
        return config.to_json()
    if not isinstance(config, Mapping | None):
        raise ConfigError(
            f"{what} gives a {type(config).__name__}; a configuration is a RunConfig or a dict."
        )
    return {name: value for name, value in (config or {}).items() if name != "plugins"}


def _is_function(config: str | Path) -> bool:
    return (
        isinstance(config, str) and not Path(config).exists() and bool(FUNCTION.fullmatch(config))
    )


def _read_file(path: Path) -> dict[str, Any]:
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; give a JSON file, or the run by --from {path}.")
    try:
        return read_json(path)
    except CheckpointError as error:
        raise ConfigError(
            f"{str(error).rstrip('.')}; a configuration is a JSON file or module:function."
        ) from error


def _call(name: str) -> Any:
    """What a function returns, imported from the current folder or the path."""
    module_name, _, function = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module_name), function)
        return found()
    except ConfigError:
        raise
    except Exception as error:  # the code is the user's; it may fail in any way
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(f"configuration {name} failed: {reason}") from error
