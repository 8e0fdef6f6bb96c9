"""Statistics of trained networks over many batches: those of batch norm and of whitening."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import torch
from torch import nn

from ..core.feature_layers import eval_mode
from ..core.randomness import Randomness
from ..data.batches.sampler import Batches
from ..game import Batch, Method
from ..networks.layers.basic import BatchNorm
from ..networks.layers.spectral_norm import converge_sigma
from ..networks.layers.whitening import Whitening
from .config import TrainSettings

MOST_AT_ONCE = 256
"""Examples; the parts of larger batches count as batches, since one device may not hold them whole,
and batch statistics of so many differ little from those of more."""

WHITENING_BATCHES = 100
"""Number of batches, at least, whose features are whitened by their moments."""


@torch.no_grad()
def reestimate_bn_stats(method: Method, batches: Batches, num: int, size: int, seed: int) -> None:
    """Averages batch-norm statistics over `num` batches, with equal weight, in place.

    Plays the method forward without gradients, so that every network sees what it is trained on: E
    data, G latents, D both. Noise that training adds, such as masks and random colours, is left
    out, as it is where the networks are used. Always in fp32 and on one process. With no batches,
    or without batch norm, nothing changes.

    Source: the BiGAN authors' code, which does this over 1,000 batches before it evaluates.
    """
    norms = [module for module in method.modules() if isinstance(module, BatchNorm)]
    if not norms or not num:
        return
    momenta = [norm.momentum for norm in norms]
    with eval_mode(method):
        for norm in norms:
            norm.reset_statistics()
            norm.momentum = None
            norm.train()
        for i in range(num):
            noise = Randomness(seed, "statistics", i, device=batches.device)
            batch = Batch(batches.draw(i * size, size), method.prior.sample(size, noise), noise)
            method.update_norm_stats(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def recompute_bn_stats(
    method: Method, batches: Batches, settings: TrainSettings, *, at_least: int = 0
) -> None:
    """Prepares networks for use: batch statistics over as many batches as the settings say.

    First the vectors of spectral norm converge to the weights, which may be averaged ones. Last,
    features are whitened, as these networks compute them.
    """
    converge_sigma(method)
    num = max(settings.statistics_batches, at_least)
    batch = min(settings.batch_size, len(batches))
    parts = math.ceil(batch / MOST_AT_ONCE)
    size = batch // parts
    reestimate_bn_stats(method, batches, num * parts, size, settings.seed)
    named = cast(Iterable[tuple[str, nn.Module]], method.named_modules())
    for name, part in named:
        if isinstance(part, Whitening):
            with part.fitting():
                for i in range(max(num, WHITENING_BATCHES) * parts):
                    method.features(batches.draw(i * size, size), name)
