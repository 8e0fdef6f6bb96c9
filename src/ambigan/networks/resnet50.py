"""Encoders of BigBiGAN: ResNet-50 of any width, and what it shares with RevNet-50."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convnet import channels_last
from .heads import LatentHead
from .layers.basic import BatchNorm
from .layers.checkpointing import Checkpointed
from .layers.init import init_kaiming, init_normal
from .resnet import Pool

StemKind = Literal["small", "imagenet"]
"""Names of the first layers that an encoder may have, see `make_stem`."""

LARGEST_SMALL_SIDE = 64
"""Side up to which images are too small for the stem of ImageNet's networks."""

BASE_CHANNELS = 256
"""Number of channels of the first stage at width 1."""


class Branch(nn.Module):
    """The residual branch of a bottleneck block: 1x1, 3x3 and 1x1 convolutions at a quarter width.

    Batch norm and ReLU precede each convolution.

    Source: He et al. (2016), identity mappings, Figure 1 (b); the 3x3 convolution has the stride.

    Args:
        in_channels: Number of channels of h.
        out_channels: Number of output channels.
        stride: Factor by which height and width shrink.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        middle = out_channels // 4
        self.norm1 = BatchNorm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, middle, 1, bias=False)
        self.norm2 = BatchNorm(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, padding=1, bias=False)
        self.norm3 = BatchNorm(middle)
        self.conv3 = nn.Conv2d(middle, out_channels, 1, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, out_channels, ...)`."""
        return self.after(F.relu(self.norm1(h)))

    def after(self, h: Tensor) -> Tensor:
        """Applies the part of the branch that follows the first batch norm and ReLU."""
        h = F.relu(self.norm2(self.conv1(h)))
        return self.conv3(F.relu(self.norm3(self.conv2(h))))


class ResNetBottleneck(Branch):
    """A pre-activation bottleneck block, h + branch(h).

    Where channels or size change, the shortcut is a 1x1 convolution of relu(norm(h)).

    Source: He et al. (2016), identity mappings.

    Args:
        in_channels: Number of channels of h.
        out_channels: Number of output channels.
        stride: Factor by which height and width shrink.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(in_channels, out_channels, stride)
        same = in_channels == out_channels and stride == 1
        self.shortcut = (
            None if same else nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        )

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, out_channels, ...)`."""
        inner = F.relu(self.norm1(h))
        return (h if self.shortcut is None else self.shortcut(inner)) + self.after(inner)


class CReLU(nn.Module):
    """Concatenated ReLU, relu(norm(a)) and relu(-norm(a)), after batch norm without gain and bias.

    Source: BigBiGAN's BN+CReLU features; the formula is from memory.

    Args:
        num_features: Number of features a.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.norm = BatchNorm(num_features, affine=False)

    def forward(self, a: Tensor) -> Tensor:
        """Maps `(N, C)` to `(N, 2 C)`."""
        a = self.norm(a)
        return F.relu(torch.cat([a, -a], 1))


class ResNet50Encoder(nn.Module):
    """`stem`, `stage1`, `stage2`, ..., features at `pool` and `crelu`, and latents at `output`.

    No other layer uses `crelu`: it exists to be read by evaluation.

    Args:
        stem: First layer.
        stages: Stages that follow it.
        ending: Module between the last stage and the mean over pixels.
        num_features: Number of channels of the last stage.
        num_outputs: Number of outputs, twice the length of z for a stochastic E.
        head_places: Side of the grid of averages that the head sees; 1 in the paper, which is
            `pool`.
        head_width: Number of units of the head, see `LatentHead`.
        head_depth: Number of layers of the head, see `LatentHead`.
        crelu: Whether there are BN+CReLU features.
        init_std: Standard deviation of the initial weights; Kaiming's by layer if None.
    """

    def __init__(
        self,
        stem: nn.Module,
        stages: Sequence[nn.Module],
        ending: nn.Module,
        num_features: int,
        num_outputs: int,
        *,
        head_places: int = 1,
        head_width: int = 4096,
        head_depth: int = 4,
        crelu: bool = True,
        init_std: float | None = None,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.out_shape: tuple[int, ...] = (num_outputs,)
        self.stem = stem
        names = tuple(f"stage{i + 1}" for i in range(len(stages)))
        for name, stage in zip(names, stages, strict=True):
            self.add_module(name, stage)
        self.hidden_names = ("stem", *names)
        self.vector_names = ("pool", "crelu") if crelu else ("pool",)
        self.ending, self.pool = ending, Pool()
        self.places = Pool(head_places) if head_places > 1 else None
        self.crelu = CReLU(num_features) if crelu else None
        self.output = LatentHead(num_features * head_places**2, head_width, head_depth, num_outputs)
        if init_std is None:
            init_kaiming(self)
        else:
            init_normal(self, init_std)
        cast(Any, self).to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Maps images `(N, C, H, W)` to `(N, num_outputs)`."""
        h = channels_last(x)
        for name in self.hidden_names:
            h = self.get_submodule(name)(h)
        h = self.ending(h)
        a = self.pool(h)
        if self.crelu is not None:
            # The output is not used here. The call lets hooks read it, and in training it updates
            # the running statistics of its batch norm; detached, so that no gradient graph is
            # built.
            self.crelu(a.detach())
        return self.output(a if self.places is None else self.places(h))


def resnet50(
    in_shape: tuple[int, ...],
    num_outputs: int,
    *,
    width: float = 1,
    depths: Sequence[int] = (3, 4, 6, 3),
    stem: StemKind | None = None,
    checkpoint_activations: bool = False,
    **rest: Any,
) -> ResNet50Encoder:
    """Builds E(x), a ResNet-50 and a residual MLP: `(N, *in_shape)` to `(N, num_outputs)`.

    Source: BigBiGAN for the choice, with 2048 features at width 1 as in its authors' module; He et
    al. (2016), identity mappings, for the network. That it is this second version is our choice:
    its blocks are those of the authors' RevNet-50, see `revnet50`.

    Args:
        in_shape: Shape of one input, `(C, H, W)`.
        num_outputs: Number of outputs, twice the length of z for a stochastic E.
        width: Factor on all channels.
        depths: Number of blocks of each stage.
        stem: First layer: `imagenet` is 7x7 with stride 2 and max-pooling, `small` 3x3 with
            neither. None chooses `small` for images up to 64x64.
        checkpoint_activations: Whether blocks store their inputs alone and run again for gradients.
        **rest: Arguments of `ResNet50Encoder` for the head, the features and the initial weights.
    """
    stage = Checkpointed if checkpoint_activations else nn.Sequential
    before = stage_channels(width, 0) // 4
    first, stages = make_stem(in_shape, before, stem), list[nn.Module]()
    for number, depth in enumerate(depths):
        after = stage_channels(width, number)
        blocks = [ResNetBottleneck(before, after, stride=2 if number else 1)]
        blocks += [ResNetBottleneck(after, after, stride=1) for _ in range(depth - 1)]
        stages.append(stage(*blocks))
        before = after
    ending = nn.Sequential(BatchNorm(before), nn.ReLU())
    return ResNet50Encoder(first, stages, ending, before, num_outputs, **rest)


def stage_channels(width: float, number: int) -> int:
    """Returns the number of channels of a stage, a multiple of 8 and twice that of the one before.

    Args:
        width: Factor on all channels.
        number: Number of the stage, counted from 0.
    """
    return 8 * max(1, round(BASE_CHANNELS * width / 8)) * 2**number


def make_stem(in_shape: tuple[int, ...], channels: int, stem: StemKind | None = None) -> nn.Module:
    """Builds the first convolution and, for images as large as ImageNet's, max-pooling.

    Args:
        in_shape: Shape of one input, `(C, H, W)`.
        channels: Number of output channels.
        stem: Kind of the stem; chosen by the size of the images if None.
    """
    small = max(in_shape[1:]) <= LARGEST_SMALL_SIDE if stem is None else stem == "small"
    if small:
        return nn.Conv2d(in_shape[0], channels, 3, padding=1, bias=False)
    large = nn.Conv2d(in_shape[0], channels, 7, 2, padding=3, bias=False)
    return nn.Sequential(large, nn.MaxPool2d(3, 2, padding=1))
