"""BigBiGAN's encoders: what ResNet-50 and RevNet-50 share, and ResNet-50 of any width."""

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

LARGEST_SMALL = 64
"""Side up to which images are too small for the stem of ImageNet's networks."""

BASE = 256
"""Channels of the first stage at width 1."""


class Branch(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, each after batch norm and ReLU; a quarter as wide inside.

    Source: He et al. (2016), identity mappings, Figure 1 (b); its stride is the 3x3's.

    Args:
        in_channels: of h.
        out_channels: of the result.
        stride: by which images become smaller.
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
        """`(N, C, H, W)` to `(N, out_channels, ...)`."""
        return self.after(F.relu(self.norm1(h)))

    def after(self, h: Tensor) -> Tensor:
        """What follows the first norm and ReLU."""
        h = F.relu(self.norm2(self.conv1(h)))
        return self.conv3(F.relu(self.norm3(self.conv2(h))))


class ResNetBottleneck(Branch):
    """h + branch(h); where channels or size change, a 1x1 convolution of relu(norm(h)) + branch(h).

    Source: He et al. (2016), identity mappings.

    Args:
        in_channels: of h.
        out_channels: of the result.
        stride: by which images become smaller.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(in_channels, out_channels, stride)
        same = in_channels == out_channels and stride == 1
        self.shortcut = (
            None if same else nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        )

    def forward(self, h: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, out_channels, ...)`."""
        inner = F.relu(self.norm1(h))
        return (h if self.shortcut is None else self.shortcut(inner)) + self.after(inner)


class CReLU(nn.Module):
    """relu(norm(a)) and relu(-norm(a)) side by side, the norm without parameters.

    Source: BigBiGAN's BN+CReLU features; the formula is from memory.

    Args:
        num_features: of a.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.norm = BatchNorm(num_features, affine=False)

    def forward(self, a: Tensor) -> Tensor:
        """`(N, C)` to `(N, 2 C)`."""
        a = self.norm(a)
        return F.relu(torch.cat([a, -a], 1))


class ResNet50Encoder(nn.Module):
    """`stem`, `stage1`, `stage2`, ..., features at `pool` and `crelu`, and latents at `output`.

    Nothing comes after `crelu`: it is there to be read.

    Args:
        stem: the first layer.
        stages: what follows it.
        ending: between the last stage and the mean over places.
        num_features: channels of the last stage.
        num_outputs: twice the latents' number for a stochastic E.
        head_places: side of the grid of means that the head is given; the paper's is 1, `pool`.
        head_width: see `LatentHead`.
        head_depth: see `LatentHead`.
        crelu: there are BN+CReLU features.
        init_std: of weights at the start; Kaiming's if None.
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
        """Images `(N, C, H, W)` to `(N, num_outputs)`."""
        h = channels_last(x)
        for name in self.hidden_names:
            h = self.get_submodule(name)(h)
        h = self.ending(h)
        a = self.pool(h)
        if self.crelu is not None:
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
    """E(x), `(N, *in_shape)` to `(N, num_outputs)`: ResNet-50 and a residual MLP.

    Source: BigBiGAN for the choice, with 2048 features at width 1 as its authors' module has;
    He et al. (2016), identity mappings, for the network. That it is this second version is ours:
    its blocks are those of the authors' RevNet-50, see `revnet50`.

    Args:
        in_shape: `(C, H, W)` of one input.
        num_outputs: twice the latents' number for a stochastic E.
        width: multiplies all channels.
        depths: blocks of each stage.
        stem: `imagenet` is 7x7 with stride 2 and max-pooling, `small` 3x3 with neither. By
            default `small` up to 64x64.
        checkpoint_activations: blocks keep their inputs alone.
        **rest: of the head, features and first weights, see `Encoder`.
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
    """Channels of a stage, twice as many as of the one before; a multiple of 8."""
    return 8 * max(1, round(BASE * width / 8)) * 2**number


def make_stem(in_shape: tuple[int, ...], channels: int, stem: StemKind | None = None) -> nn.Module:
    """The first convolution, and on images like ImageNet's max-pooling; by size unless said."""
    small = max(in_shape[1:]) <= LARGEST_SMALL if stem is None else stem == "small"
    if small:
        return nn.Conv2d(in_shape[0], channels, 3, padding=1, bias=False)
    large = nn.Conv2d(in_shape[0], channels, 7, 2, padding=3, bias=False)
    return nn.Sequential(large, nn.MaxPool2d(3, 2, padding=1))
