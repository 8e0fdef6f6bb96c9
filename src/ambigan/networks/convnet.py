"""Convolutional networks for D and E, and the fractionally strided ones of DCGAN for G."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.precision import at_least_float32
from .layers.basic import BatchNorm, Output, activate, output_activation

Size = tuple[int, int]


def channels_last(x: Tensor) -> Tensor:
    """Images laid out pixel by pixel, on which convolutions are 1.1 to 1.3 times as fast."""
    return x.contiguous(memory_format=torch.channels_last)


def downsampled(size: Size, step: int = 2) -> Size:
    """What a stride leaves of height and width, rounded up."""
    return -(-size[0] // step), -(-size[1] // step)


def upsampled(h: Tensor, size: Size) -> Tensor:
    """Each place repeated, up to that size."""
    return h if h.shape[2:] == size else F.interpolate(h, size, mode="nearest")


@dataclass(frozen=True)
class Stage:
    """One convolution of a chain.

    Attributes:
        channels: that it gives.
        kernel: its side, odd; borders are padded, so that only the stride makes images smaller.
        stride: of the convolution.
        pool: a max-pooling over 3x3 with stride 2 follows the activation.
    """

    channels: int
    kernel: int
    stride: int = 1
    pool: bool = False

    def size_after(self, size: Size) -> Size:
        """Height and width that it leaves."""
        steps = (self.stride, 2) if self.pool else (self.stride,)
        for step in steps:
            size = downsampled(size, step)
        return size


@dataclass(frozen=True)
class NormSettings:
    """How batch norm is made.

    Attributes:
        affine: learn a gain and a bias for each channel.
        epsilon: added to variances.
    """

    affine: bool = True
    epsilon: float = 1e-5

    def make(self, num_features: int) -> BatchNorm:
        """A layer of batch norm."""
        return BatchNorm(num_features, affine=self.affine, epsilon=self.epsilon)


class ConvLayer(nn.Module):
    """leaky_relu(norm(W * h + V z)), then max-pooling; V z is the same at every place.

    Args:
        in_channels: of h.
        stage: channels, kernel, stride and pooling.
        latent_dim: of z; 0 where none enters.
        norm: batch norm before the activation; None for none.
        bias: learn a bias where there is no norm, which would take it away again.
    """

    def __init__(
        self, in_channels: int, stage: Stage, latent_dim: int, norm: NormSettings | None, bias: bool
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            in_channels,
            stage.channels,
            stage.kernel,
            stage.stride,
            padding=stage.kernel // 2,
            bias=bias and norm is None,
        )
        self.latent = nn.Linear(latent_dim, stage.channels, bias=False) if latent_dim else None
        self.norm = norm.make(stage.channels) if norm else None
        self.pool = stage.pool

    def forward(self, h: Tensor, z: Tensor | None = None) -> Tensor:
        """`(N, C, H, W)` and `(N, latent_dim)` to `(N, channels, ...)`."""
        h = self.convolution(h)
        if self.latent is not None:
            h = h + self.latent(z)[:, :, None, None]
        if self.norm is not None:
            h = self.norm(h)
        h = activate(h, "leaky_relu")
        return F.max_pool2d(h, 3, 2, padding=1) if self.pool else h


class Prediction(nn.Module):
    """The linear output of a chain, to which latents may come; fp32 even under autocast."""

    def __init__(self, in_features: int, num_outputs: int, latent_dim: int, bias: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, num_outputs, bias=bias)
        self.latent = nn.Linear(latent_dim, num_outputs, bias=False) if latent_dim else None

    def forward(self, h: Tensor, z: Tensor | None = None) -> Tensor:
        """`(N, C, H, W)` to `(N, num_outputs)`."""
        with torch.autocast(h.device.type, enabled=False):
            h = self.linear(at_least_float32(h).flatten(1))
            return h if self.latent is None else h + self.latent(z)


class ConvNet(nn.Module):
    """A chain of convolutions `conv1`, `conv2`, ... and a linear `output`.

    Source: DCGAN, section 3 (D); BiGAN, appendix C.2 (E; D with z at every layer after the first).

    Args:
        in_shape: `(C, H, W)` of one input.
        stages: the chain.
        num_outputs: of the linear output.
        latent_dim: of z, which enters D beside its input; 0 for none.
        latent_at_output: z enters at the output layer, too.
        norm: batch norm after every convolution but the first; None for none.
        output: what it ends in.
        bias: learn biases.
    """

    def __init__(
        self,
        in_shape: tuple[int, ...],
        stages: Sequence[Stage],
        num_outputs: int,
        *,
        latent_dim: int = 0,
        latent_at_output: bool = False,
        norm: NormSettings | None = None,
        output: Output = "linear",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.out_shape: tuple[int, ...] = (num_outputs,)
        self.hidden_names = tuple(f"conv{i + 1}" for i in range(len(stages)))
        self.ending: Output = output
        channels, *size = in_shape
        place: Size = (size[0], size[1])
        for number, (name, stage) in enumerate(zip(self.hidden_names, stages, strict=True)):
            enters, normed = (latent_dim, norm) if number else (0, None)
            self.add_module(name, ConvLayer(channels, stage, enters, normed, bias))
            channels, place = stage.channels, stage.size_after(place)
        num_values = channels * place[0] * place[1]
        enters = latent_dim if latent_at_output else 0
        self.output = Prediction(num_values, num_outputs, enters, bias)

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """Images `(N, C, H, W)` and, where they enter, latents to `(N, num_outputs)`."""
        h = channels_last(x)
        for name in self.hidden_names:
            h = self.get_submodule(name)(h, z)
        return output_activation(self.output(h, z), self.ending)


class Projection(nn.Module):
    """relu(norm(W z)), laid out as small images.

    Args:
        latent_dim: of z.
        shape: `(C, H, W)` of the images.
        norm: batch norm.
        over: `units` takes each of the C H W values as a channel of its own (the authors' code of
            DCGAN), `channels` each of C over all places, as in other layers.
    """

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, int, int],
        norm: NormSettings,
        over: Literal["units", "channels"],
    ) -> None:
        super().__init__()
        self.shape = shape
        self.over_units = over == "units"
        num_values = shape[0] * shape[1] * shape[2]
        self.linear = nn.Linear(latent_dim, num_values, bias=False)
        self.norm = norm.make(num_values if self.over_units else shape[0])

    def forward(self, z: Tensor) -> Tensor:
        """`(N, latent_dim)` to `(N, C, H, W)`."""
        h = self.linear(z)
        if self.over_units:
            return F.relu(self.norm(h)).view(-1, *self.shape)
        return F.relu(self.norm(h.view(-1, *self.shape)))


class DeconvLayer(nn.Module):
    """relu(norm(W * h + V z)) with a fractionally strided convolution that doubles images.

    Args:
        in_channels: of h.
        out_channels: of the result.
        kernel: its side, odd.
        sizes: height and width before and after; twice as many, or one less.
        latent_dim: of z; 0 where none enters.
        norm: batch norm before the activation; None for the last layer, which has no activation.
        bias: learn a bias where there is no norm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        sizes: tuple[Size, Size],
        latent_dim: int,
        norm: NormSettings | None,
        bias: bool,
    ) -> None:
        super().__init__()
        before, after = sizes
        extra = (after[0] - 2 * before[0] + 1, after[1] - 2 * before[1] + 1)
        self.convolution = nn.ConvTranspose2d(
            in_channels,
            out_channels,
            kernel,
            2,
            padding=kernel // 2,
            output_padding=extra,
            bias=bias and norm is None,
        )
        self.latent = nn.Linear(latent_dim, out_channels, bias=False) if latent_dim else None
        self.norm = norm.make(out_channels) if norm else None

    def forward(self, h: Tensor, z: Tensor | None = None) -> Tensor:
        """`(N, C, H, W)` and `(N, latent_dim)` to images twice as large."""
        h = self.convolution(h)
        if self.latent is not None:
            h = h + self.latent(z)[:, :, None, None]
        return h if self.norm is None else F.relu(self.norm(h))


class DeconvNet(nn.Module):
    """DCGAN's generator: `project`, then `deconv1`, `deconv2`, ... and the images at `output`.

    Source: DCGAN, section 3 and Figure 1.

    Args:
        latent_dim: of z.
        channels: after the projection and after each layer; the last are the images'.
        sizes: height and width after the projection and after each layer.
        kernel: side of the kernels, odd.
        norm: batch norm after every layer but the last.
        over: see `Projection`.
        skips_latent: z is added by a linear map to hidden layers after the projection.
        output: what it ends in.
        bias: learn a bias at the output.
    """

    def __init__(
        self,
        latent_dim: int,
        channels: Sequence[int],
        sizes: Sequence[Size],
        *,
        kernel: int,
        norm: NormSettings,
        over: Literal["units", "channels"] = "units",
        skips_latent: bool = False,
        output: Output = "tanh",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.out_shape = (channels[-1], *sizes[-1])
        self.ending: Output = output
        self.project = Projection(latent_dim, (channels[0], *sizes[0]), norm, over)
        widths, places = list(pairwise(channels)), list(pairwise(sizes))
        self.hidden_names = tuple(f"deconv{i + 1}" for i in range(len(widths) - 1))
        enters = latent_dim if skips_latent else 0
        for name, width, place in zip(self.hidden_names, widths[:-1], places[:-1], strict=True):
            self.add_module(name, DeconvLayer(*width, kernel, place, enters, norm, bias))
        self.output = DeconvLayer(*widths[-1], kernel, places[-1], 0, None, bias)

    def forward(self, z: Tensor, skipped: Tensor | None = None) -> Tensor:
        """Latents `(N, latent_dim)`, given twice where they skip, to images `(N, C, H, W)`."""
        h = channels_last(self.project(z))
        for name in self.hidden_names:
            h = self.get_submodule(name)(h, skipped)
        return output_activation(self.output(h), self.ending)
