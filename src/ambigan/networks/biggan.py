"""BigGAN without classes: its generator, and its discriminator up to the features F(x)."""

from __future__ import annotations

import math
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import ConfigError
from .convnet import Size, channels_last, downsampled, upsampled
from .layers.basic import BatchNorm, LatentNorm, output_activation
from .layers.checkpointing import checkpointed
from .layers.init import init_orthogonal
from .layers.spectral_norm import apply_spectral_norm
from .resnet import Pool, halved

SMALLEST_BIGGAN_SIDE = 4
"""Height or width of the smallest maps inside: those between 4 and 8 are not halved again."""

NARROW_CHANNELS = 4
"""Channels of all blocks for images up to 32x32, in units of the width."""

DOUBLING = (2, 4, 8, 16)
"""Of D's four blocks there, if they are to double as on larger images; of G's, from the last."""

Growth = Literal["biggan", "doubling"]
"""Of channels of images up to 32x32; from 64x64 on BigGAN's double themselves."""

GENERATOR = {4: (16, 16, 8, 4, 2), 5: (16, 16, 8, 4, 2, 1), 6: (16, 16, 8, 8, 4, 2, 1)}
"""By doublings: channels at the start and after each block of G, in units of the width."""

BODY = {4: (1, 2, 4, 8, 16), 5: (1, 2, 4, 8, 16, 16), 6: (1, 2, 4, 8, 8, 16, 16)}
"""By halvings: channels after each block of D, in units of the width."""


class Attention(nn.Module):
    """h + gamma o(sum_j softmax_j(theta_i . phi_j) g_j), gamma from 0; j over places by twos.

    Source: Zhang et al. (2019), SAGAN, section 3, with the pooling of phi and g that BigGAN's code
    has; no biases.

    Args:
        channels: of h; theta and phi have an eighth of them, g a half.
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
        """`(N, C, H, W)` to the same."""
        theta = self.theta(h).flatten(2)
        phi = F.max_pool2d(self.phi(h), 2).flatten(2)
        g = F.max_pool2d(self.g(h), 2).flatten(2)
        shares = (theta.mT @ phi).softmax(2)
        mixed = (g @ shares.mT.to(g.dtype)).unflatten(2, h.shape[2:])
        return h + self.gamma * self.o(mixed)


class UpBlock(nn.Module):
    """Two 3x3 convolutions, each after a norm by a code and ReLU; images grow before the first.

    There are no biases, since the next block's norm would take them away.

    Source: Brock et al. (2019), BigGAN, Figure 15 (b).

    Args:
        in_channels: of h.
        out_channels: of the result.
        code_dim: of the code that norms take.
        attend: attention follows.
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
        """`(N, C, H, W)` and `(N, code_dim)` to `(N, out_channels, *size)`."""
        inner = self.conv1(upsampled(F.relu(self.norm1(h, code)), size))
        inner = self.conv2(F.relu(self.norm2(inner, code)))
        h = inner + upsampled(self.shortcut(h), size)  # each place alone: small images are enough
        return h if self.attention is None else self.attention(h)


class DownBlock(nn.Module):
    """Two 3x3 convolutions, each after ReLU, and means of 2x2 places.

    Source: Brock et al. (2019), BigGAN, Figure 15 (c). The shortcut takes its means before its
    convolution, which gives the same.

    Args:
        in_channels: of h.
        out_channels: of the result.
        first: h is an image, to which no ReLU is applied.
        halve: images become half as large.
        attend: attention follows.
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
        """`(N, C, H, W)` to `(N, out_channels, ...)`."""
        inner = self.conv1(h if self.first else F.relu(h))
        inner = self.conv2(F.relu(inner))
        if self.halve:
            inner, h = halved(inner), halved(h)
        h = inner + self.shortcut(h)
        return h if self.attention is None else self.attention(h)


class SumPool(nn.Module):
    """ReLU, and sums over places, in fp32: over all, or over the fields of a grid.

    Args:
        side: of the grid.
    """

    def __init__(self, side: int = 1) -> None:
        super().__init__()
        self.pool = Pool(side)

    def forward(self, h: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C side^2)`."""
        num_places = h.shape[2] * h.shape[3] / self.pool.side**2
        return self.pool(F.relu(h)) * num_places


class BigGANGenerator(nn.Module):
    """`project`, `block1`, `block2`, ..., and at `output` images, but for the tanh after it.

    z is cut into parts: the first goes to `project`, each other into the norms of a block.
    Orthogonal at the start; spectral norm on every weight.

    Source: Brock et al. (2019), BigGAN, appendix B and Tables 4 to 6; channels at 32x32 and 64x64
    are those of its PyTorch code. Unconditional as in BigBiGAN: no class joins the parts of z. z is
    cut as evenly as can be, where the code leaves out what does not divide.

    Args:
        latent_dim: of z.
        out_shape: `(C, H, W)` of the images, their sides 8 or more.
        width: channels of the last block at 128x128; 96 in the paper.
        attention: it follows the block whose maps have this as their larger side or, of sizes that
            do not halve to it, the next smaller; nothing where all are half of it or less. None
            for none.
        growth: of channels up to 32x32.
        checkpoint_activations: blocks keep their inputs alone.

    Raises:
        ConfigError: images are too small, or z has fewer numbers than parts.
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
        self.run_block = checkpointed if checkpoint_activations else _plainly
        self.out_shape = out_shape
        self.sizes = halvings(out_shape)[::-1]
        num = len(self.sizes) - 1
        ones = (1,) * (num - max(GENERATOR))
        small = (NARROW_CHANNELS,) * (num + 1) if growth == "biggan" else DOUBLING[num::-1]
        times = small if num < 4 else (*GENERATOR[min(num, 6)], *ones)
        channels = [width * n for n in times]
        if latent_dim <= num:
            raise ConfigError(
                f"latent_dim {latent_dim} is too small: z is cut into {num + 1} parts, for the"
                f" first layer and for {num} blocks; choose {num + 1} or more."
            )
        self.parts = [len(part) for part in torch.empty(latent_dim).tensor_split(num + 1)]
        self.start = (channels[0], *self.sizes[0])
        self.project = nn.Linear(self.parts[0], self.start[0] * self.start[1] * self.start[2])
        self.hidden_names = tuple(f"block{i + 1}" for i in range(num))
        attended = _attended(self.sizes[1:], attention)
        for i, name in enumerate(self.hidden_names):
            attend = self.sizes[i + 1] == attended
            block = UpBlock(channels[i], channels[i + 1], self.parts[i + 1], attend)
            self.add_module(name, block)
        self.norm = BatchNorm(channels[-1])
        self.output = nn.Conv2d(channels[-1], out_shape[0], 3, padding=1)
        _prepare(self)

    def forward(self, z: Tensor) -> Tensor:
        """Latents `(N, latent_dim)` to images `(N, C, H, W)` in [-1, 1]."""
        first, *codes = torch.split_with_sizes(z, self.parts, 1)
        h = channels_last(self.project(first).view(-1, *self.start))
        for name, code, size in zip(self.hidden_names, codes, self.sizes[1:], strict=True):
            h = self.run_block(self.get_submodule(name), h, code, size)
        return output_activation(self.output(F.relu(self.norm(h))), "tanh")


class BigGANBody(nn.Module):
    """F(x): `block1`, `block2`, ..., and sums over places of what ReLU leaves at `output`.

    Orthogonal at the start; spectral norm on every weight. The last block keeps the size; up to
    32x32 only two of four blocks halve it.

    Source: Brock et al. (2019), BigGAN, appendix B and Tables 4 to 6; channels at 32x32 and 64x64
    are those of its PyTorch code.

    Args:
        in_shape: `(C, H, W)` of the images, their sides 8 or more.
        width: channels of the first block at 128x128; 96 in the paper.
        attention: it follows the block whose maps have this as their larger side or, of sizes that
            do not halve to it, the next smaller; nothing where all are half of it or less. None
            for none.
        growth: of channels up to 32x32.
        places: side of the grid over the last maps whose fields are summed; one sum in the paper.
        checkpoint_activations: blocks keep their inputs alone.

    Raises:
        ConfigError: images are too small.
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
        self.run_block = checkpointed if checkpoint_activations else _plainly
        sizes = halvings(in_shape)
        num = len(sizes) - 1
        ones = (1,) * (num - max(BODY))
        small = (NARROW_CHANNELS,) * 4 if growth == "biggan" else DOUBLING
        channels = [width * n for n in (small if num < 4 else (*ones, *BODY[min(num, 6)]))]
        num_halved = min(num, 2) if num < 4 else num
        before = in_shape[0]
        self.hidden_names = tuple(f"block{i + 1}" for i in range(len(channels)))
        attended = _attended(sizes[1 : num_halved + 1], attention)
        for i, (name, after) in enumerate(zip(self.hidden_names, channels, strict=True)):
            halve = i < num_halved
            attend = halve and sizes[i + 1] == attended
            block = DownBlock(before, after, first=i == 0, halve=halve, attend=attend)
            self.add_module(name, block)
            before = after
        self.out_shape: tuple[int, ...] = (before * places**2,)
        self.num_features = before
        self.num_places = math.prod(sizes[num_halved])
        self.output = SumPool(places)
        _prepare(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images `(N, C, H, W)` to features `(N, num_features places^2)`."""
        h = channels_last(x)
        for name in self.hidden_names:
            h = self.run_block(self.get_submodule(name), h)
        return self.output(h)


def halvings(shape: tuple[int, ...]) -> list[Size]:
    """Height and width of images `(C, H, W)` and of their halves, rounded up.

    Raises:
        ConfigError: they are too small to be halved once.
    """
    sizes: list[Size] = [(shape[1], shape[2])]
    while min(sizes[-1]) >= 2 * SMALLEST_BIGGAN_SIDE:
        sizes.append(downsampled(sizes[-1]))
    if len(sizes) == 1:
        smallest = 2 * SMALLEST_BIGGAN_SIDE
        raise ConfigError(
            f"BigGAN's networks are for images of {smallest}x{smallest} and more; these are"
            f" {shape[1]}x{shape[2]}."
        )
    return sizes


def _plainly(block: nn.Module, *inputs: Any) -> Tensor:
    return block(*inputs)


def _attended(sizes: list[Size], attention: int | None) -> Size | None:
    """The maps that attention is meant for: not larger than that, but larger than half of it."""
    limit = attention or 0
    return next((size for size in sizes if limit / 2 < max(size) <= limit), None)


def _prepare(network: nn.Module) -> None:
    init_orthogonal(network)
    cast(Any, network).to(memory_format=torch.channels_last)
    apply_spectral_norm(network)
