"""Penalties on the slope of a discriminator, differentiable by its parameters.

Each is made of a gradient with respect to inputs that keeps its graph (`create_graph`), so that the
optimiser's gradient goes through it: a second derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..core.precision import at_least_float32

_linalg: Any = torch.linalg  # its functions carry no types


def r1(discriminator: Callable[..., Tensor], *inputs: Float[Tensor, "N ..."]) -> Float[Tensor, ""]:
    """E[|gradient of D at real inputs|^2] / 2, over all inputs of a pair together.

    Source: Mescheder, Geiger, Nowozin (2018), Eq. 9, without its weight. The penalty has a forward
    pass of its own, on inputs cut from whatever made them, since it is D's alone; batch norm's
    statistics count it, so that real data weigh twice in them.

    Args:
        discriminator: function from the inputs to logits `(N, 1)`.
        inputs: real data and, for pairs, their latents; `(N, ...)` each.

    Returns:
        A scalar, in float32 at least, that can be differentiated by D's parameters.
    """
    return _squared_gradients(discriminator, inputs).mean() / 2


def gradient_norm(
    discriminator: Callable[..., Tensor], *inputs: Float[Tensor, "N ..."], target: float = 1.0
) -> Float[Tensor, ""]:
    """E[(|gradient of D at its inputs| - target)^2], over all inputs of a pair together.

    Of one logit the gradient is the Jacobian, so this is the regulariser of arXiv 2310.00357 for a
    discriminator that has no embedding; on a line between real and generated data it would be that
    of Gulrajani et al. (2017).

    Args:
        discriminator: function from the inputs to logits `(N, 1)`.
        inputs: real or generated data and, for pairs, their latents; `(N, ...)` each.
        target: norm that the gradient is drawn to.

    Returns:
        A scalar, in float32 at least, that can be differentiated by D's parameters.
    """
    squares = _squared_gradients(discriminator, inputs)
    norms = squares.clamp_min(torch.finfo(squares.dtype).tiny).sqrt()
    return (norms - target).square().mean()


def _squared_gradients(discriminator: Callable[..., Tensor], inputs: Sequence[Tensor]) -> Tensor:
    """Of each sample's logit by all its inputs, `(N,)`, with its graph."""
    # Leaves of a graph of their own: the penalty is D's alone and must not reach G or E.
    leaves = [value.detach().requires_grad_() for value in inputs]
    with torch.enable_grad():
        # Samples do not depend on each other (but through batch norm), so the gradient of the sum
        # holds each sample's own gradient.
        logits = discriminator(*leaves)
        gradients = torch.autograd.grad(logits.sum(), leaves, create_graph=True)
    squares = [at_least_float32(g).square().flatten(1).sum(1) for g in gradients]
    return torch.stack(squares).sum(0)


def jacobian_normalized(
    network: Callable[[Tensor], Tensor],
    x: Float[Tensor, "N ..."],
    start: Float[Tensor, "N D"],
    iterations: int = 1,
) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    """Outputs, and how much each can change with its input: |J v|, J = d output / d x, per sample.

    v approaches the direction in which the output changes most, by power iteration from `start`:
    v = J' u / |J' u|, then u = J v / |J v|. Nothing but products with J is formed. J' u is a
    backward pass to the inputs; it is linear in u, and its derivative by u, along v, is J v. So
    one forward pass serves the products and, with its graph, whatever else the outputs are for.
    v is taken as given: with it, the gradient of |J v| is that of u' J v.

    Source: arXiv 2310.00357 (its regulariser). The authors' code has J v by dual numbers, in a
    forward pass of its own; the values are the same.

    Args:
        network: function from `(N, ...)` to `(N, D)`, sample by sample: no batch norm.
        x: inputs, `(N, ...)`.
        start: directions of outputs, `(N, D)`, of any length.
        iterations: number of power iterations, 1 or more.

    Returns:
        Outputs `(N, D)` and norms `(N,)`, in float32 at least; never above the largest singular
        value of J, which they approach.
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        outputs = network(leaf)
        change = start
        for number in range(iterations):
            # J'u by a backward pass, linear in u; its length gives the next direction v.
            u = change.detach().to(outputs.dtype).requires_grad_()
            (pulled,) = torch.autograd.grad(outputs, leaf, u, create_graph=True)
            v = _to_length_one(pulled.detach()).to(pulled.dtype)
            # J v as the derivative of J'u by u, along v; only the last keeps a graph for D.
            is_last = number == iterations - 1
            (change,) = torch.autograd.grad(pulled, u, v, create_graph=is_last)
    return outputs, _linalg.vector_norm(at_least_float32(change), dim=1)


def _to_length_one(v: Tensor) -> Tensor:
    """Each sample's tensor, divided by its length; zeros stay."""
    wide = at_least_float32(v)
    length: Tensor = _linalg.vector_norm(wide.flatten(1), dim=1)
    length = length.clamp_min(torch.finfo(wide.dtype).tiny)
    return wide / length.view(-1, *[1] * (v.ndim - 1))
