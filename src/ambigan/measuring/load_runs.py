"""Which networks of a run are measured: each kind of weights, checkpoints, untrained ones."""

from __future__ import annotations

from pathlib import Path

import torch

from ..core.errors import CheckpointError
from ..data import Batches, Dataset
from ..engine.bn_statistics import recompute_bn_stats
from ..engine.checkpoint import read_checkpoint
from ..engine.config import RunConfig
from ..engine.run_folder import RunFolder
from ..game import Method
from ..run import Run, Weights, load
from ..training import make_method


def load_kinds(
    path: str | Path, weights: Weights | None, device: str, method: type[Method] | None
) -> list[Run]:
    """The run with the weights asked for; if None, averaged and last ones, where there are both."""
    while True:  # a run that is still training may save between the two
        first = load(path, weights=weights, device=device, method=method)
        if weights is not None or first.weights == "raw":
            return [first]
        last = load(path, weights="raw", device=device, method=method)
        if first.images_seen == last.images_seen:
            return [first, last]


def runs_of_checkpoint(
    checkpoint: Path,
    folder: RunFolder,
    config: RunConfig,
    method_class: type[Method],
    dataset: Dataset,
    device: torch.device,
    weights: Weights | None = None,
) -> list[Run]:
    """The averaged and the last networks of a checkpoint, their batch statistics taken anew.

    Only those asked for, where there are such.

    Raises:
        CheckpointError: it cannot be read, or is of other networks.
    """
    state = read_checkpoint(checkpoint)
    batches = Batches(dataset.train, config.train.seed, device)
    runs: list[Run] = []
    kinds: tuple[tuple[Weights, str], ...] = (("ema", "ema"), ("raw", "method"))
    there = [pair for pair in kinds if state[pair[1]] is not None]
    for kind, key in [pair for pair in there if weights in (None, pair[0])] or there:
        method = make_method(config, dataset.spec, method_class)
        try:
            method.load_state_dict(state[key])
        except RuntimeError as error:
            raise CheckpointError(f"{checkpoint} is of other networks.") from error
        recompute_bn_stats(method.to(device), batches, config.train)
        runs.append(
            Run(
                folder.path,
                config,
                method.eval(),
                dataset.spec,
                dataset.scaling,
                dataset.label_names,
                state["images_seen"],
                kind,
            )
        )
    return runs
