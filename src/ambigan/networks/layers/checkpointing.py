"""Activation checkpointing: blocks that keep their input alone and run again for gradients."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Any

import torch
import torch.utils.checkpoint
from torch import Tensor, nn

from ...core.errors import ConfigError
from .basic import statistics_kept
from .spectral_norm import SpectralNorm

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
    noted = _First(block)
    return noted, _Again(noted)


class _First(AbstractContextManager[None]):
    """Surrounds the first run, and notes what it took."""

    def __init__(self, block: nn.Module) -> None:
        self.block, self.training = block, block.training
        self.norms = [part for part in block.modules() if isinstance(part, SpectralNorm)]
        self.vectors: list[tuple[Tensor, Tensor]] = []

    def __exit__(self, *_exception: object) -> None:
        self.vectors = [(norm.left.clone(), norm.right.clone()) for norm in self.norms]


class _Again(AbstractContextManager[None]):
    """Surrounds every later run, of which there is one for each backward pass of a graph."""

    def __init__(self, first: _First) -> None:
        self.first, self.stack = first, ExitStack()

    def __enter__(self) -> None:
        first = self.first
        if first.block.training != first.training:
            raise ConfigError(
                "a network with checkpointed activations changed between train and eval before its"
                " backward pass; leave its mode as it is until then."
            )
        self.stack = ExitStack()
        self.stack.enter_context(statistics_kept(first.block))
        for norm, vectors in zip(first.norms, first.vectors, strict=True):
            norm.held = vectors

    def __exit__(self, *_exception: object) -> None:
        for norm in self.first.norms:
            norm.held = None
        self.stack.close()
