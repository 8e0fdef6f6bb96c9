"""The reversible blocks of RevNet-50, which recompute their activations in the backward pass.

An ordinary network stores the activations of every block for the backward pass. Here each block can
be inverted, so the activations of a whole stage follow from its last ones and memory does not grow
with depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

from ...core.errors import ConfigError
from ...core.precision import at_least_float32
from ..resnet import average_pool2
from .basic import statistics_kept


class Reversible(nn.Module):
    """A chain of reversible blocks, which map channel halves (x1, x2) to (x2, x1 + f(x2)).

    Two of them form one block of the RevNet paper: y1 = x1 + f(x2), y2 = x2 + g(y1). The input
    follows from the output (y1, y2) = (x2, x1 + f(x2)) as x2 = y1, x1 = y2 - f(y1), so the backward
    pass needs the last output alone. The halves are kept in fp32 even under autocast, since
    rounding errors of the subtraction would accumulate from block to block.

    Source: Gomez et al. (2017), The Reversible Residual Network, section 3 and Algorithm 1.

    Args:
        branches: Residual branches f, each from half of the channels to as many. They may contain
            batch norm, but no other layer whose second run differs from the first, such as spectral
            norm or dropout.
    """

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to the same shape.

        Raises:
            ConfigError: The backward pass is asked for a graph of its own (`create_graph=True`).
        """
        return cast(Any, _Reversed).apply(self, at_least_float32(x), *self.parameters())


class _Reversed(Function):
    """The autograd function behind `Reversible`.

    The parameters are passed as arguments too, because autograd returns gradients for arguments
    only.
    """

    @staticmethod
    def forward(ctx: Any, network: Reversible, x: Tensor, *parameters: Tensor) -> Tensor:
        ctx.network, ctx.training = network, network.training
        ctx.autocast = _autocast_of(x)
        x1, x2 = x.chunk(2, 1)
        with torch.autocast(**ctx.autocast):
            for branch in network.branches:
                x1, x2 = x2, x1 + branch(x2)
        y = torch.cat([x1, x2], 1)
        # The parameters are saved for autograd's version check alone: if an optimiser changes them
        # in place before the backward pass, the inversion would be wrong, and this raises an error.
        ctx.save_for_backward(y, *parameters)
        return y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise ConfigError(
                "a RevNet stores no activations, so it has no gradients of gradients; leave out the"
                " penalty on its gradients, or choose a ResNet."
            )
        network, y = ctx.network, ctx.saved_tensors[0]
        if network.training != ctx.training:
            raise RuntimeError("a RevNet changed its mode between forward and backward pass")
        # Walk the chain from its output to its input. (y1, y2) is the output of the current block
        # and (d1, d2) the gradient with respect to it.
        y1, y2 = y.chunk(2, 1)
        d1, d2 = grad_outputs[0].chunk(2, 1)
        found: dict[Tensor, Tensor] = {}
        with statistics_kept(network), torch.autocast(**ctx.autocast):
            for branch in reversed(network.branches):
                learned = [p for p in branch.parameters() if p.requires_grad]
                # The first output is the second input, so f can run again on the same values, this
                # time with a graph. Batch norm normalises by the same batch; `statistics_kept`
                # keeps it from counting the batch twice.
                x2 = y1.detach().requires_grad_()
                with torch.enable_grad():
                    change = branch(x2)
                through, *own = torch.autograd.grad(change, [x2, *learned], d2.to(change.dtype))
                # f enters y2 alone, so its parameters and its input take d2.
                found |= zip(learned, own, strict=True)
                # Invert the block: (x1, x2) = (y2 - f(x2), y1).
                y1, y2 = y2 - change.detach(), y1
                # x1 enters y2 only. x2 enters y1 directly and y2 through f.
                d1, d2 = d2, d1 + through
                # Free this block's graph before the next one is built, so that only one is alive at
                # a time.
                del change, through
        gradients = [found.get(parameter) for parameter in network.parameters()]
        return None, torch.cat([d1, d2], 1), *gradients


def _autocast_of(x: Tensor) -> dict[str, Any]:
    """Returns the state of autocast, which the backward pass, run outside of it, must restore."""
    device = x.device.type
    return {
        "device_type": device,
        "dtype": torch.get_autocast_dtype(device),
        "enabled": torch.is_autocast_enabled(device),
    }


class Widen(nn.Module):
    """Averages 2x2 pixels into x2 and sets x1 to zeros, which halves images and doubles channels.

    Source: Kolesnikov et al. (2019), authors' code, where half of the zeros are in x2. There batch
    norm and ReLU map the zeros to exactly 0; recomputed with rounding errors, they would randomly
    get a gradient or none.
    """

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, 2 C, ...)`."""
        return F.pad(average_pool2(h), (0, 0, 0, 0, h.shape[1], 0))
