"""Encoders of BigBiGAN: ResNet-50 and RevNet-50 of any width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convnet import channels_last, to_channels_last
from .heads import LatentHead
from .layers.basic import BatchNorm
from .layers.checkpointing import Checkpointed
from .layers.init import init_kaiming, init_normal
from .layers.reversible import Reversible, Widen
from .resnet import Pool

StemKind = Literal["small", "imagenet"]
"""Names of the first layers that an encoder may have."""

LARGEST_SMALL_SIDE = 64
"""Side up to which images are too small for the stem of ImageNet's networks."""

BASE_CHANNELS = 256
"""Number of channels of the first stage at width 1."""


class Branch(nn.Module):
    """The residual branch of a bottleneck block: 1x1, 3x3 and 1x1 convolutions at a quarter width.

    Batch norm and ReLU precede each convolution.

    Source: He et al. (2016), identity mappings, Figure 1 (b); the 3x3 convolution has the stride.
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
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(in_channels, out_channels, stride)
        self.shortcut = None
        if in_channels != out_channels or stride != 1:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, out_channels, ...)`."""
        inner = F.relu(self.norm1(h))
        return (h if self.shortcut is None else self.shortcut(inner)) + self.after(inner)


class CReLU(nn.Module):
    """Concatenated ReLU, relu(norm(a)) and relu(-norm(a)), after batch norm without gain and bias.

    Source: BigBiGAN's BN+CReLU features; the formula is from memory.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.norm = BatchNorm(num_features, affine=False)

    def forward(self, a: Tensor) -> Tensor:
        """Maps `(N, C)` to `(N, 2 C)`."""
        a = self.norm(a)
        return F.relu(torch.cat([a, -a], 1))


class ResNet50Encoder(nn.Module):
    """E(x), a ResNet-50 or RevNet-50 and a residual MLP: `(N, *in_shape)` to `(N, num_outputs)`.

    Its layers are `stem`, `stage1`, `stage2`, ..., features at `pool` and `crelu`, and latents at
    `output`. No other layer uses `crelu`: it exists to be read by evaluation.

    Source: BigBiGAN for the choice of ResNet-50, with 2048 features at width 1 as in its authors'
    module; He et al. (2016), identity mappings, for the network. That it is this second version is
    our choice: its blocks are those of the authors' RevNet-50. For RevNet-50: Kolesnikov et al.
    (2019), Revisiting Self-Supervised Visual Representation Learning, authors' code. That BigBiGAN
    uses the same network is our conclusion: at width 4 it has the 86 million parameters and the
    8192 features that the paper reports.

    Args:
        in_shape: Shape of one input, `(C, H, W)`.
        num_outputs: Number of outputs, twice the length of z for a stochastic E.
        reversible: Whether the network is a RevNet-50.
        width: Factor on all channels.
        depths: Number of blocks of each stage.
        stem: First layer: `imagenet` is 7x7 with stride 2 and max-pooling, `small` 3x3 with
            neither. None chooses `small` for images up to 64x64.
        checkpoint_activations: Whether blocks of a ResNet-50 store their inputs alone and run again
            for gradients.
        head_places: Side of the grid of averages that the head sees; 1 in the paper, which is
            `pool`.
        head_width: Number of units of the head, see `LatentHead`.
        head_depth: Number of layers of the head, see `LatentHead`.
        crelu: Whether there are BN+CReLU features.
        init_std: Standard deviation of the initial weights; Kaiming's by layer if None.
    """

    def __init__(
        self,
        in_shape: tuple[int, ...],
        num_outputs: int,
        *,
        reversible: bool = False,
        width: float = 1,
        depths: Sequence[int] = (3, 4, 6, 3),
        stem: StemKind | None = None,
        checkpoint_activations: bool = False,
        head_places: int = 1,
        head_width: int = 4096,
        head_depth: int = 4,
        crelu: bool = True,
        init_std: float | None = None,
    ) -> None:
        super().__init__()
        names = tuple(f"stage{i + 1}" for i in range(len(depths)))
        self.hidden_names = ("stem", *names)
        self.vector_names = ("pool", "crelu") if crelu else ("pool",)
        self.out_shape: tuple[int, ...] = (num_outputs,)
        # Multiples of 8, which double from stage to stage.
        after = 8 * max(1, round(BASE_CHANNELS * width / 8))
        before = after if reversible else after // 4
        self.stem = _make_stem(in_shape, before, stem)
        if reversible and isinstance(self.stem, nn.Sequential):
            # What max-pooling stores for its gradient exceeds what all blocks after it store.
            self.stem = Checkpointed(self.stem)
        for number, (name, depth) in enumerate(zip(names, depths, strict=True)):
            after = after * 2 if number else after
            if reversible:
                stage = _reversible_stage(after, depth, widen=number > 0)
            else:
                blocks = [ResNetBottleneck(before, after, stride=2 if number else 1)]
                blocks += [ResNetBottleneck(after, after, stride=1) for _ in range(depth - 1)]
                stage = (Checkpointed if checkpoint_activations else nn.Sequential)(*blocks)
            self.add_module(name, stage)
            before = after
        self.num_features = before
        norm = BatchNorm(before)
        self.ending = norm if reversible else nn.Sequential(norm, nn.ReLU())
        self.pool = Pool()
        self.places = Pool(head_places) if head_places > 1 else None
        self.crelu = CReLU(before) if crelu else None
        self.output = LatentHead(before * head_places**2, head_width, head_depth, num_outputs)
        if init_std is None:
            init_kaiming(self)
        else:
            init_normal(self, init_std)
        to_channels_last(self)

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


def _reversible_stage(channels: int, depth: int, *, widen: bool) -> nn.Module:
    """Builds a stage of a RevNet, whose branches map half of the channels to as many."""
    blocks = Reversible([Branch(channels // 2, channels // 2) for _ in range(depth)])
    return nn.Sequential(Widen(), blocks) if widen else blocks


def _make_stem(in_shape: tuple[int, ...], channels: int, stem: StemKind | None) -> nn.Module:
    """Builds the first convolution and, for images as large as ImageNet's, max-pooling."""
    small = max(in_shape[1:]) <= LARGEST_SMALL_SIDE if stem is None else stem == "small"
    if small:
        return nn.Conv2d(in_shape[0], channels, 3, padding=1, bias=False)
    large = nn.Conv2d(in_shape[0], channels, 7, 2, padding=3, bias=False)
    return nn.Sequential(large, nn.MaxPool2d(3, 2, padding=1))
