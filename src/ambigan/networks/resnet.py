"""The residual discriminator of SAO: a ResNet-18 without batch norm, whose features are read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.precision import at_least_float32
from .convnet import channels_last
from .layers.elu import elu


def average_pool2(h: Tensor) -> Tensor:
    """Averages 2x2 pixels; odd sides are rounded up, with the last row or column by itself."""
    return F.avg_pool2d(h, 2, ceil_mode=True)


class ResBlock(nn.Module):
    """A residual block without batch norm: elu(shortcut(h) + norm(W2 * elu(W1 * h))).

    Group norm treats each example on its own. Where images shrink, h is averaged first. The
    shortcut is h itself, or norm(W * h) where channels or size change. A `group_size` of 0 leaves
    out the norm; convolutions have biases then.
    """

    def __init__(self, in_channels: int, out_channels: int, halve: bool, group_size: int) -> None:
        super().__init__()
        self.halve = halve
        bias = not group_size
        self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=bias)
        self.norm = _group_norm(out_channels, group_size)
        self.shortcut = nn.Identity()
        if halve or in_channels != out_channels:
            convolution = nn.Conv2d(in_channels, out_channels, 1, bias=bias)
            self.shortcut = nn.Sequential(convolution, _group_norm(out_channels, group_size))

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, out_channels, ...)`."""
        h = average_pool2(h) if self.halve else h
        inner = elu(self.first(h))
        return elu(self.norm(self.second(inner)) + self.shortcut(h))


class ResNetStem(nn.Module):
    """The first layer, elu(W * x), with 3x3 kernels at full size."""

    def __init__(self, in_channels: int, out_channels: int, bias: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, out_channels, H, W)`."""
        return elu(self.convolution(x))


class Pool(nn.Module):
    """Average-pools maps of any size to a square grid, in fp32; by default to one mean per channel.

    A pixel on the border between fields counts in each by the share of it that lies there, so the
    grid need not divide the maps.

    Args:
        side: Height and width of the grid.
    """

    def __init__(self, side: int = 1) -> None:
        super().__init__()
        self.side = side

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, C side^2)`: channel by channel, its fields row by row."""
        h = at_least_float32(h)
        if self.side == 1:
            return h.mean((2, 3))
        with torch.autocast(h.device.type, enabled=False):
            # Two products with small matrices. Unlike adaptive_avg_pool2d on CUDA, whose backward
            # pass adds in any order, their gradients are the same in every run.
            rows, columns = (self._shares(size, h) for size in h.shape[2:])
            return (rows @ h @ columns.T).flatten(1)

    def _shares(self, size: int, h: Tensor) -> Tensor:
        """Returns weights `(side, size)`: the share of each pixel, along an axis, in each field."""
        # Field i covers [i, i + 1) * size / side and pixel j covers [j, j + 1); the overlap of
        # both, over the length of the field, is the weight.
        edges = torch.arange(self.side + 1, device=h.device, dtype=h.dtype)[:, None]
        edges = edges * (size / self.side)
        places = torch.arange(size, device=h.device, dtype=h.dtype)
        overlap = edges[1:].minimum(places + 1) - edges[:-1].maximum(places)
        return overlap.clamp_min(0) * (self.side / size)


class Head(nn.Module):
    """An MLP W2 elu(W1 h), in fp32 even under autocast because its outputs are compared."""

    def __init__(self, in_features: int, num_outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, in_features)
        self.linear = nn.Linear(in_features, num_outputs)

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, in_features)` to `(N, num_outputs)`."""
        with torch.autocast(h.device.type, enabled=False):
            return self.linear(elu(self.hidden(h)))


class ResNet(nn.Module):
    """`stem`, `stage1`, `stage2`, ..., `pool` and `output`, an MLP with one hidden layer.

    With two blocks in each of four stages it is ResNet-18, with these changes: a 3x3 stem without
    max-pooling, averages in the place of strides, ELU, and group norm on each block's second
    convolution and shortcut. Convolutions have no biases where there is group norm.

    Source: arXiv 2310.00357, authors' code.

    Args:
        in_shape: Shape of one input, `(C, H, W)`.
        channels: Number of channels of each stage. Every stage but the first halves the images.
        depth: Number of blocks in a stage.
        num_outputs: Number of outputs of the head.
        group_size: Number of channels in a group of group norm; 0 for no norm.
    """

    def __init__(
        self,
        in_shape: tuple[int, ...],
        channels: Sequence[int],
        depth: int,
        num_outputs: int,
        group_size: int,
    ) -> None:
        super().__init__()
        self.out_shape: tuple[int, ...] = (num_outputs,)
        self.num_features = channels[-1]
        stages = tuple(f"stage{i + 1}" for i in range(len(channels)))
        self.hidden_names = ("stem", *stages)
        self.vector_names = ("pool",)
        self.stem, before = ResNetStem(in_shape[0], channels[0], bias=not group_size), channels[0]
        for number, (name, after) in enumerate(zip(stages, channels, strict=True)):
            blocks = [ResBlock(before, after, number > 0, group_size)]
            blocks += [ResBlock(after, after, False, group_size) for _ in range(depth - 1)]
            self.add_module(name, nn.Sequential(*blocks))
            before = after
        self.pool = Pool()
        self.output = Head(before, num_outputs)

    def forward(self, x: Tensor, *, head: bool = True) -> Tensor:
        """Maps images `(N, C, H, W)` to `(N, num_outputs)`.

        Without the head, the result is what enters it, features `(N, num_features)`.
        """
        h = channels_last(x)
        for name in self.hidden_names:
            h = self.get_submodule(name)(h)
        h = self.pool(h)
        return self.output(h) if head else h


def _group_norm(channels: int, group_size: int) -> nn.Module:
    """Builds group norm with groups of this many channels; one group if there are fewer."""
    if not group_size:
        return nn.Identity()
    num_groups = max(1, channels // group_size)
    if channels % num_groups:
        raise ConfigError(
            f"{channels} channels cannot be divided into groups of {group_size}; make"
            " settings.network.width a multiple of settings.network.group_size."
        )
    return nn.GroupNorm(num_groups, channels)
