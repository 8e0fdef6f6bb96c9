"""ELU for networks whose derivatives are differentiated again, as a penalty on a Jacobian does."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

aten: Any = torch.ops.aten

BELOW_ALL = -2.0
"""Less than any value of ELU, which ends at -1."""


def elu(x: Tensor) -> Tensor:
    """The exponential linear unit: x, or exp(x) - 1 where that is negative.

    The values of `torch.nn.functional.elu`. Of its second derivative that function makes a chain of
    half a dozen passes over memory, more than the convolution beside it costs at small widths; with
    y = elu(x), elu'(x) = min(y, 0) + 1 and d elu' / dy = 1 where y < 0, here it is two.

    Args:
        x: of any shape.
    """
    return cast(Any, _Elu).apply(x)


class _Elu(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return aten.elu(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        return cast(Any, _Slope).apply(grad_outputs[0], y)


class _Slope(Function):
    """gradient * elu', by the value y of elu; linear in the gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(gradient: Tensor, y: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return aten.elu_backward(gradient, 1, 1, 1, True, y)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (gradient, y), change = ctx.saved_tensors, grad_outputs[0]
        along = cast(Any, _Slope).apply(change, y)
        return along, aten.hardtanh_backward(change * gradient, y, BELOW_ALL, 0)
