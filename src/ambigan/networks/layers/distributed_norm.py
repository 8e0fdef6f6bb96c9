"""Batch normalisation over the batches of all processes, built on torch's fused functions.

Each process holds a slice of the global batch. Forward and backward communicate once each: the
forward pass averages the first two moments, the backward pass the two sums over examples that the
gradient of a normalised output contains.
"""

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
    """Computes (x - mean) / sqrt(variance + epsilon) * weight + bias over the global batch.

    Mean and variance are those of each channel.

    Only x and the statistics are stored for the backward pass, not the normalised values.

    Args:
        x: This process's slice of the batch, `(N, C)` or `(N, C, ...)`. N is the same everywhere.
        weight: Gain of each channel, `(C,)`, or None for 1.
        bias: Bias of each channel, `(C,)`, or None for 0.
        epsilon: Positive number added to the variance.

    Returns:
        The normalised values, like x, and the mean and biased variance of the global batch, each
        `(C,)`. Mean and variance have no gradient.
    """
    return cast(Any, _Normalise).apply(x, weight, bias, epsilon)


class _Normalise(Function):
    """The autograd function behind `normalise`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        wide = at_least_float32(x)
        variance, mean = torch.var_mean(wide, _axes(x), correction=0)
        # Moments of slices average to those of the whole, but variances do not: what is averaged
        # is E[x^2]. In float64 the subtraction E[x^2] - E[x]^2 loses no digit that the float32
        # variance of a slice had.
        local_mean = mean.double()
        local_square = variance.double() + local_mean * local_mean
        mean, square = mean_over_ranks(torch.stack([local_mean, local_square]))
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
            # The caller passed create_graph=True, for a penalty on gradients. The formula below
            # calls kernels that autograd cannot differentiate.
            return *_composite_backward(x, weight, bias, epsilon, d_y), None
        # First the gradient as if mean and variance were constants: this is what torch's fused
        # kernel computes in eval mode.
        d_x, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
            d_y, x, weight, mean, variance, None, None, False, epsilon, [True, True, True]
        )
        # Then the part through the statistics. With x_hat the normalised x, the full gradient is
        #   gain * (d_y - mean(d_y) - x_hat * mean(d_y * x_hat)),
        # the means over the global batch. The kernel's d_bias and d_weight (at gain 1) are the
        # sums of d_y and d_y * x_hat over this slice, so one all-reduce of (2, C) gives both.
        shift, slope = mean_over_ranks(torch.stack([d_bias, d_weight])) / (x.numel() / x.shape[1])
        inverse_std, shape = (variance + epsilon).rsqrt(), _shape(x)
        gain = inverse_std if weight is None else inverse_std * weight
        centred = at_least_float32(x) - mean.view(shape)
        d_x -= centred.mul_((gain * inverse_std * slope).view(shape)).add_(
            (gain * shift).view(shape)
        )
        # d_weight and d_bias stay local sums: the engine averages parameter gradients over ranks.
        d_weight = None if weight is None else d_weight
        d_bias = None if bias is None else d_bias
        return d_x, d_weight, d_bias, None


def _composite_backward(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float, d_y: Tensor
) -> list[Tensor | None]:
    """Returns gradients built of differentiable operations, which can be differentiated again."""
    inputs = {"x": x, "weight": weight, "bias": bias}
    learned = {name: v for name, v in inputs.items() if v is not None and v.requires_grad}
    y = _composite_forward(x, weight, bias, epsilon)
    gradients = torch.autograd.grad(y, [*learned.values()], d_y, create_graph=True)
    found = dict(zip(learned, gradients, strict=True))
    return [found.get(name) for name in inputs]


def _composite_forward(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float
) -> Tensor:
    """Computes the same values as `normalise`, by elementary operations that autograd records."""
    wide, shape = at_least_float32(x), _shape(x)
    centred = wide - global_mean(wide.mean(_axes(x))).view(shape)
    variance = global_mean(centred.square().mean(_axes(x)))
    gain = (variance + epsilon).rsqrt()
    gain = gain if weight is None else gain * weight
    normed = centred * gain.view(shape)
    return (normed if bias is None else normed + bias.view(shape)).to(x.dtype)


def _shape(x: Tensor) -> tuple[int, ...]:
    """Returns the shape in which one number per channel broadcasts against x."""
    return (1, -1, *[1] * (x.ndim - 2))


def _axes(x: Tensor) -> list[int]:
    """Returns all axes but the channels'."""
    return [0, *range(2, x.ndim)]
