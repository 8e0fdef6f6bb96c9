"""From a config to a trained, saved model: the order in which a run is made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .core.data_spec import DataSpec
from .core.distributed import (
    World,
    any_rank,
    join_from_environment,
    leave,
    main_first,
    share_of,
    wait,
    world,
)
from .core.errors import CheckpointError, ConfigError
from .core.files import hold_lock, sealed, sweep, write_json
from .core.plugins import load_plugins
from .core.precision import bf16_hardware
from .core.randomness import seed_from, torch_seed
from .data import Batches, Dataset, DataSettings, Decoding, first_lines, open_dataset
from .data.memory import MEMORY, examples_in_memory
from .data.splits import all_but
from .engine.bn_statistics import recompute_bn_stats
from .engine.config import (
    RunConfig,
    as_fitted,
    choose_device,
    differences_of_runs,
    resolve_precision,
)
from .engine.graph_capture import TurnGraph
from .engine.interleaved import train_interleaved
from .engine.run_folder import RunFolder, check_free, create
from .engine.run_output import FolderClaim, RunOutput
from .engine.train_state import TrainState
from .engine.trainer import Trainer, TrainingProgress, no_progress
from .game import Method
from .methods import find_method, is_external
from .model_files import describe_data, make_on_meta, read_config, save_model
from .run import Run
from .trainable import (
    check_memory,
    check_same_data,
    check_trainable,
    fit_to_data,
    trained_rows,
)

UNTRAINED_BATCHES = 50

_Open = Callable[[DataSettings], Dataset]

logger = logging.getLogger(__name__)


Finished = Callable[[Method, Dataset], None]
"""Called with trained networks, averaged where there is an average, and the data they learned."""


def no_more(_method: Method, _dataset: Dataset) -> None:
    """Does nothing."""


@dataclass(frozen=True)
class _PendingRun:
    """A run that is about to be trained: new, or going on from its newest checkpoint.

    It is trained on these rows of the training split, all if None; the others are for validation.
    The method has its initial weights, on its device. Only the main process holds a claim.
    """

    run: RunFolder
    config: RunConfig
    dataset: Dataset
    rows: Tensor | None
    method: Method
    claim: FolderClaim | None


def train(
    config: RunConfig,
    out: str | Path,
    *,
    data: Any = None,
    y: Any = None,
    progress: TrainingProgress = no_progress,
    decoding: Decoding | None = None,
    finished: Finished = no_more,
) -> RunFolder:
    """Trains a new run and saves its model.

    Args:
        config: settings of the run.
        out: path of the run's folder, which does not exist or is empty.
        data: examples in memory, as `ambigan.fit` takes them; what `config.data.source` names if
            None.
        y: labels of `data`, `(N,)`; evaluation alone uses them.
        progress: function called after every iteration.
        decoding: function called as pictures are decoded, before training.
        finished: function called when the model is saved, by the main process.

    Raises:
        ConfigError: a setting is not allowed, or `out` is taken, by another process too.
        DataError: the data cannot be learned from.
        NonFiniteError: training broke down; the last good checkpoint stands.
    """
    if data is not None:
        config = replace(config, data=replace(config.data, source=MEMORY))
    open_data = partial(_open_in_turn, decoding=decoding, data=data, y=y)
    with ExitStack() as locks:
        return _fit([_begin(config, out, open_data, locks)], progress, finished)[0]


def resume(
    out: str | Path,
    *,
    data: Any = None,
    y: Any = None,
    method_class: type[Method] | None = None,
    plugins: Sequence[str | Path] = (),
    expected: Callable[[RunConfig], RunConfig] | None = None,
    progress: TrainingProgress = no_progress,
    decoding: Decoding | None = None,
    finished: Finished = no_more,
) -> RunFolder:
    """Continues a run where it was, or saves its model again if it is complete.

    Args:
        out: path of the run's folder.
        data: the examples that the run was trained on, where they were in memory; their hash is
            compared.
        y: labels of `data`, where it was trained with them.
        method_class: class of the method, where it lies outside the package.
        plugins: modules or `.py` files to load first, where the method or data come from plugins.
        expected: function that applies settings typed with `--resume` to the run's own; settings
            that then differ, other than the device, are an error.
        progress: function called after every iteration.
        decoding: function called as pictures are decoded, before training.
        finished: function called when the model is saved, by the main process.

    Raises:
        CheckpointError: this is no run, its checkpoints are unusable, or its data have changed.
        ConfigError: settings were asked for that the run does not have, or another process is
            training it.
    """
    load_plugins(plugins)
    open_data = partial(_open_in_turn, decoding=decoding, data=data, y=y)
    with ExitStack() as locks:
        pending = _go_on(out, method_class, expected, open_data, locks)
        return _fit([pending], progress, finished)[0]


def train_interleaved_runs(
    runs: Sequence[tuple[RunConfig, Path]],
    *,
    progress: TrainingProgress = no_progress,
    decoding: Decoding | None = None,
    finished: Finished = no_more,
) -> list[RunFolder]:
    """Trains several runs, an iteration of each in turn; those that were begun go on.

    Each is what it would be alone, bit for bit on the CPU. On CUDA each has a stream of its own,
    so that small networks, which leave most of a GPU idle, run side by side.

    Args:
        runs: settings and folder of each run; a folder that holds a run must hold this one.
        progress: function called after every iteration of the first run.
        decoding: function called as pictures are decoded, before training.
        finished: function called when each model is saved, by the main process.

    Raises:
        As `train` and `resume`.
    """
    entries: list[_PendingRun] = []
    open_once = cache(partial(_open_in_turn, decoding=decoding))
    with ExitStack() as locks:
        for config, out in runs:
            if _is_begun(RunFolder(out), config):
                method = find_method(config.method) if is_external(config.method) else None
                entries.append(_go_on(out, method, lambda _, ours=config: ours, open_once, locks))
            else:
                entries.append(_begin(config, out, open_once, locks))
        return _fit(entries, progress, finished)


def _is_begun(run: RunFolder, config: RunConfig) -> bool:
    """Whether the main process sees a run there; it is an error if another process does not."""
    here, device = _take_place(config)
    there = run.config_file.is_file()
    is_begun = any_rank(there and here.is_main, device)
    if is_begun and not there:
        raise CheckpointError(
            f"{run.path} holds a run where the first process is, and none here; --out must be a"
            " folder that all machines share."
        )
    return is_begun


def _begin(config: RunConfig, out: str | Path, open_data: _Open, locks: ExitStack) -> _PendingRun:
    config = config.check()
    here, device = _take_place(config)
    dataset = open_data(config.data)
    method_class = find_method(config.method)
    rows = trained_rows(config, method_class, dataset.train)
    config = fit_to_data(config, method_class, dataset, rows, here)
    check_trainable(config, dataset, rows)
    config = resolve_precision(config, device)
    method = make_method(config, dataset.spec)
    claim = None
    if here.is_main:
        check_free(RunFolder(out), config)
        claim = _claim(RunFolder(out), locks)
        run = create(out, config)
        write_json(run.data_file, sealed(describe_data(dataset)))
    wait()
    return _PendingRun(RunFolder(out), config, dataset, rows, method.to(device), claim)


def _go_on(
    out: str | Path,
    method_class: type[Method] | None,
    expected: Callable[[RunConfig], RunConfig] | None,
    open_data: _Open,
    locks: ExitStack,
) -> _PendingRun:
    run = RunFolder(out)
    config, method_class = read_config(run, method_class)
    asked = config if expected is None else expected(config)
    if asked.method != config.method:
        raise ConfigError(
            f"{run.path} holds a run of {config.method}, not of {asked.method}; choose another"
            " --out."
        )
    fitted = as_fitted(asked, config)
    _check_same_settings(run, fitted, config)
    config = replace(config, train=replace(config.train, device=asked.train.device))
    here, device = _take_place(config)
    claim = _claim(run, locks) if here.is_main else None
    dataset = open_data(config.data)
    rows = trained_rows(config, method_class, dataset.train)
    if fitted != asked:
        asked = fit_to_data(asked, method_class, dataset, rows, here)
        _check_same_settings(run, asked, config)
    check_same_data(run, dataset)
    check_memory(config, make_on_meta(method_class, config, dataset.spec), dataset.spec)
    method = make_method(config, dataset.spec, method_class)
    if here.is_main and not run.data_file.exists():
        write_json(run.data_file, sealed(describe_data(dataset)))
    return _PendingRun(run, config, dataset, rows, method.to(device), claim)


def _check_same_settings(run: RunFolder, asked: RunConfig, config: RunConfig) -> None:
    """Refuses to go on with other settings than a run was made with."""
    if changed := differences_of_runs(asked, config):
        raise ConfigError(
            f"{run.path} was made with other settings ({'; '.join(changed)}); resume it without "
            "them or train into another --out."
        )


def _claim(run: RunFolder, locks: ExitStack) -> FolderClaim:
    """Keeps other processes out of a run's folder until the stack is left, or this one is killed.

    It is an error if another process is in it.
    """
    if not locks.enter_context(hold_lock(run.lock_file)):
        raise ConfigError(
            f"another process is training in {run.path}; wait for it, or stop it to go on with"
            " --resume."
        )
    for folder in (run.path, run.checkpoints, run.model, run.results):
        sweep(folder)
    return FolderClaim(run)


def make_method(
    config: RunConfig, spec: DataSpec, method_class: type[Method] | None = None
) -> Method:
    """A method with its initial weights, a function of the seed alone."""
    method_class = method_class or find_method(config.method)
    with torch_seed(seed_from(config.train.seed, "weights")):
        return method_class(config.settings, spec)


def untrained(run: Run, dataset: Dataset) -> Method:
    """A run's networks before any training, from another seed, with settled statistics."""
    config = replace(run.config, train=replace(run.config.train, seed=run.config.train.seed + 1))
    method = make_method(config, dataset.spec, type(run.method)).to(run.device)
    batches = Batches(dataset.train, config.train.seed, run.device)
    recompute_bn_stats(method, batches, config.train, at_least=UNTRAINED_BATCHES)
    return method.eval()


def _take_place(config: RunConfig) -> tuple[World, torch.device]:
    """Joins the other processes, if there are any: who this one is, and its device."""
    here = join_from_environment(choose_device(config.train.device).type)
    share_of(config.train.batch_size, here.size)
    device = choose_device(config.train.device, here.local_rank)
    if device.type == "cuda" and device.index is not None:  # pyright: ignore[reportUnnecessaryComparison]
        torch.cuda.set_device(device)  # graphs are recorded on the current one
    return here, device


def _open_in_turn(
    settings: DataSettings, decoding: Decoding | None = None, data: Any = None, y: Any = None
) -> Dataset:
    """The data; on many processes the main one opens first, so that one alone downloads."""
    with main_first() as is_main:
        examples = None if data is None else examples_in_memory(data, y, settings)
        return open_dataset(settings, decoding if is_main else None, examples)


def _make_trainer(pending: _PendingRun, progress: TrainingProgress) -> Trainer:
    """A trainer of one run, after warnings that concern its data and device."""
    train = pending.config.train
    device = next(pending.method.parameters()).device
    if world().is_main and (skipped := pending.dataset.skipped):
        logger.warning(f"{len(skipped)} files could not be used: {first_lines(skipped)}")
    if world().is_main and train.precision == "bf16" and not bf16_hardware(device):
        logger.warning(
            f"train.precision bf16 is slow here: {device} has no instructions for bf16; a new run"
            " with --precision auto would take fp32."
        )
    split, rows = pending.dataset.train, pending.rows
    batches = Batches(split, train.seed, device, rows)
    validation = None if rows is None else Batches(all_but(split, rows), train.seed, device)
    on_device = batches.is_resident and device.type == "cuda"
    recorder = TurnGraph if train.cuda_graphs and on_device and world().size == 1 else None
    state = TrainState(pending.method, train.ema_decay)
    output = RunOutput(pending.run, pending.config, pending.claim)
    return Trainer(
        state, batches, train, recorder, output=output, validation=validation, progress=progress
    )


def _fit(
    pending: Sequence[_PendingRun], progress: TrainingProgress, finished: Finished = no_more
) -> list[RunFolder]:
    """Trains all runs and saves the model of each; progress shows the first."""
    trainers = [
        _make_trainer(each, no_progress if n else progress) for n, each in enumerate(pending)
    ]
    here = world()
    try:
        train_interleaved(trainers)
        wait()
    finally:
        leave()
    if here.is_main:
        for each, trainer in zip(pending, trainers, strict=True):
            state = trainer.state
            kinds = state.networks
            for method in kinds.values():
                recompute_bn_stats(method, trainer.batches, each.config.train)
                method.eval()
            if trainer.output is not None:
                trainer.output.check_claim(state.images_seen, trainer.device)
            save_model(each.run, each.config, each.dataset, kinds, state.images_seen)
            finished(kinds.get("ema", state.method), each.dataset)
    return [each.run for each in pending]
