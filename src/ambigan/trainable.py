"""Whether a run can be trained: its batches, networks, memory and data; what the data settle."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from .core.data_spec import DataSpec
from .core.distributed import World
from .core.errors import CheckpointError, ConfigError
from .core.files import read_sealed
from .core.machine import physical_memory
from .data import Batches, Dataset, Split
from .data.splits import held_for_validation
from .engine.config import RunConfig
from .engine.run_folder import RunFolder
from .game import Method
from .methods import check_game, find_method
from .model_files import make_on_meta

logger = logging.getLogger(__name__)

_LARGE_SIDE = 256
"""Height or width in pixels above which images are named as the cause of large networks."""


def check_trainable(config: RunConfig, dataset: Dataset, rows: Tensor | None = None) -> None:
    """Lets what can fail fail before anything is written or trained.

    Of the networks' size, weights, gradients, two optimiser moments and the average are counted,
    and what a method remembers; activations are not.

    Args:
        config: settings of the run.
        dataset: what it learns from.
        rows: rows of the training split that are trained on; None for all.

    Raises:
        ConfigError: a batch is too large, or too small for the game, the feature layer does not
            exist, or the networks need more memory than there is.
    """
    batches = Batches(dataset.train, config.train.seed, rows=rows)
    batches.check(config.train.batch_size)
    method = make_on_meta(find_method(config.method), config, dataset.spec)
    check_game(method)
    method.find_layer()
    method.check_batch(config.train.batch_size)
    train = config.train
    if train.patience and rows is None:
        logger.warning(
            f"train.patience {train.patience} has no effect: no examples are held out"
            " (train.validation_fraction), or the method cannot reconstruct them."
        )
    drawn, asked = train.batch_size * len(method.turns), train.epochs * len(batches)
    if drawn > asked:
        logger.warning(
            f"one iteration is made, of {drawn:,} examples ({len(method.turns)} turns of"
            f" {train.batch_size}), and train.epochs {train.epochs} asks for {asked:,} alone."
        )
    check_memory(config, method, dataset.spec)


def check_memory(config: RunConfig, method: Method, spec: DataSpec) -> None:
    """Refuses networks that this machine cannot hold in training; they may be on torch's `meta`."""
    copies = 4 + (config.train.ema_decay > 0)
    sizes = {name: copies * p.nbytes for name, p in method.named_parameters()}
    sizes |= {name: buffer.nbytes for name, buffer in method.named_buffers()}
    needed, there = sum(sizes.values()), physical_memory()
    if needed > there:
        largest = max(sizes, key=lambda name: sizes[name])
        remedy = "make settings.network, or what that depends on, smaller"
        if spec.kind == "images" and max(spec.shape[1:]) > _LARGE_SIDE:
            height, width = spec.shape[1:]
            remedy = (
                f"images are {height}x{width}: train on smaller ones with --data.size 64,64, or"
                f" {remedy}"
            )
        raise ConfigError(
            f"the networks need {needed / 2**30:,.0f} GiB of memory to train and this machine has "
            f"{there / 2**30:,.0f}, most of it for {largest}; {remedy}."
        )
    if spec.kind == "images" and max(spec.shape[1:]) > _LARGE_SIDE:
        height, width = spec.shape[1:]
        logger.warning(
            f"images are {height}x{width}, and networks of that size train slowly;"
            " --data.size 64,64 trains on smaller ones"
        )


def check_same_data(run: RunFolder, dataset: Dataset) -> None:
    """Refuses data whose hash is not that of the data that the run was trained on."""
    if not run.data_file.exists():
        return
    known = read_sealed(run.data_file)
    if known.get("sha256") is None:
        raise CheckpointError(f"{run.data_file} is damaged: it has no 'sha256'.")
    if known["sha256"] != dataset.sha256:
        raise CheckpointError(
            f"{dataset.name} is not the data that {run.path} was trained on: they had "
            f"{known.get('num_train')} + {known.get('num_test')} examples with hash "
            f"{known['sha256'][:12]}, now {len(dataset.train)} + {len(dataset.test)} with "
            f"{dataset.sha256[:12]}. Put the old data back or train again."
        )


def trained_rows(config: RunConfig, method: type[Method], split: Split) -> Tensor | None:
    """The rows of the split that are trained on, int64 `(M,)`; None for all.

    The best state is chosen by the others, which are held out where the method can reconstruct.
    """
    if "reconstruct" not in method.capabilities:
        return None
    train = config.train
    is_held = held_for_validation(split, train.validation_fraction, train.seed)
    return (~is_held).nonzero()[:, 0] if is_held.any() else None


def fit_to_data(
    config: RunConfig,
    method: type[Method],
    dataset: Dataset,
    rows: Tensor | None,
    here: World,
    *,
    quiet: bool = False,
) -> RunConfig:
    """The largest batch that few examples fill, and the epochs that make the least steps.

    A line says each, on the main process, unless it is to be quiet.
    """
    num = len(dataset.train) if rows is None else len(rows)
    say = logger.info if here.is_main and not quiet else logger.debug
    config = _with_batch_that_fits(config, num, here, say)
    return _with_least_steps(config, method, dataset, num, say)


def _with_batch_that_fits(
    config: RunConfig, num_examples: int, here: World, say: Callable[[str], None]
) -> RunConfig:
    """The largest batch that few examples fill, in even shares."""
    train, fits = config.train, num_examples // here.size * here.size
    if train.batch_size <= num_examples or fits < 2:
        return config
    say(
        f"there are {num_examples} training examples: batches of {fits} are made, not of"
        f" {train.batch_size}"
    )
    return replace(config, train=replace(train, batch_size=fits))


def _with_least_steps(
    config: RunConfig,
    method: type[Method],
    dataset: Dataset,
    num_examples: int,
    say: Callable[[str], None],
) -> RunConfig:
    """As many epochs as make the least number of steps, and a plan as much longer."""
    train = config.train
    if not train.least_steps:
        return config
    turns = len(make_on_meta(method, config, dataset.spec).turns)
    epochs = math.ceil(train.least_steps * train.batch_size * turns / num_examples)
    if epochs <= train.epochs:
        return config
    say(
        f"{train.epochs:,} epochs of {num_examples:,} examples are too few for"
        f" {train.least_steps:,} steps: training for {epochs:,} epochs (train.least_steps)"
    )
    planned = train.schedule_epochs and round(train.schedule_epochs * epochs / train.epochs)
    return replace(config, train=replace(train, epochs=epochs, schedule_epochs=planned))
