"""Batch normalisation over the batch of all processes, by torch's fused functions."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from ...core.distributed import global_mean, mean_over_ranks
from ...core.precision import at_least_float32


def normalise(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, by channel of the global batch.

    One message to the others forth and one back. What is kept for gradients is x.

    Args:
        x: this process's share, `(N, C)` or `(N, C, ...)`, as large as every other's.
        weight: `(C,)`, or None for 1.
        bias: `(C,)`, or None for 0.
        epsilon: added to the variance.

    Returns:
        the result, like x; and mean and (biased) variance, `(C,)`, which have no gradient.
    """
    return cast(Any, _Normalise).apply(x, weight, bias, epsilon)


class _Normalise(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        wide = at_least_float32(x)
        variance, mean = torch.var_mean(wide, _axes(x), correction=0)
        # In double, where E[x^2] - E[x]^2 takes away nothing that fp32 knows of the variance.
        own = mean.double()
        mean, square = mean_over_ranks(torch.stack([own, variance.double() + own * own]))
        variance = (square - mean * mean).clamp_min(0).to(wide.dtype)
        mean = mean.to(wide.dtype)
        ctx.epsilon = epsilon
        ctx.save_for_backward(x, weight, bias, mean, variance)
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, epsilon), mean, variance

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        x, weight, bias, mean, variance = ctx.saved_tensors
        d_y, epsilon = grad_outputs[0], ctx.epsilon
        if torch.is_grad_enabled():
            return *_differentiable(x, weight, bias, epsilon, d_y), None
        # As if mean and variance were given, whose own gradients are then sums over all processes.
        d_x, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
            d_y, x, weight, mean, variance, None, None, False, epsilon, [True, True, True]
        )
        shift, slope = mean_over_ranks(torch.stack([d_bias, d_weight])) / (x.numel() / x.shape[1])
        steepness, shape = (variance + epsilon).rsqrt(), _shape(x)
        gain = steepness if weight is None else steepness * weight
        change = at_least_float32(x) - mean.view(shape)
        d_x -= change.mul_((gain * steepness * slope).view(shape)).add_((gain * shift).view(shape))
        d_weight = None if weight is None else d_weight
        d_bias = None if bias is None else d_bias
        return d_x, d_weight, d_bias, None


def _differentiable(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float, d_y: Tensor
) -> list[Tensor | None]:
    """Gradients by operations that have gradients, for penalties on the gradients themselves."""
    inputs = {"x": x, "weight": weight, "bias": bias}
    learned = {name: v for name, v in inputs.items() if v is not None and v.requires_grad}
    y = _by_parts(x, weight, bias, epsilon)
    gradients = torch.autograd.grad(y, [*learned.values()], d_y, create_graph=True)
    found = dict(zip(learned, gradients, strict=True))
    return [found.get(name) for name in inputs]


def _by_parts(x: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float) -> Tensor:
    wide, shape = at_least_float32(x), _shape(x)
    centred = wide - global_mean(wide.mean(_axes(x))).view(shape)
    variance = global_mean(centred.square().mean(_axes(x)))
    gain = (variance + epsilon).rsqrt()
    gain = gain if weight is None else gain * weight
    normed = centred * gain.view(shape)
    return (normed if bias is None else normed + bias.view(shape)).to(x.dtype)


def _shape(x: Tensor) -> tuple[int, ...]:
    """In which a number for each channel meets all places."""
    return (1, -1, *[1] * (x.ndim - 2))


def _axes(x: Tensor) -> list[int]:
    """All but the channels'."""
    return [0, *range(2, x.ndim)]
