"""The networks of Adversarially Learned Inference: unpadded convolutions, maxout and dropout in D.

Source: Dumoulin et al. (2017), arXiv 1606.00704, appendix A, and the authors' code for CIFAR-10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.randomness import Randomness
from ..core.settings import Fraction, Positive
from .convnet import Size, channels_last, image_sample_spec, size_after, to_channels_last
from .layers.basic import BatchNorm, Output, output_activation
from .layers.init import init_normal
from .mlp import Prediction

_STRIDES = (1, 2, 1, 2)
_SLOPE = 0.1


@dataclass(frozen=True)
class ALISettings:
    """Networks of ALI. Four convolutions, then one over all that is left, end in a single place.

    D sees x and z apart, by convolutions and by dense layers, and then both; in BiGAN, z enters
    every layer. The authors' code starts G's last bias, one for each value of an image, at the log
    odds of 500 images; here it starts at 0. It also drops out before other layers than those that
    the paper lists: before the maxout of the third convolution, and not before that convolution and
    the fourth. The paper's places are taken.

    Attributes:
        kind: Kind of the networks.
        width: Number of channels of the first convolution of E and of D, before its maxout, and of
            the last hidden layers of G; 32 in the paper. Others have 2 to 16 times as many, and
            those of D that see both x and z 32 times.
        kernels: Sides of the kernels of the first four convolutions of E and D, whose strides are
            1, 2, 1 and 2; those of G are the same in reverse.
        pieces: Number of linear pieces whose maximum is one output of a layer of D.
        input_dropout: Fraction of the values of x and z that D does not see in training, in [0, 1).
        dropout: The same of what its hidden layers and its output layer see.
        generator_output: Function that G ends in.
        encoder_output: Function that E ends in; a stochastic E needs `linear`.
        norm_epsilon: Positive number that batch norm adds to the variance.
        init_std: Standard deviation of the normal distribution that initial weights are drawn from.
    """

    kind: Literal["ali"] = "ali"
    width: PositiveInt = 32
    kernels: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (5, 4, 4, 4)
    pieces: PositiveInt = 2
    input_dropout: Fraction = 0.2
    dropout: Fraction = 0.5
    generator_output: Output = "squash"
    encoder_output: Output = "linear"
    norm_epsilon: Positive = 1e-4
    init_std: Positive = 0.01

    def __post_init__(self) -> None:
        if self.width % self.pieces:
            raise ConfigError(
                f"settings.network.width {self.width} cannot be divided into"
                f" {self.pieces} pieces; choose a multiple of settings.network.pieces."
            )


class NormedConv(nn.Module):
    """leaky_relu(norm(W * h)) with the slope 0.1; W without padding, transposed in a generator."""

    def __init__(self, convolution: nn.Conv2d | nn.ConvTranspose2d, epsilon: float) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = BatchNorm(convolution.out_channels, epsilon=epsilon)

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, out_channels, ...)`."""
        return F.leaky_relu(self.norm(self.convolution(h)), _SLOPE)


class Maxout(nn.Module):
    """The maximum over so many channels of W * h + b each, without padding.

    Source: Goodfellow et al. (2013), Maxout Networks.
    """

    def __init__(self, convolution: nn.Conv2d, pieces: int) -> None:
        super().__init__()
        self.convolution, self.pieces = convolution, pieces

    def forward(self, h: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, out_channels / pieces, ...)`."""
        return self.convolution(h).unflatten(1, (-1, self.pieces)).amax(2)


class ALIEncoder(nn.Module):
    """E: `conv1` to `conv5` end in a single place; `conv6` and the `output` see that alone."""

    def __init__(
        self, spec: DataSpec, settings: ALISettings, num_outputs: int, end: Output
    ) -> None:
        super().__init__()
        self.out_shape: tuple[int, ...] = (num_outputs,)
        self.ending: Output = end
        convolutions = _chain(spec, settings, pieces=1, bias_first=False)
        last = convolutions[-1].out_channels
        convolutions.append(nn.Conv2d(last, last, 1, bias=False))
        layers = [NormedConv(each, settings.norm_epsilon) for each in convolutions]
        self.hidden_names = _add(self, "conv", layers)
        self.output = Prediction(last, num_outputs)
        init_normal(self, settings.init_std)
        to_channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        """Maps images `(N, C, H, W)` to `(N, num_outputs)`."""
        h = channels_last(x)
        for name in self.hidden_names:
            h = self.get_submodule(name)(h)
        return output_activation(self.output(h), self.ending)


class ALIGenerator(nn.Module):
    """G: `deconv1` lays out one place, `deconv2` to `deconv5` enlarge it, `deconv6` mixes colours.

    Each value of an image has a bias of its own.
    """

    def __init__(self, spec: DataSpec, settings: ALISettings, latent_dim: int) -> None:
        super().__init__()
        self.out_shape = spec.shape
        self.ending: Output = settings.generator_output
        sizes, w = _sizes(spec, settings), settings.width
        channels = [latent_dim, 8 * w, 4 * w, 2 * w, w, w]
        convolutions = [nn.ConvTranspose2d(latent_dim, 8 * w, sizes[-1], bias=False)]
        larger = zip(
            pairwise(channels[1:]),
            reversed(list(pairwise(sizes))),
            reversed(settings.kernels),
            reversed(_STRIDES),
            strict=True,
        )
        for (before, after), (large, small), kernel, stride in larger:
            # A stride that did not divide the size left out its last rows or columns.
            height, width = (
                to - (stride * (side - 1) + kernel) for to, side in zip(large, small, strict=True)
            )
            convolutions.append(
                nn.ConvTranspose2d(
                    before, after, kernel, stride, output_padding=(height, width), bias=False
                )
            )
        convolutions.append(nn.ConvTranspose2d(w, w, 1, bias=False))
        layers = [NormedConv(each, settings.norm_epsilon) for each in convolutions]
        self.hidden_names = _add(self, "deconv", layers)
        self.output = nn.Conv2d(w, spec.shape[0], 1, bias=False)
        init_normal(self, settings.init_std)
        self.bias = nn.Parameter(torch.zeros(spec.shape))
        to_channels_last(self)

    def forward(self, z: Tensor, _skipped: Tensor | None = None) -> Tensor:
        """Maps latents `(N, latent_dim)` to images `(N, C, H, W)`; z enters once alone."""
        h = z[:, :, None, None]
        for name in self.hidden_names:
            h = self.get_submodule(name)(h)
        return output_activation(self.output(h) + self.bias, self.ending)


class ALIDiscriminator(nn.Module):
    """D: x by `conv1` to `conv5`, z by `latent1` and `latent2`, both by `joint1` and `joint2`.

    Without latents, the last layers see x alone.

    Attributes:
        draws_noise: Whether `forward` takes random numbers in training, for dropout.
    """

    draws_noise = True

    def __init__(self, spec: DataSpec, settings: ALISettings, latent_dim: int = 0) -> None:
        super().__init__()
        self.out_shape: tuple[int, ...] = (1,)
        self.input_dropout, self.dropout = settings.input_dropout, settings.dropout
        pieces, wide = settings.pieces, 16 * settings.width
        seeing = _chain(spec, settings, pieces, bias_first=True)
        self.image_names = _add(self, "conv", [Maxout(each, pieces) for each in seeing])
        entering = wide // pieces
        self.latent_names: tuple[str, ...] = ()
        if latent_dim:
            widths = [(latent_dim, wide), (wide // pieces, wide)]
            dense = [Maxout(nn.Conv2d(*each, 1, bias=False), pieces) for each in widths]
            self.latent_names = _add(self, "latent", dense)
            entering *= 2
        widths = [(entering, 2 * wide), (2 * wide // pieces, 2 * wide)]
        dense = [Maxout(nn.Conv2d(*each, 1), pieces) for each in widths]
        self.joint_names = _add(self, "joint", dense)
        self.hidden_names = (*self.image_names, *self.joint_names)
        self.output = Prediction(2 * wide // pieces, 1)
        init_normal(self, settings.init_std)
        to_channels_last(self)

    def forward(
        self, x: Tensor, z: Tensor | None = None, *, noise: Randomness | None = None
    ) -> Tensor:
        """Maps images `(N, C, H, W)` and latents `(N, latent_dim)` to logits `(N, 1)`.

        With random numbers of the current turn, values are dropped out.
        """
        h = self._run(self.image_names, channels_last(x), self.input_dropout, noise)
        if z is not None:
            k = self._run(self.latent_names, z[:, :, None, None], self.input_dropout, noise)
            h = torch.cat([h, k], 1)
        h = self._run(self.joint_names, h, self.dropout, noise)
        return self.output(_dropped(h, self.dropout, noise))

    def _run(
        self, names: Sequence[str], h: Tensor, share: float, noise: Randomness | None
    ) -> Tensor:
        """Layers one after another, with this dropout before the first."""
        for name in names:
            h = self.get_submodule(name)(_dropped(h, share, noise))
            share = self.dropout
        return h


def _add(network: nn.Module, word: str, layers: Sequence[nn.Module]) -> tuple[str, ...]:
    """Names layers by a word and their number, adds them to a network, and returns the names."""
    names = tuple(f"{word}{i + 1}" for i in range(len(layers)))
    for name, layer in zip(names, layers, strict=True):
        network.add_module(name, layer)
    return names


def _dropped(h: Tensor, share: float, noise: Randomness | None) -> Tensor:
    """Dropout (Srivastava et al., 2014): values that are kept are scaled up by as much."""
    if noise is None or not share:
        return h
    return h * ((noise.uniform(*h.shape) >= share) / (1 - share))


def ali_sample_spec(spec: DataSpec, settings: ALISettings) -> DataSpec:
    """Returns the form of the data, which G's images have, too.

    Raises:
        ConfigError: The data are vectors, or images too small for the kernels.
    """
    spec = image_sample_spec(spec, settings.kind, 1)
    if min(_sizes(spec, settings)[-1]) < 1:
        kernels = ",".join(map(str, settings.kernels))
        raise ConfigError(
            f"images of {spec.shape[1]}x{spec.shape[2]} leave kernels of {kernels} no pixels;"
            " choose smaller settings.network.kernels, or another settings.network.kind."
        )
    return spec


def _sizes(spec: DataSpec, settings: ALISettings) -> list[Size]:
    """Height and width of an image and after each of the first four convolutions."""
    sizes: list[Size] = [(spec.shape[1], spec.shape[2])]
    for kernel, stride in zip(settings.kernels, _STRIDES, strict=True):
        sizes.append(size_after(sizes[-1], kernel, stride, padded=False))
    return sizes


def _chain(
    spec: DataSpec, settings: ALISettings, pieces: int, *, bias_first: bool
) -> list[nn.Conv2d]:
    """The five convolutions from images to a single place; each is followed by so many pieces."""
    ali_sample_spec(spec, settings)
    kernels: list[int | Size] = [*settings.kernels, _sizes(spec, settings)[-1]]
    channels, convolutions = spec.shape[0], list[nn.Conv2d]()
    for number, (kernel, stride) in enumerate(zip(kernels, (*_STRIDES, 1), strict=True)):
        width, has_bias = settings.width * 2**number, bias_first and number == 0
        convolutions.append(nn.Conv2d(channels, width, kernel, stride, bias=has_bias))
        channels = width // pieces
    return convolutions
