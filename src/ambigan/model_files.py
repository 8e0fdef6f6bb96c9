"""What a run leaves of its model: safetensors, JSON and a card; how they are saved and loaded."""

from __future__ import annotations

import copyreg
import json
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from .core.data_spec import DataSpec
from .core.ema import Weights
from .core.errors import CheckpointError, ConfigError, is_out_of_memory
from .core.files import (
    as_typed,
    digest_of,
    read_bytes,
    read_json,
    read_sealed,
    sha256_of,
    write_bytes,
    write_json,
    write_text,
)
from .core.plugins import load_plugins
from .core.settings import build
from .core.version import __version__
from .data import Dataset, Scaling
from .engine.checkpoint import load_newest
from .engine.config import RunConfig, check_plugins, choose_device
from .engine.run_folder import RunFolder, allowed_digests, check_checkpoint_of, identity_of
from .game import Method
from .hub import local_folder, model_card
from .methods import find_method, is_external
from .run import Run

MODEL_FORMAT = 1

_LARGEST_HEADER = 16 << 20
"""Most bytes that are read of the header of weights; 100,000 tensors take about as many."""

_Kept = tuple[dict[str, Any], dict[str, Tensor], int, Weights]
"""What is kept of the data, tensors by name, number of images seen, and the kind of weights."""


def load(
    path: str | Path,
    *,
    weights: Weights | None = None,
    device: str = "auto",
    method: type[Method] | None = None,
    plugins: Sequence[str | Path] = (),
) -> Run:
    """Loads a run's model; no code from the folder is run.

    Args:
        path: a run folder, or `hf:USER/NAME` of a model on the Hugging Face hub.
        weights: `ema` or `raw`; the averaged networks where there are any, if None.
        device: as in `train.device`.
        method: the class, if the run was trained by one that is known as `module:Class`.
        plugins: modules or `.py` files to load first, if its method or its data come from there;
            loading never imports code that a file names.

    Raises:
        CheckpointError: it is no run, has no model or checkpoint, or they are torn or altered.
        ConfigError: the weights or the device do not exist, or the method must be named.
    """
    if not isinstance(path, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigError(f"a run is named by its folder, not by {path!r}.")
    load_plugins(plugins)
    run = RunFolder(local_folder(path))
    config, method = read_config(run, method)
    target = choose_device(device)
    read = _read_model if (run.model / "config.json").exists() else _read_checkpoint
    data, tensors, images_seen, chosen = read(run, config, weights)
    try:
        spec, scaling, names = _form_of(data)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"{type(error).__name__} {error}"
        raise CheckpointError(f"what {run.path} keeps of its data is damaged: {reason}.") from error
    _check_shapes(make_on_meta(method, config, spec), tensors)
    model = method(config.settings, spec)
    try:
        model.load_state_dict(tensors)
    except (RuntimeError, TypeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"the weights are of other networks: {reason}") from error
    model = model.to(target).eval()
    return Run(run.path, config, model, spec, scaling, names, images_seen, chosen)


def in_own_folder(make: Callable[[Path], Run]) -> Run:
    """A run in a temporary folder, which is deleted with it.

    Args:
        make: Function that makes the run in a folder that does not exist yet.
    """
    folder = tempfile.mkdtemp(prefix="ambigan-")
    try:
        run = make(Path(folder, "run"))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(run, shutil.rmtree, folder, ignore_errors=True)
    return run


def _reduced(run: Run) -> tuple[Any, ...]:
    """What a pickle holds of a run: the files of its model as bytes, and no code."""
    root = run.path
    files = [root / "config.json", *sorted((root / "model").iterdir())]
    contents = {str(each.relative_to(root)): each.read_bytes() for each in files}
    return _unpickled, (contents, run.weights)


def _unpickled(files: Mapping[str, bytes], weights: Weights) -> Run:
    """A run in a temporary folder of its own, from the files of its model."""

    def make(folder: Path) -> Run:
        for name, content in files.items():
            write_bytes(folder / name, content)
        return load(folder, weights=weights)

    return in_own_folder(make)


copyreg.pickle(Run, _reduced)


def read_config(
    run: RunFolder, method: type[Method] | None = None
) -> tuple[RunConfig, type[Method]]:
    """The settings of a run and the class of its method, which is given if it is `module:Class`.

    Code that a file names is not imported.

    Raises:
        CheckpointError: this is no run.
        ConfigError: a setting is not allowed, or the method must be named.
    """
    values = run.read_config()
    name = str(values.get("method"))
    if method is None or not is_external(name):
        check_plugins(str(run.path), values)
        method = find_method(name)
    elif method.__name__ != name.partition(":")[2]:
        raise ConfigError(f"{run.path} was trained by {name}, not by {method.__name__}.")
    return RunConfig.from_json(values, method), method


def save_model(
    run: RunFolder,
    config: RunConfig,
    dataset: Dataset,
    kinds: dict[str, Method],
    images_seen: int,
) -> None:
    """Writes `model/`: safetensors of each kind of weights (`ema`, `raw`), JSON, and a card."""
    about = {
        "format": MODEL_FORMAT,
        "ambigan": __version__,
        "method": config.method,
        "settings": config.to_json()["settings"],
        "data": describe_data(dataset),
        "images_seen": images_seen,
    }
    # One key: safetensors writes several in an order of its own, different every time.
    header = {"digests": json.dumps(_digests(about, config))}
    hashes: dict[str, str] = {}
    for kind, method in kinds.items():
        tensors = {n: v.detach().cpu().contiguous() for n, v in method.state_dict().items()}
        content = dump_tensors(tensors, header)
        write_bytes(run.model / f"{kind}.safetensors", content)
        hashes[kind] = sha256_of(content)
    write_text(run.model / "README.md", model_card(about, config.preset))
    write_json(run.model / "config.json", about | {"sha256": hashes})


def _digests(about: dict[str, Any], config: RunConfig) -> dict[str, str]:
    """Digests of both files of settings, kept in the header of weights to know a change by."""
    return {
        "model/config.json": digest_of({k: v for k, v in about.items() if k != "sha256"}),
        "config.json": digest_of(identity_of(config)),
    }


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """What is kept of the data beside a run: enough to use the model, and to know them again."""
    scaling = dataset.scaling
    return {
        "name": dataset.name,
        "kind": dataset.spec.kind,
        "shape": list(dataset.spec.shape),
        "bounded": dataset.spec.bounded,
        "num_train": len(dataset.train),
        "num_test": len(dataset.test),
        "label_names": list(dataset.label_names) if dataset.label_names else None,
        "scaling": scaling and scaling_as_json(scaling),
        "sha256": dataset.sha256,
        "skipped": list(dataset.skipped),
        "inventory": dataset.inventory.as_json(),
    }


def scaling_as_json(scaling: Scaling) -> dict[str, Any]:
    """What is kept of a scaling; what it does not have is left out."""
    kept: dict[str, Any] = {
        "columns": list(scaling.columns),
        "shift": scaling.shift.numpy().tolist(),
        "scale": scaling.scale.numpy().tolist(),
    }
    for name in _OPTIONAL:
        value: Tensor | None = getattr(scaling, name)
        if value is not None:
            kept[name] = value.numpy().tolist()
    if scaling.categories:
        kept["categories"] = {name: list(found) for name, found in scaling.categories.items()}
    if scaling.from_16_bits:
        kept["from_16_bits"] = True
    return kept | ({"integers": list(scaling.integers)} if scaling.integers else {})


_OPTIONAL = ("quantiles", "fill")
"""Tensors that a scaling may have."""


def _scaling_of(kept: dict[str, Any]) -> Scaling:
    """The scaling that was kept."""
    tensors = {
        name: torch.tensor(kept[name], dtype=torch.float64)
        for name in ("shift", "scale", *_OPTIONAL)
        if name in kept or name not in _OPTIONAL
    }
    categories = {name: tuple(found) for name, found in kept.get("categories", {}).items()}
    integers = tuple(kept.get("integers", ()))
    columns = tuple(kept["columns"])
    return Scaling(
        **tensors,
        columns=columns,
        categories=categories,
        integers=integers,
        from_16_bits=bool(kept.get("from_16_bits")),
    )


def _read_model(run: RunFolder, config: RunConfig, weights: Weights | None) -> _Kept:
    """What a finished run keeps; refuses what is damaged, or saved with other settings."""
    path = run.model / "config.json"
    about = read_json(path)
    for key, kind in {"data": dict, "images_seen": int, "sha256": dict}.items():
        if not isinstance(about.get(key), kind):
            raise CheckpointError(f"{path} is damaged: it has no '{key}', or of another type.")
    kinds = list(about["sha256"])
    chosen = weights or ("ema" if "ema" in kinds else "raw")
    if chosen not in kinds:
        raise ConfigError(f"{run.path} has no '{chosen}' weights; it has: {', '.join(kinds)}.")
    path = run.model / f"{chosen}.safetensors"
    try:
        content = read_bytes(path)
        if sha256_of(content) != about["sha256"][chosen]:
            raise CheckpointError(f"{path} is torn or altered: its hash does not match.")
        size = int.from_bytes(content[:8], "little")
        if size > _LARGEST_HEADER:
            raise CheckpointError(f"{path} has a header of {size} bytes, which no model has.")
        header = json.loads(content[8 : 8 + size])
        kept = json.loads(header.get("__metadata__", {}).get("digests", "{}"))
        tensors = load_tensors(content)
    except OSError as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise CheckpointError(f"{path} {reason}: {error.strerror}.") from error
    except (SafetensorError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}.") from error
    allowed = {name: [digest] for name, digest in _digests(about, config).items()}
    allowed["config.json"] = allowed_digests(run, config)
    for name, digests in allowed.items():
        if kept.get(name, digests[0]) not in digests:  # weights of older versions have none
            raise CheckpointError(
                f"{run.path / name} is not as it was when the weights were saved; put back what"
                " was changed there."
            )
    return about["data"], tensors, about["images_seen"], chosen


def _read_checkpoint(run: RunFolder, config: RunConfig, weights: Weights | None) -> _Kept:
    """What the newest checkpoint of an unfinished run holds, with running batch statistics."""
    state = load_newest(run.checkpoints)
    if state is None or not run.data_file.exists():
        raise CheckpointError(
            f"{run.path} has no model and no checkpoint yet; train on with --resume"
            f" {as_typed(run.path)}."
        )
    warnings.warn(
        f"{run.path} is not finished: its newest checkpoint ({state['images_seen']} examples) is "
        "used, with running batch statistics.",
        stacklevel=3,
    )
    chosen = weights or ("raw" if state["ema"] is None else "ema")
    tensors = state["ema"] if chosen == "ema" else state["method"]
    if tensors is None:
        raise ConfigError(f"{run.path} keeps no 'ema' weights (train.ema_decay is 0).")
    check_checkpoint_of(run, config, state.get("config", identity_of(config)))
    return read_sealed(run.data_file), tensors, state["images_seen"], chosen


def make_on_meta(method: type[Method], config: RunConfig, spec: DataSpec) -> Method:
    """The networks without memory for their weights, to see how large they are.

    More weights than can be counted are a ConfigError.
    """
    try:
        with torch.device("meta"):
            return method(config.settings, spec)
    except (RuntimeError, TypeError, OverflowError) as error:
        if "overflow" not in str(error).lower():
            raise
        raise ConfigError(
            "the networks have more weights than can be counted; make settings.network smaller."
        ) from error


def _check_shapes(model: Method, tensors: dict[str, Tensor]) -> None:
    """Refuses weights of other networks than the settings describe, before these take memory."""
    needed = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    given = {name: tuple(getattr(value, "shape", ())) for name, value in tensors.items()}
    for name in [*needed, *given]:
        if needed.get(name) != given.get(name):
            raise CheckpointError(
                f"the weights are of other networks than the settings describe: {name} is"
                f" {given.get(name, 'missing')}, and {needed.get(name, 'nothing')} is expected."
            )


def _form_of(
    data: dict[str, Any],
) -> tuple[DataSpec, Scaling | None, tuple[str, ...] | None]:
    """What `describe_data` kept: shape, scaling and names of labels."""
    spec = build(DataSpec, {name: data[name] for name in ("kind", "shape", "bounded")}, "data.")
    if min(spec.shape, default=0) < 1 or len(spec.shape) != (3 if spec.kind == "images" else 1):
        raise ValueError(f"shape {spec.shape}")
    names = tuple(data["label_names"]) if data["label_names"] else None
    kept = data["scaling"]
    return spec, None if kept is None else _scaling_of(kept), names
