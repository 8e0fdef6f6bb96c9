"""The unconditional generator of BigGAN-deep, whose batch norms take z in every block."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .convnet import Size, channels_last, upsampled
from .layers.basic import BatchNorm, LatentNorm, output_activation


class BottleneckBlock(nn.Module):
    """A residual block of 1x1, 3x3, 3x3 and 1x1 convolutions, each after batch norm and ReLU.

    The shortcut has no weights: it drops channels and repeats pixels where images grow.
    Convolutions have no biases, since the batch norm of the next block would subtract them.

    Inner layers have `ratio` times fewer channels than h, and outputs at most as many.

    Source: Brock et al. (2019), BigGAN-deep, Figure 16.
    """

    def __init__(self, in_channels: int, out_channels: int, code_dim: int, ratio: int) -> None:
        super().__init__()
        middle = max(1, in_channels // ratio)
        widths, kernels = (in_channels, middle, middle, middle, out_channels), (1, 3, 3, 1)
        self.out_channels = out_channels
        self.norms = nn.ModuleList(LatentNorm(width, code_dim) for width in widths[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)
            for before, after, kernel in zip(widths[:-1], widths[1:], kernels, strict=True)
        )

    def forward(self, h: Tensor, code: Tensor, size: Size) -> Tensor:
        """Maps h `(N, C, H, W)` and codes `(N, code_dim)` to `(N, out_channels, *size)`."""
        inner = h
        for number, (norm, convolution) in enumerate(
            zip(self.norms, self.convolutions, strict=True)
        ):
            inner = F.relu(norm(inner, code))
            # Images grow before the first 3x3 convolution, once the 1x1 has narrowed them.
            if number == 1:
                inner = upsampled(inner, size)
            inner = convolution(inner)
        return inner + upsampled(h[:, : self.out_channels], size)


class BigGANDeepGenerator(nn.Module):
    """`project`, `block1`, `block2`, ..., and images at `output`.

    Source: Brock et al. (2019), BigGAN-deep, as in the authors' code of arXiv 2310.00357: one
    linear layer maps z to a code, which makes the first maps and enters every batch norm; there is
    no attention at 32x32.

    Args:
        latent_dim: Length of z and of the code.
        channels: Number of channels, the same in all blocks.
        sizes: Height and width at the start and after each doubling.
        depth: Number of blocks at each size; the last of them enlarges the images.
        image_channels: Number of channels of the images.
        ratio: Factor by which blocks are narrower inside, see `BottleneckBlock`.
    """

    def __init__(
        self,
        latent_dim: int,
        channels: int,
        sizes: Sequence[Size],
        depth: int,
        image_channels: int,
        ratio: int,
    ) -> None:
        super().__init__()
        self.out_shape = (image_channels, *sizes[-1])
        self.start = (channels, *sizes[0])
        self.code = nn.Linear(latent_dim, latent_dim)
        self.project = nn.Linear(latent_dim, channels * sizes[0][0] * sizes[0][1])
        grown = [sizes[number] for number in range(len(sizes) - 1) for _ in range(depth)]
        self.sizes = [
            sizes[number // depth + 1] if (number + 1) % depth == 0 else size
            for number, size in enumerate(grown)
        ]
        self.hidden_names = tuple(f"block{i + 1}" for i in range(len(self.sizes)))
        for name in self.hidden_names:
            self.add_module(name, BottleneckBlock(channels, channels, latent_dim, ratio))
        self.norm = BatchNorm(channels)
        self.output = nn.Conv2d(channels, image_channels, 3, padding=1)

    def forward(self, z: Tensor, _skipped: Tensor | None = None) -> Tensor:
        """Maps latents `(N, latent_dim)` to images `(N, C, H, W)` in [-1, 1]."""
        # Generators are called as G(z, z); this one needs z once.
        code = self.code(z)
        h = channels_last(self.project(code).view(-1, *self.start))
        for name, size in zip(self.hidden_names, self.sizes, strict=True):
            h = self.get_submodule(name)(h, code, size)
        return output_activation(self.output(F.relu(self.norm(h))), "tanh")
