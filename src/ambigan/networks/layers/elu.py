"""ELU for networks whose gradient is differentiated again, as a penalty on a Jacobian does."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

aten: Any = torch.ops.aten

BELOW_ALL = -2.0
"""A number below the range of ELU, which is bounded by -1."""


def elu(x: Tensor) -> Tensor:
    """Applies the exponential linear unit: x where x is positive, exp(x) - 1 elsewhere.

    The values equal those of `torch.nn.functional.elu`. Autograd differentiates torch's backward
    pass by half a dozen passes over memory, which at small widths costs more than the adjacent
    convolution. Written in terms of y = elu(x) the slope is elu'(x) = min(y, 0) + 1, and the second
    derivative takes two passes.
    """
    return cast(Any, _Elu).apply(x)


class _Elu(Function):
    """ELU that stores its output y alone, from which all derivatives follow."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return aten.elu(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        # The output and not x: it is needed by the next layer anyway, so storing it costs nothing.
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        return cast(Any, _Slope).apply(grad_outputs[0], y)


class _Slope(Function):
    """Multiplies a gradient by elu', computed from the output y of ELU."""

    generate_vmap_rule = True

    @staticmethod
    def forward(gradient: Tensor, y: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        # alpha, scale and input_scale of torch's ELU; True says that y is the result and not the
        # input.
        return aten.elu_backward(gradient, 1, 1, 1, True, y)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        # The map is gradient -> gradient * s(y) with the slope s(y) = min(y, 0) + 1. It is linear
        # in the gradient, so the derivative in that direction is the same map (and may be
        # differentiated again). In the direction of y it is change * gradient * s'(y), where s'
        # is 1 for y < 0 and 0 elsewhere: that indicator is the backward pass of a clamp from
        # above at 0, so one fused kernel multiplies and masks. The lower bound never applies.
        (gradient, y), change = ctx.saved_tensors, grad_outputs[0]
        d_gradient = cast(Any, _Slope).apply(change, y)
        return d_gradient, aten.hardtanh_backward(change * gradient, y, BELOW_ALL, 0)
