"""Activation checkpointing: blocks that store only their input and run again for gradients."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils.checkpoint
from torch import Tensor, nn

from ...core.errors import ConfigError
from .basic import statistics_kept
from .spectral_norm import SpectralNorm

checkpoint_module: Any = torch.utils.checkpoint  # its type hints are incomplete


def checkpointed(block: nn.Module, *inputs: Any) -> Tensor:
    """Computes `block(*inputs)` and stores only the inputs; the backward pass runs the block again.

    The second run reproduces the first one exactly: batch norms do not count their batch twice, and
    spectral norms use the singular vectors of the first run, even if other forward passes have
    updated them since. Without gradients it is a plain call.

    Source: Chen et al. (2016), Training Deep Nets with Sublinear Memory Cost; torch's own
    checkpoint.

    Args:
        block: Module to run. It must be deterministic, so it may hold no dropout.
        inputs: Positional arguments of the block, tensors or not.
    """
    if not torch.is_grad_enabled():
        return block(*inputs)
    # Blocks draw no random numbers, so there is no generator state to store.
    return checkpoint_module.checkpoint(
        _Runs(block), *inputs, use_reentrant=False, preserve_rng_state=False
    )


class Checkpointed(nn.Sequential):
    """A sequential container whose blocks are each `checkpointed`."""

    def forward(self, input: Tensor) -> Tensor:
        """Applies the blocks in order and returns the output of the last one."""
        h = input
        for block in self:
            h = checkpointed(block, h)
        return h


class _Runs:
    """The runs of a block: the first one, and one for each backward pass through the graph."""

    def __init__(self, block: nn.Module) -> None:
        self.block, self.training = block, block.training
        self.norms = [part for part in block.modules() if isinstance(part, SpectralNorm)]
        self.vectors: list[tuple[Tensor, Tensor]] | None = None

    def __call__(self, *inputs: Any) -> Tensor:
        if self.vectors is None:
            output = self.block(*inputs)
            # This run has just advanced the power iteration, so the vectors are read when it ends.
            # They are cloned because the next forward pass updates the buffers in place.
            self.vectors = [(norm.left.clone(), norm.right.clone()) for norm in self.norms]
            return output
        # In the other mode batch norm would normalise by other statistics: the gradients would
        # belong to a function that was never evaluated, and nothing else would show it.
        if self.block.training != self.training:
            raise ConfigError(
                "a network with checkpointed activations was switched between train and eval mode"
                " before its backward pass; keep its mode until then."
            )
        for norm, vectors in zip(self.norms, self.vectors, strict=True):
            norm.fixed_vectors = vectors
        try:
            with statistics_kept(self.block):
                return self.block(*inputs)
        finally:
            for norm in self.norms:
                norm.fixed_vectors = None
