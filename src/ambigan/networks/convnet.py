"""Convolutional networks for D and E, and DCGAN's fractionally strided generator for G."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from .layers.basic import BatchNorm, Output, activate, output_activation
from .mlp import Prediction

Size = tuple[int, int]
"""Height and width of images."""

_DENSE = "Choose a preset with dense networks; most methods have one named table."


def channels_last(x: Tensor) -> Tensor:
    """Lays images out with channels last, on which convolutions are 1.1 to 1.3 times as fast."""
    return x.contiguous(memory_format=torch.channels_last)


def to_channels_last(network: nn.Module) -> None:
    """Lays kernels out as `channels_last` lays out images, or every call would convert them."""
    cast(Any, network).to(memory_format=torch.channels_last)


def downsampled(size: Size, step: int = 2) -> Size:
    """Returns height and width after a convolution or pooling of stride `step`, rounded up."""
    return -(-size[0] // step), -(-size[1] // step)


def upsampled(h: Tensor, size: Size) -> Tensor:
    """Enlarges images `(N, C, H, W)` to height and width `size` by repeating pixels."""
    return h if h.shape[2:] == size else F.interpolate(h, size, mode="nearest")


def image_sample_spec(
    spec: DataSpec, kind: str, smallest: int, size: Size | None = None
) -> DataSpec:
    """Returns the form of the images that G draws and D sees: the data's, or smaller of `size`.

    Raises:
        ConfigError: The data are vectors, images are smaller than networks of this `kind` can
            process, or the data are smaller than `size`.
    """
    if spec.kind != "images":
        raise ConfigError(
            f"settings.network.kind '{kind}' is for images, but the data are vectors of"
            f" {spec.num_values} values. {_DENSE}"
        )
    channels, height, width = spec.shape
    size = size or (height, width)
    if min(size) < smallest:
        raise ConfigError(
            f"settings.network.kind '{kind}' needs images of {smallest}x{smallest} or more; these"
            f" are {size[0]}x{size[1]}. {_DENSE}"
        )
    if size[0] > height or size[1] > width:
        raise ConfigError(
            f"settings.network.image_size {size[0]},{size[1]} is larger than the data,"
            f" {height}x{width}; choose that size or a smaller one."
        )
    return DataSpec("images", (channels, *size), spec.bounded)


def size_after(size: Size, kernel: int, stride: int, padded: bool) -> Size:
    """Returns height and width after a convolution or pooling, padded by half its kernel or not.

    Without padding, images smaller than the kernel give 0 or less.
    """
    if padded:
        return downsampled(size, stride)
    return (size[0] - kernel) // stride + 1, (size[1] - kernel) // stride + 1


@dataclass(frozen=True)
class Stage:
    """One convolution of a chain.

    Attributes:
        channels: Number of output channels.
        kernel: Side of the kernel, an odd number.
        stride: Stride of the convolution.
        pool: Whether max-pooling over 3x3 with stride 2 follows the activation.
        groups: Number of parts that input and output channels are divided into, each convolved by
            itself.
        padded: Whether the convolution pads borders, so that only its stride shrinks images.
        pool_padded: The same of the max-pooling.
    """

    channels: int
    kernel: int
    stride: int = 1
    pool: bool = False
    groups: int = 1
    padded: bool = True
    pool_padded: bool = True

    def size_after(self, size: Size) -> Size:
        """Returns height and width of the output for an input of the given height and width."""
        size = size_after(size, self.kernel, self.stride, self.padded)
        return size_after(size, 3, 2, self.pool_padded) if self.pool else size


NormFactory = Callable[[int], BatchNorm]
"""Builds the batch norm of a layer with that number of channels."""


class ConvLayer(nn.Module):
    """leaky_relu(norm(W * h + V z)), then optional max-pooling; V z is the same at every pixel.

    A layer with batch norm has no bias, since batch norm would subtract it.
    """

    def __init__(
        self, in_channels: int, stage: Stage, latent_dim: int, norm: NormFactory | None, bias: bool
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            in_channels,
            stage.channels,
            stage.kernel,
            stage.stride,
            padding=stage.kernel // 2 if stage.padded else 0,
            groups=stage.groups,
            bias=bias and norm is None,
        )
        self.latent = nn.Linear(latent_dim, stage.channels, bias=False) if latent_dim else None
        self.norm = norm(stage.channels) if norm else None
        self.pool = stage.pool
        self.pool_padding = 1 if stage.pool_padded else 0

    def forward(self, h: Tensor, z: Tensor | None = None) -> Tensor:
        """Maps h `(N, C, H, W)` and z `(N, latent_dim)` to `(N, channels, ...)`."""
        h = self.convolution(h)
        if self.latent is not None:
            h = h + self.latent(z)[:, :, None, None]
        if self.norm is not None:
            h = self.norm(h)
        h = activate(h, "leaky_relu")
        return F.max_pool2d(h, 3, 2, padding=self.pool_padding) if self.pool else h


class ConvNet(nn.Module):
    """A chain of convolutions `conv1`, `conv2`, ... and a linear `output`.

    Source: DCGAN, section 3 (D); BiGAN, appendix C.2 (E; D with z at every layer after the first).

    Args:
        in_shape: Shape of one input, `(C, H, W)`.
        stages: Convolutions, from the input to the output.
        num_outputs: Number of outputs of the linear layer.
        latent_dim: Length of z, which enters D in addition to its input; 0 for none.
        latent_at_output: Whether z also enters the output layer.
        norm: Builder of the batch norm after every convolution but the first; None for none.
        norm_first: Whether the first convolution has it as well.
        output: Function that the network ends in.
        bias: Whether layers without batch norm learn biases.
    """

    def __init__(
        self,
        in_shape: tuple[int, ...],
        stages: Sequence[Stage],
        num_outputs: int,
        *,
        latent_dim: int = 0,
        latent_at_output: bool = False,
        norm: NormFactory | None = None,
        norm_first: bool = False,
        output: Output = "linear",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.out_shape: tuple[int, ...] = (num_outputs,)
        self.hidden_names = tuple(f"conv{i + 1}" for i in range(len(stages)))
        self.ending: Output = output
        channels, *size = in_shape
        map_size: Size = (size[0], size[1])
        for number, (name, stage) in enumerate(zip(self.hidden_names, stages, strict=True)):
            # The first layer sees the data alone, as BiGAN feeds x before z joins; DCGAN leaves
            # batch norm out there, since it makes training unstable.
            entering_dim = latent_dim if number else 0
            normed = norm if number or norm_first else None
            self.add_module(name, ConvLayer(channels, stage, entering_dim, normed, bias))
            channels, map_size = stage.channels, stage.size_after(map_size)
            if min(map_size) < 1:
                raise ConfigError(
                    f"images of {size[0]}x{size[1]} leave {name} no pixels, since borders are not"
                    " padded; take larger images, or settings.network.alexnet.padded true."
                )
        num_values = channels * map_size[0] * map_size[1]
        entering_dim = latent_dim if latent_at_output else 0
        self.output = Prediction(num_values, num_outputs, latent_dim=entering_dim, bias=bias)

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """Maps images `(N, C, H, W)` and, where they enter, latents to `(N, num_outputs)`."""
        h = channels_last(x)
        for name in self.hidden_names:
            h = self.get_submodule(name)(h, z)
        return output_activation(self.output(h, z), self.ending)


class Projection(nn.Module):
    """relu(norm(W z)), reshaped to small images `(C, H, W)`; the first layer of a generator.

    Batch statistics are shared `over` `units`, where each of the C H W values is normalised on its
    own (the authors' code of DCGAN), or over `channels`, where each channel is over all pixels, as
    in other layers.
    """

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, int, int],
        norm: NormFactory,
        over: Literal["units", "channels"],
    ) -> None:
        super().__init__()
        self.shape = shape
        self.over_units = over == "units"
        num_values = shape[0] * shape[1] * shape[2]
        self.linear = nn.Linear(latent_dim, num_values, bias=False)
        self.norm = norm(num_values if self.over_units else shape[0])

    def forward(self, z: Tensor) -> Tensor:
        """Maps z `(N, latent_dim)` to images `(N, C, H, W)`."""
        h = self.linear(z)
        # Over units the norm sees `(N, C H W)`: each value has statistics over the batch alone.
        h = h if self.over_units else h.view(-1, *self.shape)
        return F.relu(self.norm(h)).view(-1, *self.shape)


class DeconvLayer(nn.Module):
    """relu(norm(W * h + V z)) with a transposed convolution that doubles height and width.

    `sizes` are height and width before and after; each doubles, or doubles less one. Without batch
    norm, as in the last layer, there is no activation either; with it there is no bias.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        sizes: tuple[Size, Size],
        latent_dim: int,
        norm: NormFactory | None,
        bias: bool,
    ) -> None:
        super().__init__()
        before, after = sizes
        # A transposed convolution of stride 2 and padding kernel // 2 gives 2 n - 1 pixels for n;
        # torch's output_padding adds the missing one where the size is even.
        output_padding = (after[0] - 2 * before[0] + 1, after[1] - 2 * before[1] + 1)
        self.convolution = nn.ConvTranspose2d(
            in_channels,
            out_channels,
            kernel,
            2,
            padding=kernel // 2,
            output_padding=output_padding,
            bias=bias and norm is None,
        )
        self.latent = nn.Linear(latent_dim, out_channels, bias=False) if latent_dim else None
        self.norm = norm(out_channels) if norm else None

    def forward(self, h: Tensor, z: Tensor | None = None) -> Tensor:
        """Maps h `(N, C, H, W)` and z `(N, latent_dim)` to images twice as large."""
        h = self.convolution(h)
        if self.latent is not None:
            h = h + self.latent(z)[:, :, None, None]
        return h if self.norm is None else F.relu(self.norm(h))


class DeconvNet(nn.Module):
    """DCGAN's generator: `project`, then `deconv1`, `deconv2`, ... and the images at `output`.

    Source: DCGAN, section 3 and Figure 1.

    Args:
        latent_dim: Length of z.
        channels: Numbers of channels after the projection and after each layer; the last one is the
            number of channels of the images.
        sizes: Height and width after the projection and after each layer.
        kernel: Side of the kernels, an odd number.
        norm: Builder of the batch norm that follows every layer but the last.
        over: What shares its batch statistics in the first layer, see `Projection`.
        skips_latent: Whether z is also added, by linear maps, to hidden layers after the
            projection.
        output: Function that the network ends in.
        bias: Whether the output layer learns a bias.
    """

    def __init__(
        self,
        latent_dim: int,
        channels: Sequence[int],
        sizes: Sequence[Size],
        *,
        kernel: int,
        norm: NormFactory,
        over: Literal["units", "channels"] = "units",
        skips_latent: bool = False,
        output: Output = "tanh",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.out_shape = (channels[-1], *sizes[-1])
        self.ending: Output = output
        self.project = Projection(latent_dim, (channels[0], *sizes[0]), norm, over)
        widths, map_sizes = list(pairwise(channels)), list(pairwise(sizes))
        self.hidden_names = tuple(f"deconv{i + 1}" for i in range(len(widths) - 1))
        entering_dim = latent_dim if skips_latent else 0
        for name, width, map_size in zip(
            self.hidden_names, widths[:-1], map_sizes[:-1], strict=True
        ):
            self.add_module(name, DeconvLayer(*width, kernel, map_size, entering_dim, norm, bias))
        self.output = DeconvLayer(*widths[-1], kernel, map_sizes[-1], 0, None, bias)

    def forward(self, z: Tensor, skipped: Tensor | None = None) -> Tensor:
        """Maps latents `(N, latent_dim)` to images `(N, C, H, W)`.

        `skipped` are the same latents once more, for hidden layers that are built for them.
        """
        h = channels_last(self.project(z))
        for name in self.hidden_names:
            h = self.get_submodule(name)(h, skipped)
        return output_activation(self.output(h), self.ending)
