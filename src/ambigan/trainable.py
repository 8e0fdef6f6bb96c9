"""Whether a run can be trained: its batches, networks, memory and data."""

from __future__ import annotations

import logging

from .core.data_spec import DataSpec
from .core.errors import CheckpointError, ConfigError
from .core.files import read_sealed
from .core.machine import physical_memory
from .data import Batches, Dataset
from .engine.config import RunConfig
from .engine.run_folder import RunFolder
from .game import Method
from .methods import check_game, find_method
from .model_files import make_on_meta

logger = logging.getLogger(__name__)

_LARGE_SIDE = 256
"""Height or width in pixels above which images are named as the cause of large networks."""


def check_trainable(config: RunConfig, dataset: Dataset) -> None:
    """Lets what can fail fail before anything is written or trained.

    Of the networks' size, weights, gradients, two optimiser moments and the average are counted,
    and what a method remembers; activations are not.

    Raises:
        ConfigError: a batch is too large, or too small for the game, the feature layer does not
            exist, or the networks need more memory than there is.
    """
    Batches(dataset.train, config.train.seed).check(config.train.batch_size)
    method = make_on_meta(find_method(config.method), config, dataset.spec)
    check_game(method)
    method.find_layer()
    method.check_batch(config.train.batch_size)
    train = config.train
    drawn, asked = train.batch_size * len(method.turns), train.epochs * len(dataset.train)
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
