"""Residual networks for a discriminator whose features are wanted: ResNet-18 without batch norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.precision import at_least_float32
from .convnet import channels_last
from .layers.elu import elu


def halved(h: Tensor) -> Tensor:
    """Means of 2x2 places; odd sides are rounded up, the last place then alone."""
    return F.avg_pool2d(h, 2, ceil_mode=True)


class ResBlock(nn.Module):
    """elu(shortcut(h) + norm(W2 * elu(W1 * h))), without batch norm: each sample by itself.

    Where images become smaller, h is averaged first. The shortcut is h itself, or norm(W * h) where
    channels or size change.

    Args:
        in_channels: of h.
        out_channels: of the result.
        halve: images become half as large, by means.
        group_size: channels of a group of group norm; 0 for none.
    """

    def __init__(self, in_channels: int, out_channels: int, halve: bool, group_size: int) -> None:
        super().__init__()
        self.halve = halve
        bias = not group_size
        self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=bias)
        self.norm = _group_norm(out_channels, group_size)
        if halve or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=bias),
                _group_norm(out_channels, group_size),
            )
        else:
            self.shortcut = nn.Identity()

    def forward(self, h: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, out_channels, ...)`."""
        h = halved(h) if self.halve else h
        inner = elu(self.first(h))
        return elu(self.norm(self.second(inner)) + self.shortcut(h))


class ResNetStem(nn.Module):
    """elu(W * x) with 3x3 kernels, at full size."""

    def __init__(self, in_channels: int, out_channels: int, bias: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, out_channels, H, W)`."""
        return elu(self.convolution(x))


class Pool(nn.Module):
    """Means of maps over the fields of a square grid, in fp32: by default over all places.

    A place on the border of fields counts in each by its share, so that any maps will do. By
    products with small matrices, whose gradients are the same in every run on every device.

    Args:
        side: of the grid.
    """

    def __init__(self, side: int = 1) -> None:
        super().__init__()
        self.side = side

    def forward(self, h: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C side^2)`, a channel's fields side by side, in rows."""
        h = at_least_float32(h)
        if self.side == 1:
            return h.mean((2, 3))
        with torch.autocast(h.device.type, enabled=False):
            rows, columns = (self._shares(size, h) for size in h.shape[2:])
            return (rows @ h @ columns.T).flatten(1)

    def _shares(self, size: int, h: Tensor) -> Tensor:
        """Of places in the mean of each field, along one side, `(side, size)`."""
        edges = torch.arange(self.side + 1, device=h.device, dtype=h.dtype)[:, None]
        edges = edges * (size / self.side)
        places = torch.arange(size, device=h.device, dtype=h.dtype)
        overlap = edges[1:].minimum(places + 1) - edges[:-1].maximum(places)
        return overlap.clamp_min(0) * (self.side / size)


class Head(nn.Module):
    """W2 elu(W1 h), forward in fp32 even under autocast: its outputs are compared."""

    def __init__(self, in_features: int, num_outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, in_features)
        self.linear = nn.Linear(in_features, num_outputs)

    def forward(self, h: Tensor) -> Tensor:
        """`(N, in_features)` to `(N, num_outputs)`."""
        with torch.autocast(h.device.type, enabled=False):
            return self.linear(elu(self.hidden(h)))


class ResNet(nn.Module):
    """`stem`, `stage1`, `stage2`, ..., `pool` and `output`, an MLP of one hidden layer.

    ResNet-18 with two blocks in each of four stages; a 3x3 stem without max-pooling, averages in
    the place of strides, ELU, and group norm on each block's second convolution and shortcut.

    Convolutions have no biases where there is group norm.

    Source: arXiv 2310.00357, authors' code.

    Args:
        in_shape: `(C, H, W)` of one input.
        channels: of each stage; all but the first begin by halving the images.
        depth: blocks of a stage.
        num_outputs: of the head.
        group_size: channels of a group; 0 for no norm.
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

    def forward(self, x: Tensor, *, pooled: bool = False) -> Tensor:
        """Images `(N, C, H, W)` to `(N, num_outputs)`, or to the features before the head.

        Args:
            x: images.
            pooled: leave out the head: `(N, num_features)`.
        """
        h = channels_last(x)
        for name in self.hidden_names:
            h = self.get_submodule(name)(h)
        h = self.pool(h)
        return h if pooled else self.output(h)


def _group_norm(channels: int, group_size: int) -> nn.Module:
    """Groups of so many channels, one group if there are fewer; nothing if 0."""
    if not group_size:
        return nn.Identity()
    num_groups = max(1, channels // group_size)
    if channels % num_groups:
        raise ConfigError(
            f"{channels} channels cannot be divided into groups of {group_size}; choose"
            " settings.network.width as a multiple of settings.network.group_size."
        )
    return nn.GroupNorm(num_groups, channels)
