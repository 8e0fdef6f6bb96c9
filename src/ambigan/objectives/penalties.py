"""Penalties on how a discriminator may look."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.precision import at_least_float32


def r1(discriminator: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """E[|gradient of D at real inputs|^2] / 2, over all inputs of a pair together.

    Source: Mescheder, Geiger, Nowozin (2018), Eq. 9, without its weight. The penalty has a forward
    pass of its own, on inputs cut from whatever made them, since it is D's alone.

    Args:
        discriminator: takes the inputs and returns logits `(N, 1)`.
        inputs: real data and, of a pair, their latents; `(N, ...)` each.

    Returns:
        A scalar, in float32 at least, that can be differentiated by D's parameters.
    """
    leaves = [value.detach().requires_grad_() for value in inputs]
    with torch.enable_grad():
        logits = discriminator(*leaves)
        gradients = torch.autograd.grad(logits.sum(), leaves, create_graph=True)
    squares = [at_least_float32(g).square().flatten(1).sum(1) for g in gradients]
    return torch.stack(squares).sum(0).mean() / 2
