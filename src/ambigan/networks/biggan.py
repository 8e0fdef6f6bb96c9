"""BigGAN without class labels: its generator, and its discriminator up to the features F(x)."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.precision import at_least_float32
from .convnet import Size, channels_last, downsampled, to_channels_last, upsampled
from .layers.basic import BatchNorm, LatentNorm, output_activation
from .layers.checkpointing import checkpointed
from .layers.init import init_orthogonal
from .layers.spectral_norm import apply_spectral_norm
from .resnet import Pool, average_pool2

SMALLEST_BIGGAN_SIDE = 4
"""Least height or width of the maps inside: maps with a side from 4 to 7 are not halved any
further."""

NARROW_CHANNELS = 4
"""Channels of all blocks for images up to 32x32, as a multiple of the width."""

DOUBLING_CHANNELS = (2, 4, 8, 16)
"""Channels of D's four blocks for images up to 32x32 with `doubling` growth, as multiples of the
width. G has the same in reverse order."""

Growth = Literal["biggan", "doubling"]
"""Names of the ways in which channels grow from block to block for images up to 32x32. From 64x64
on, BigGAN's channels always double."""

GENERATOR_CHANNELS = {4: (16, 16, 8, 4, 2), 5: (16, 16, 8, 4, 2, 1), 6: (16, 16, 8, 8, 4, 2, 1)}
"""Channels at the start and after each block of G, as multiples of the width, by the number of
doublings of the image size."""

BODY_CHANNELS = {4: (1, 2, 4, 8, 16), 5: (1, 2, 4, 8, 16, 16), 6: (1, 2, 4, 8, 8, 16, 16)}
"""Channels after each block of D, as multiples of the width, by the number of halvings of the image
size."""


class Attention(nn.Module):
    """Self-attention over pixels: h + gamma o(sum_j softmax_j(theta_i . phi_j) g_j).

    Queries i are all pixels; keys and values j are 2x2 fields, max-pooled, which divides the cost
    by four. gamma starts at 0, so a new network begins without attention. There are no biases.

    Source: Zhang et al. (2019), SAGAN, section 3, with the pooling of phi and g that BigGAN's code
    has. theta and phi have an eighth of the channels, g a half.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(1, channels // 8), max(1, channels // 2)
        self.theta = nn.Conv2d(channels, few, 1, bias=False)
        self.phi = nn.Conv2d(channels, few, 1, bias=False)
        self.g = nn.Conv2d(channels, half, 1, bias=False)
        self.o = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to the same shape."""
        # With P = H W pixels and Q = P / 4 fields: queries (N, C/8, P), keys (N, C/8, Q), values
        # (N, C/2, Q).
        theta = self.theta(h).flatten(2)
        phi = F.max_pool2d(self.phi(h), 2).flatten(2)
        g = F.max_pool2d(self.g(h), 2).flatten(2)
        # (N, P, Q): how much of each field a pixel attends to; rows sum to 1. Under autocast
        # softmax returns float32, so it is cast back for the product.
        shares = (theta.mT @ phi).softmax(2)
        mixed = (g @ shares.mT.to(g.dtype)).unflatten(2, h.shape[2:])
        return h + self.gamma * self.o(mixed)


class UpBlock(nn.Module):
    """A residual block of G: two 3x3 convolutions, each after conditional batch norm and ReLU.

    Images grow before the first convolution. Convolutions have no biases, since the batch norm of
    the next block would subtract them.

    Source: Brock et al. (2019), BigGAN, Figure 15 (b). Attention follows the block if it `attend`s.
    """

    def __init__(self, in_channels: int, out_channels: int, code_dim: int, attend: bool) -> None:
        super().__init__()
        self.norm1 = LatentNorm(in_channels, code_dim)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = LatentNorm(out_channels, code_dim)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.attention = Attention(out_channels) if attend else None

    def forward(self, h: Tensor, code: Tensor, size: Size) -> Tensor:
        """Maps h `(N, C, H, W)` and codes `(N, code_dim)` to `(N, out_channels, *size)`."""
        inner = self.conv1(upsampled(F.relu(self.norm1(h, code)), size))
        inner = self.conv2(F.relu(self.norm2(inner, code)))
        # A 1x1 convolution commutes with repeating pixels, so it runs on the small images.
        h = inner + upsampled(self.shortcut(h), size)
        return h if self.attention is None else self.attention(h)


class DownBlock(nn.Module):
    """A residual block of D: two 3x3 convolutions, each after ReLU, then averages of 2x2 pixels.

    Source: Brock et al. (2019), BigGAN, Figure 15 (c). The shortcut averages before its
    convolution, which gives the same at a quarter of the cost. The `first` block sees images, to
    which no ReLU is applied.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, first: bool, halve: bool, attend: bool
    ) -> None:
        super().__init__()
        self.first, self.halve = first, halve
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels and not halve
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)
        self.attention = Attention(out_channels) if attend else None

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, out_channels, ...)`."""
        inner = self.conv1(h if self.first else F.relu(h))
        inner = self.conv2(F.relu(inner))
        if self.halve:
            inner, h = average_pool2(inner), average_pool2(h)
        h = inner + self.shortcut(h)
        return h if self.attention is None else self.attention(h)


class SumPool(nn.Module):
    """ReLU and sums over pixels, in fp32: over all or each field of a `side` x `side` grid."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.pool = Pool(side)

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, C side^2)`."""
        num_places = h.shape[2] * h.shape[3] / self.pool.side**2
        return self.pool(F.relu(h)) * num_places


class BigGANGenerator(nn.Module):
    """`project`, `block1`, `block2`, ..., and images at `output`, before the tanh.

    z is split into parts: the first goes to `project`, and each other one to the batch norms of a
    block. Weights start orthogonal, and spectral norm is on every one of them.

    Source: Brock et al. (2019), BigGAN, appendix B and Tables 4 to 6; channels at 32x32 and 64x64
    are those of its PyTorch code. As in BigBiGAN it is unconditional: no class embedding joins the
    parts of z. z is split as evenly as possible, where the code drops the remainder.

    Args:
        latent_dim: Length of z, at least one more than the number of blocks.
        out_shape: Shape `(C, H, W)` of the images, their sides 8 or more.
        width: Number of channels of the last block at 128x128; 96 in the paper.
        attention: Larger side of the maps after which attention is put. Where no maps have that
            side, it is the next smaller one that is larger than half of it. None for no attention.
        growth: Growth of channels from block to block, for images up to 32x32.
        checkpoint_activations: Whether blocks store their inputs alone and run again for gradients.

    Raises:
        ConfigError: z is shorter than its number of parts.
    """

    def __init__(
        self,
        latent_dim: int,
        out_shape: tuple[int, ...],
        width: int,
        attention: int | None,
        *,
        growth: Growth = "biggan",
        checkpoint_activations: bool = False,
    ) -> None:
        super().__init__()
        self.run_block = checkpointed if checkpoint_activations else _call
        self.out_shape = out_shape
        self.sizes = _halvings(out_shape)[::-1]
        num = len(self.sizes) - 1
        # BigGAN's tables end at 256x256. Each doubling beyond adds a block with `width` channels at
        # the largest resolution.
        top_resolutions = (1,) * (num - max(GENERATOR_CHANNELS))
        small = (NARROW_CHANNELS,) * (num + 1) if growth == "biggan" else DOUBLING_CHANNELS[num::-1]
        # Fewer than four doublings means images below 64x64, where the tables have no entry.
        factors = small if num < 4 else (*GENERATOR_CHANNELS[min(num, 6)], *top_resolutions)
        channels = [width * n for n in factors]
        if latent_dim <= num:
            raise ConfigError(
                f"latent_dim {latent_dim} is too small: z is split into {num + 1} parts, for the"
                f" first layer and for {num} blocks; choose {num + 1} or more."
            )
        # tensor_split gives lengths that differ by one at most.
        self.parts = [len(part) for part in torch.empty(latent_dim).tensor_split(num + 1)]
        self.start = (channels[0], *self.sizes[0])
        self.project = nn.Linear(self.parts[0], self.start[0] * self.start[1] * self.start[2])
        self.hidden_names = tuple(f"block{i + 1}" for i in range(num))
        attention_size = _attention_size(self.sizes[1:], attention)
        for i, name in enumerate(self.hidden_names):
            attend = self.sizes[i + 1] == attention_size
            block = UpBlock(channels[i], channels[i + 1], self.parts[i + 1], attend)
            self.add_module(name, block)
        self.norm = BatchNorm(channels[-1])
        self.output = nn.Conv2d(channels[-1], out_shape[0], 3, padding=1)
        _prepare(self)

    def forward(self, z: Tensor, _skipped: Tensor | None = None) -> Tensor:
        """Maps latents `(N, latent_dim)` to images `(N, C, H, W)` in [-1, 1].

        A game without an encoder calls its generators as G(z, z); this one needs z once.
        """
        first, *codes = torch.split_with_sizes(z, self.parts, 1)
        h = channels_last(self.project(first).view(-1, *self.start))
        for name, code, size in zip(self.hidden_names, codes, self.sizes[1:], strict=True):
            h = self.run_block(self.get_submodule(name), h, code, size)
        return output_activation(self.output(F.relu(self.norm(h))), "tanh")


REFERENCE_NUM_PIXELS = 16
"""Number of pixels of F's last maps at 128x128."""


class BigGANBody(nn.Module):
    """F(x): `block1`, `block2`, ..., then at `output` ReLU and sums over pixels.

    Weights start orthogonal, and spectral norm is on every one of them. The last block keeps the
    image size; up to 32x32 only two of the four blocks halve it.

    Source: Brock et al. (2019), BigGAN, appendix B and Tables 4 to 6; channels at 32x32 and 64x64
    are those of its PyTorch code.

    Args:
        in_shape: Shape `(C, H, W)` of the images, their sides 8 or more.
        width: Number of channels of the first block at 128x128; 96 in the paper.
        attention: Side of the maps with attention, see `BigGANGenerator`.
        growth: Growth of channels from block to block, for images up to 32x32.
        places: Side of the grid over the last maps, each field of which is summed on its own; 1, a
            single sum, in the paper.
        checkpoint_activations: Whether blocks store their inputs alone and run again for gradients.
    """

    def __init__(
        self,
        in_shape: tuple[int, ...],
        width: int,
        attention: int | None,
        *,
        growth: Growth = "biggan",
        places: int = 1,
        checkpoint_activations: bool = False,
    ) -> None:
        super().__init__()
        self.run_block = checkpointed if checkpoint_activations else _call
        sizes = _halvings(in_shape)
        num = len(sizes) - 1
        top_resolutions = (1,) * (num - max(BODY_CHANNELS))
        small = (NARROW_CHANNELS,) * 4 if growth == "biggan" else DOUBLING_CHANNELS
        factors = small if num < 4 else (*top_resolutions, *BODY_CHANNELS[min(num, 6)])
        channels = [width * n for n in factors]
        # The tables have one block more than halvings, so the last one keeps the size. Below 64x64
        # there are four blocks whatever the size, and two halve: at 32x32 the last maps are 8x8.
        num_halved = min(num, 2) if num < 4 else num
        before = in_shape[0]
        self.hidden_names = tuple(f"block{i + 1}" for i in range(len(channels)))
        attention_size = _attention_size(sizes[1 : num_halved + 1], attention)
        for i, (name, after) in enumerate(zip(self.hidden_names, channels, strict=True)):
            halve = i < num_halved
            # Blocks after the last halving keep the size, which `sizes` lists only once.
            attend = halve and sizes[i + 1] == attention_size
            block = DownBlock(before, after, first=i == 0, halve=halve, attend=attend)
            self.add_module(name, block)
            before = after
        self.out_shape: tuple[int, ...] = (before * places**2,)
        self.num_features = before
        self.num_places = math.prod(sizes[num_halved])
        # A field of the grid sums num_places / places^2 pixels, but J sees places^2 fields; scaling
        # by places keeps the length of the whole vector.
        self.joint_scale = REFERENCE_NUM_PIXELS * places / self.num_places
        self.output = SumPool(places)
        _prepare(self)

    def forward(self, x: Tensor) -> Tensor:
        """Maps images `(N, C, H, W)` to features `(N, num_features places^2)`."""
        h = channels_last(x)
        for name in self.hidden_names:
            h = self.run_block(self.get_submodule(name), h)
        return self.output(h)


class BigGANDiscriminator(nn.Module):
    """D(x): `image` F(x), and at `output` a linear logit, in fp32 even under autocast.

    Source: Brock et al. (2019), BigGAN, without the projection of classes.

    Args:
        image: F, the body.
    """

    vector_names = ("image.output",)

    def __init__(self, image: BigGANBody) -> None:
        super().__init__()
        self.hidden_names = tuple(f"image.{name}" for name in image.hidden_names)
        self.output = nn.Linear(image.num_features, 1)
        _prepare(self)
        # Assigned last: F has its own initialisation and spectral norm.
        self.image = image

    def forward(self, x: Tensor) -> Tensor:
        """Maps images `(N, C, H, W)` to logits `(N, 1)`."""
        f = self.image(x)
        with torch.autocast(f.device.type, enabled=False):
            return self.output(at_least_float32(f))


def _halvings(shape: tuple[int, ...]) -> list[Size]:
    """Returns the sizes of images `(C, H, W)` and of their halves, rounded up, largest first."""
    sizes: list[Size] = [(shape[1], shape[2])]
    while min(sizes[-1]) >= 2 * SMALLEST_BIGGAN_SIDE:
        sizes.append(downsampled(sizes[-1]))
    return sizes


def _call(block: nn.Module, *inputs: Any) -> Tensor:
    """Runs a block as `checkpointed` does, without checkpointing."""
    return block(*inputs)


def _attention_size(sizes: list[Size], attention: int | None) -> Size | None:
    """Returns the size of the maps with attention: at most `attention`, more than half of it."""
    limit = attention or 0
    return next((size for size in sizes if limit / 2 < max(size) <= limit), None)


def _prepare(network: nn.Module) -> None:
    """Draws orthogonal weights, sets the memory format and adds spectral norm, in this order."""
    init_orthogonal(network)
    to_channels_last(network)
    # Last, so that the singular vectors start from the orthogonal weights.
    apply_spectral_norm(network)
