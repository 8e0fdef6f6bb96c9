"""Convolutional D, G and E of any size, channels and width, by settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from pydantic import PositiveInt
from torch import nn

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.settings import NonNegative, Positive
from .convnet import (
    ConvLayer,
    ConvNet,
    DeconvLayer,
    DeconvNet,
    NormSettings,
    Size,
    Stage,
    downsampled,
)
from .layers.basic import BatchNorm, Output
from .layers.init import init_normal
from .layers.spectral_norm import apply_spectral_norm

LayerChain = Literal["dcgan", "six_layer", "alexnet"]
SMALLEST_CONV_SIDE = 4  # to which images are halved
FEWEST_HALVINGS = 2  # so that there is a layer after the first, where z can enter


@dataclass(frozen=True)
class ConvSettings:
    """Networks for images. Any height and width of 4 or more, any number of channels.

    Attributes:
        kind: of networks.
        width: channels of the first layer of D and E, and of the last hidden one of G; others are
            multiples of it. 128 in DCGAN's, 64 in BiGAN's code for ImageNet.
        discriminator: the chain of convolutions. `dcgan` halves images by strides of 2 and doubles
            channels until a side is 4 or less. `six_layer` is that of DCGAN's features: 3x3 kernels
            with 1, 1, 2, 2, 4, 4 times `width` channels and strides 1, 2, 1, 2, 1, 2. `alexnet` is
            AlexNet through conv5.
        discriminator_width: of D's first layer, if not `width`; AlexNet's is 96.
        encoder: the chain of E, one of the same.
        encoder_width: likewise.
        kernel: side of the kernels of `dcgan` chains and of G.
        image_size: height and width of the images that G draws and D sees, if they are to be
            smaller than the data, which E sees as they are (BiGAN's generalised game, 64 under an
            E of 112).
        generator_output: what G ends in: `tanh` (DCGAN), or `squash`, a sigmoid rescaled to [-1, 1]
            (BiGAN's code), which is the tanh of half.
        encoder_output: `linear` as printed, `squash` in BiGAN's code.
        generator_skips_latent: z is added to G's hidden layers (BiGAN's code).
        projection_norm: batch norm of G's first layer, over `units` or `channels`; DCGAN's code has
            the former.
        discriminator_norm: `batch` norm after all layers of D but the first, `spectral` norm of all
            its weights, or `none`.
        norm_affine: batch norm learns gain and bias.
        norm_gain_std: deviation of the initial gains around 1; 0.02 in DCGAN's code.
        norm_epsilon: added to variances; 1e-8 in the codes of DCGAN and BiGAN.
        bias: biases where no batch norm follows.
        latent_at_logit: z enters D's output layer too, and not the layers after the first alone.
        zero_init_logit: D's output weights start at zero (BiGAN's code); not under spectral norm,
            which has no zero: W / sigma(W) is of length 1 however short W is.
        init_std: deviation of the initial weights.
        latent_init: maps of z into hidden layers start at `init_std` times the `area` of the
            layer's kernel (BiGAN's code, 0.5 for 5x5), or at `init_std` itself (`same`).
    """

    kind: Literal["conv"] = "conv"
    width: PositiveInt = 64
    discriminator: LayerChain = "dcgan"
    discriminator_width: PositiveInt | None = None
    encoder: LayerChain = "dcgan"
    encoder_width: PositiveInt | None = None
    kernel: PositiveInt = 5
    image_size: tuple[PositiveInt, PositiveInt] | None = None
    generator_output: Output = "tanh"
    encoder_output: Output = "linear"
    generator_skips_latent: bool = False
    projection_norm: Literal["units", "channels"] = "units"
    discriminator_norm: Literal["batch", "spectral", "none"] = "batch"
    norm_affine: bool = True
    norm_gain_std: NonNegative = 0.02
    norm_epsilon: Positive = 1e-5
    bias: bool = True
    latent_at_logit: bool = True
    zero_init_logit: bool = False
    init_std: Positive = 0.02
    latent_init: Literal["area", "same"] = "area"

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise ConfigError(
                f"settings.network.kernel {self.kernel} is even; take an odd one, such as 5."
            )
        if self.zero_init_logit and self.discriminator_norm == "spectral":
            raise ConfigError(
                "settings.network.zero_init_logit true and discriminator_norm 'spectral' do not go"
                " together: a weight of zero has no norm to be divided by. Set zero_init_logit"
                " false or discriminator_norm batch."
            )

    @property
    def norm(self) -> NormSettings:
        """Of the layers that have batch norm."""
        return NormSettings(self.norm_affine, self.norm_epsilon)


def conv_sample_spec(spec: DataSpec, settings: ConvSettings) -> DataSpec:
    """The form of what G draws and D sees.

    Raises:
        ConfigError: the data are no images, too small, or smaller than what is to be drawn.
    """
    if spec.kind != "images":
        raise ConfigError(
            f"settings.network.kind 'conv' is for images; these are vectors of {spec.num_values} "
            "values. Take a preset with the kind 'mlp', such as small."
        )
    channels, height, width = spec.shape
    size = settings.image_size or (height, width)
    if min(size) < SMALLEST_CONV_SIDE:
        raise ConfigError(
            f"images of {size[0]}x{size[1]} are too small for convolutions; each side must be "
            f"{SMALLEST_CONV_SIDE} or more. Take a preset with the kind 'mlp', such as small."
        )
    if size[0] > height or size[1] > width:
        raise ConfigError(
            f"settings.network.image_size {size[0]},{size[1]} is larger than the data, "
            f"{height}x{width}; what G draws may be as large or smaller."
        )
    return DataSpec("images", (channels, *size), spec.bounded)


def make_conv_discriminator(spec: DataSpec, settings: ConvSettings, latent_dim: int = 0) -> ConvNet:
    """D(x) or, with latents, D(x, z): z enters at every layer after the first. `(N, 1)`."""
    width = settings.discriminator_width or settings.width
    stages = _stages(settings.discriminator, width, spec, settings.kernel)
    network = ConvNet(
        spec.shape,
        stages,
        1,
        latent_dim=latent_dim,
        latent_at_output=settings.latent_at_logit and latent_dim > 0,
        norm=settings.norm if settings.discriminator_norm == "batch" else None,
        bias=settings.bias,
    )
    _initialise(network, settings)
    if settings.zero_init_logit:
        nn.init.zeros_(network.output.linear.weight)
    if settings.discriminator_norm == "spectral":
        apply_spectral_norm(network)
    return network


def make_conv_generator(spec: DataSpec, settings: ConvSettings, latent_dim: int) -> DeconvNet:
    """G(z), `(N, latent_dim)` to `(N, *spec.shape)`; z is given twice where it skips."""
    sizes = _halvings(spec)
    channels = [settings.width * 2**i for i in range(len(sizes) - 1)]
    network = DeconvNet(
        latent_dim,
        [*reversed(channels), spec.shape[0]],
        list(reversed(sizes)),
        kernel=settings.kernel,
        norm=settings.norm,
        over=settings.projection_norm,
        skips_latent=settings.generator_skips_latent,
        output=settings.generator_output,
        bias=settings.bias,
    )
    _initialise(network, settings)
    return network


def make_conv_encoder(
    spec: DataSpec, settings: ConvSettings, num_outputs: int, output: Output | None = None
) -> ConvNet:
    """E(x), `(N, *spec.shape)` to `(N, num_outputs)`, ending in `output` or as set."""
    width = settings.encoder_width or settings.width
    network = ConvNet(
        spec.shape,
        _stages(settings.encoder, width, spec, settings.kernel),
        num_outputs,
        norm=settings.norm,
        output=output or settings.encoder_output,
        bias=settings.bias,
    )
    _initialise(network, settings)
    return network


def _stages(chain: LayerChain, width: int, spec: DataSpec, kernel: int) -> list[Stage]:
    match chain:
        case "dcgan":
            return [Stage(width * 2**i, kernel, 2) for i in range(len(_halvings(spec)) - 1)]
        case "six_layer":
            return [Stage(width * 2 ** (i // 2), 3, 1 + i % 2) for i in range(6)]
        case "alexnet":
            return _alexnet(width, min(spec.shape[1:]))


def _alexnet(width: int, side: int) -> list[Stage]:
    """AlexNet through conv5: 96, 256, 384, 384, 256 channels, in units of 96 `width`.

    Its first stride is 4, made for sides of 112 and more; smaller images get 2, and 1 from 32 down,
    with smaller kernels, so that something is left for conv5 (ours).
    """
    kernel, stride = (11, 4) if side > 96 else (7, 2) if side > 32 else (5, 1)
    two, three = round(width * 256 / 96), round(width * 384 / 96)
    return [
        Stage(width, kernel, stride, pool=True),
        Stage(two, 5, pool=True),
        Stage(three, 3),
        Stage(three, 3),
        Stage(two, 3),
    ]


def _halvings(spec: DataSpec) -> list[Size]:
    """Height and width of the images and of their halves, rounded up, until one side is small."""
    sizes: list[Size] = [(spec.shape[1], spec.shape[2])]
    while min(sizes[-1]) > SMALLEST_CONV_SIDE or len(sizes) <= FEWEST_HALVINGS:
        sizes.append(downsampled(sizes[-1]))
    return sizes


def _initialise(network: nn.Module, settings: ConvSettings) -> None:
    """N(0, init_std) for weights, N(1, norm_gain_std) for gains, and wider maps of z into D."""
    init_normal(network, settings.init_std)
    for module in network.modules():
        if isinstance(module, BatchNorm) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, settings.norm_gain_std)
        if isinstance(module, ConvLayer | DeconvLayer) and settings.latent_init == "area":
            _widen(module, settings.init_std)
    cast(Any, network).to(memory_format=torch.channels_last)


def _widen(layer: ConvLayer | DeconvLayer, std: float) -> None:
    if layer.latent is not None:
        height, width = layer.convolution.kernel_size
        nn.init.normal_(layer.latent.weight, std=std * height * width)
