"""The generator of BigGAN-deep, unconditional: z reaches every block by its batch norms."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .convnet import Size, channels_last, upsampled
from .layers.basic import BatchNorm, LatentNorm, output_activation


class BottleneckBlock(nn.Module):
    """A residual block of 1x1, 3x3, 3x3 and 1x1 convolutions, each after norm and ReLU.

    The shortcut has no weights: it drops channels, and repeats places where images grow. There are
    no biases, since the next block's norm would take them away.

    Source: Brock et al. (2019), BigGAN-deep, Figure 16.

    Args:
        in_channels: of h.
        out_channels: of the result, as many or fewer.
        code_dim: of the code that norms take.
        ratio: by how much the middle is narrower than h.
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
        """`(N, C, H, W)` to `(N, out_channels, *size)`."""
        inner = h
        for number, (norm, convolution) in enumerate(
            zip(self.norms, self.convolutions, strict=True)
        ):
            inner = F.relu(norm(inner, code))
            if number == 1:
                inner = upsampled(inner, size)
            inner = convolution(inner)
        return inner + upsampled(h[:, : self.out_channels], size)


class BigGANDeepGenerator(nn.Module):
    """`project`, `block1`, `block2`, ..., and images at `output`.

    Source: Brock et al. (2019), BigGAN-deep, as the authors' code of arXiv 2310.00357 has it: z
    goes through one linear layer into the first maps and every batch norm; no attention at 32x32.

    Args:
        latent_dim: of z, and of the code that is made of it.
        channels: of all blocks.
        sizes: height and width at the start and after each doubling.
        depth: blocks at each size; the last of them enlarges.
        image_channels: of the images.
        ratio: see `BottleneckBlock`.
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

    def forward(self, z: Tensor, _again: Tensor | None = None) -> Tensor:
        """Latents `(N, latent_dim)` to images `(N, C, H, W)` in [-1, 1]."""
        code = self.code(z)
        h = channels_last(self.project(code).view(-1, *self.start))
        for name, size in zip(self.hidden_names, self.sizes, strict=True):
            h = self.get_submodule(name)(h, code, size)
        return output_activation(self.output(F.relu(self.norm(h))), "tanh")
