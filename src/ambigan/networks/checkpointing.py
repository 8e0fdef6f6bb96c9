"""Activation checkpointing: blocks that keep their input alone and run again for gradients."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
import torch.utils.checkpoint
from torch import Tensor, nn

from .layers import statistics_kept
from .spectral import SpectralNorm

again: Any = torch.utils.checkpoint  # typed in part only


def checkpointed(block: nn.Module, *inputs: Any) -> Tensor:
    """`block(*inputs)`, of which only the inputs are kept; the backward pass runs it again.

    The second run is the first one's equal: batch norms do not count their batch again, and
    spectral norms take the vectors that the first run took, even if others have run in between.
    Nothing is drawn at random inside. Without gradients it is a plain call.

    Source: Chen et al. (2016), Training Deep Nets with Sublinear Memory Cost; torch's own.

    Args:
        block: without dropout or other chance.
        inputs: what it takes, tensors or not.
    """
    if not torch.is_grad_enabled():
        return block(*inputs)
    return again.checkpoint(
        block,
        *inputs,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: _first_and_second(block),
    )


class Checkpointed(nn.Sequential):
    """A sequence of blocks, each `checkpointed`."""

    def forward(self, input: Tensor) -> Tensor:
        """What the last block says."""
        h = input
        for block in self:
            h = checkpointed(block, h)
        return h


def _first_and_second(
    block: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What surrounds the first run, which notes the vectors of spectral norm, and the second."""
    norms = [part for part in block.modules() if isinstance(part, SpectralNorm)]
    taken: list[tuple[Tensor, Tensor]] = []

    @contextmanager
    def first() -> Generator[None]:
        yield
        taken.extend((norm.left.clone(), norm.right.clone()) for norm in norms)

    @contextmanager
    def second() -> Generator[None]:
        for norm, vectors in zip(norms, taken, strict=True):
            norm.held = vectors
        try:
            with statistics_kept(block):
                yield
        finally:
            for norm in norms:
                norm.held = None

    return first(), second()
