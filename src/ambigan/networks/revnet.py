"""RevNet-50: residual networks whose activations are computed again, not kept, for gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

from ..core.errors import ConfigError
from ..core.precision import at_least_float32
from .layers.basic import BatchNorm, statistics_kept
from .layers.checkpointing import Checkpointed
from .resnet import halved
from .resnet50 import Branch, ResNet50Encoder, StemKind, make_stem, stage_channels


class Reversible(nn.Module):
    """Blocks of which each maps halves of the channels (x1, x2) to (x2, x1 + f(x2)).

    Two of them are one block of the RevNet paper: y1 = x1 + f(x2), y2 = x2 + g(y1). The input
    follows from the output, x1 = y2 - f(y1), so the backward pass needs the last output alone.
    The halves are kept in fp32 even under autocast, or they would come back with errors.

    Source: Gomez et al. (2017), The Reversible Residual Network, section 3 and Algorithm 1.

    Args:
        branches: each an f, from half of the channels to as many. Batch norm may be inside; no
            other layer whose second run differs from its first, such as spectral norm or dropout.
    """

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same.

        Raises:
            ConfigError: in the backward pass, if it is asked for a graph of its own.
        """
        return cast(Any, _Reversed).apply(self, at_least_float32(x), *self.parameters())


class _Reversed(Function):
    """`Reversible` with gradients; parameters come along, so that autograd knows of them."""

    @staticmethod
    def forward(ctx: Any, network: Reversible, x: Tensor, *parameters: Tensor) -> Tensor:
        ctx.network, ctx.training = network, network.training
        ctx.autocast = _autocast_of(x)
        x1, x2 = x.chunk(2, 1)
        with torch.autocast(**ctx.autocast):
            for branch in network.branches:
                x1, x2 = x2, x1 + branch(x2)
        y = torch.cat([x1, x2], 1)
        ctx.save_for_backward(y, *parameters)  # these, so that autograd sees if they changed
        return y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise ConfigError(
                "a RevNet has no gradients of gradients, since it keeps no activations; leave out"
                " the penalty on its gradients, or take a ResNet."
            )
        network, y = ctx.network, ctx.saved_tensors[0]
        if network.training != ctx.training:
            raise RuntimeError("a RevNet changed its mode between forward and backward pass")
        y1, y2 = y.chunk(2, 1)
        d1, d2 = grad_outputs[0].chunk(2, 1)
        found: dict[Tensor, Tensor] = {}
        with statistics_kept(network), torch.autocast(**ctx.autocast):
            for branch in reversed(network.branches):
                learned = [p for p in branch.parameters() if p.requires_grad]
                x2 = y1.detach().requires_grad_()
                with torch.enable_grad():
                    change = branch(x2)
                through, *own = torch.autograd.grad(change, [x2, *learned], d2.to(change.dtype))
                found |= zip(learned, own, strict=True)
                y1, y2 = y2 - change.detach(), y1
                d1, d2 = d2, d1 + through
                del change, through
        gradients = [found.get(parameter) for parameter in network.parameters()]
        return None, torch.cat([d1, d2], 1), *gradients


def _autocast_of(x: Tensor) -> dict[str, Any]:
    """The state of autocast, to be entered again by a backward pass that runs outside of it."""
    device = x.device.type
    return {
        "device_type": device,
        "dtype": torch.get_autocast_dtype(device),
        "enabled": torch.is_autocast_enabled(device),
    }


class Widen(nn.Module):
    """Means of 2x2 places, and zeros as x1 beside all channels as x2.

    Source: Kolesnikov et al. (2019), authors' code, where half of the zeros are in x2. There norm
    and ReLU leave them at 0, and computed again, rounding errors would say which have a gradient.
    """

    def forward(self, h: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, 2 C, ...)`."""
        return F.pad(halved(h), (0, 0, 0, 0, h.shape[1], 0))


def revnet50(
    in_shape: tuple[int, ...],
    num_outputs: int,
    *,
    width: float = 1,
    depths: Sequence[int] = (3, 4, 6, 3),
    stem: StemKind | None = None,
    **rest: Any,
) -> ResNet50Encoder:
    """E(x), `(N, *in_shape)` to `(N, num_outputs)`: RevNet-50 and a residual MLP.

    Source: Kolesnikov et al. (2019), Revisiting Self-Supervised Visual Representation Learning,
    authors' code. That BigBiGAN's is the same is ours to conclude: at width 4 it has the 86 million
    parameters and the 8192 features that are reported of it.

    Args:
        in_shape: `(C, H, W)` of one input.
        num_outputs: twice the latents' number for a stochastic E.
        width: multiplies all channels.
        depths: blocks of each stage.
        stem: see `resnet50`.
        **rest: of the head, features and first weights, see `Encoder`.
    """
    channels, stages = stage_channels(width, 0), list[nn.Module]()
    first = make_stem(in_shape, channels, stem)
    if isinstance(first, nn.Sequential):
        first = Checkpointed(first)  # max-pooling keeps more than all blocks after it
    for number, depth in enumerate(depths):
        channels = stage_channels(width, number)
        blocks = Reversible([Branch(channels // 2, channels // 2) for _ in range(depth)])
        stages.append(nn.Sequential(Widen(), blocks) if number else blocks)
    return ResNet50Encoder(first, stages, BatchNorm(channels), channels, num_outputs, **rest)
