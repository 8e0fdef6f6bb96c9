"""Builders of the convolutional D, G and E of DCGAN and BiGAN, for any image size and width."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal

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
    NormFactory,
    Size,
    Stage,
    downsampled,
    image_sample_spec,
    to_channels_last,
)
from .layers.basic import BatchNorm, Output
from .layers.init import init_normal
from .layers.spectral_norm import apply_spectral_norm

LayerChain = Literal["dcgan", "six_layer", "alexnet"]
"""Names of the chains of convolutions, see `ConvSettings.discriminator`."""
SMALLEST_CONV_SIDE = 4
"""Side in pixels at which images are not halved any further."""
FEWEST_HALVINGS = 2
"""Fewest layers of a `dcgan` chain: z enters the layers after the first, so there must be one."""


@dataclass(frozen=True)
class AlexNetSettings:
    """In what one AlexNet differs from another, see `LayerChain`.

    Attributes:
        kernel: Side of the kernels of the first layer, an odd number: 11 in AlexNet. None for one
            that fits the images, which is our choice: 11 for sides above 96 pixels, 7 above 32, and
            5 below.
        stride: Stride of the first layer: 4 in AlexNet. None for one that fits the images: 4, 2 or
            1, for the same sides.
        padded: Whether the first layer and the poolings are padded, so that only strides shrink
            images, as in the networks that BiGAN's authors trained; AlexNet does without.
        groups: Number of parts that the channels of the second, fourth and fifth layer are divided
            into, each of which sees one part of the layer before: 2 in AlexNet.
    """

    kernel: PositiveInt | None = None
    stride: PositiveInt | None = None
    padded: bool = True
    groups: Literal[1, 2] = 1

    def __post_init__(self) -> None:
        if self.kernel is not None:
            check_odd("settings.network.alexnet.kernel", self.kernel)


def check_odd(name: str, kernel: int) -> None:
    """Refuses kernels that have no middle, by the name of their setting."""
    if kernel % 2 == 0:
        raise ConfigError(f"{name} {kernel} is even; choose an odd number, such as {kernel + 1}.")


@dataclass(frozen=True)
class ConvSettings:
    """Convolutional networks for images of any number of channels and with sides of 4 or more.

    Attributes:
        kind: Kind of the networks.
        width: Number of channels of the first layer of D and E and of the last hidden layer of G;
            other layers have multiples of it. 128 in DCGAN, 64 in BiGAN's code for ImageNet.
        discriminator: Chain of convolutions of D. `dcgan` halves images by strides of 2 and doubles
            channels until a side is 4 or less. `six_layer` is DCGAN's feature network: 3x3 kernels
            with 1, 1, 2, 2, 4, 4 times `width` channels and strides 1, 2, 1, 2, 1, 2. `alexnet` is
            AlexNet through conv5, without local response normalisation.
        discriminator_width: Number of channels of D's first layer; `width` if None. AlexNet's is
            96.
        encoder: Chain of convolutions of E, one of the same three.
        encoder_width: Number of channels of E's first layer; `width` if None.
        alexnet: What `alexnet` chains are like.
        kernel: Side of the kernels of `dcgan` chains and of G, an odd number.
        image_size: Height and width of the images that G draws and D sees, if they are to be
            smaller than the data; E always sees the data at full size (BiGAN's generalised game, 64
            with an E of 112). None for the size of the data.
        generator_output: Function that G ends in: `tanh` (DCGAN), `linear`, or `squash`, a sigmoid
            rescaled to [-1, 1] (BiGAN's code), which equals the tanh of half its input.
        encoder_output: Function that E ends in: `linear` (paper), `tanh`, or `squash` (BiGAN's
            code). A normal prior needs `linear`.
        generator_skips_latent: Whether z is also added, by linear maps, to G's hidden layers
            (BiGAN's code).
        projection_norm: What shares its batch statistics in G's first layer: `units` normalises
            every value on its own (DCGAN's code), `channels` every channel over all pixels.
        discriminator_norm: Normalisation of D: `batch` norm after all layers but the first,
            `spectral` norm of all weights, or `none`.
        first_layer_norm: Whether batch norm also follows the first layer of D and of E, as BiGAN
            prints it (appendix C.2); DCGAN and the code of BiGAN leave it out.
        norm_affine: Whether batch norm learns a gain and a bias for each channel.
        norm_gain_std: Standard deviation of the initial gains of batch norm around 1; 0.02 in
            DCGAN's code.
        norm_epsilon: Positive number that batch norm adds to the variance; 1e-8 in the codes of
            DCGAN and BiGAN.
        bias: Whether layers without batch norm learn biases.
        latent_at_logit: Whether z also enters the output layer of D, and not only the layers after
            the first.
        zero_init_logit: Whether the output weights of D start at zero (BiGAN's code). It cannot be
            combined with spectral norm, which divides weights by their norm.
        init_std: Standard deviation of the normal distribution that initial weights are drawn from.
        latent_init: Initial scale of the maps from z into hidden layers: `area` multiplies
            `init_std` by the number of pixels of the layer's kernel (BiGAN's code: 0.5 for 5x5),
            `same` uses `init_std` itself.
    """

    kind: Literal["conv"] = "conv"
    width: PositiveInt = 64
    discriminator: LayerChain = "dcgan"
    discriminator_width: PositiveInt | None = None
    encoder: LayerChain = "dcgan"
    encoder_width: PositiveInt | None = None
    alexnet: AlexNetSettings = field(default_factory=AlexNetSettings)
    kernel: PositiveInt = 5
    image_size: tuple[PositiveInt, PositiveInt] | None = None
    generator_output: Output = "tanh"
    encoder_output: Output = "linear"
    generator_skips_latent: bool = False
    projection_norm: Literal["units", "channels"] = "units"
    discriminator_norm: Literal["batch", "spectral", "none"] = "batch"
    first_layer_norm: bool = False
    norm_affine: bool = True
    norm_gain_std: NonNegative = 0.02
    norm_epsilon: Positive = 1e-5
    bias: bool = True
    latent_at_logit: bool = True
    zero_init_logit: bool = False
    init_std: Positive = 0.02
    latent_init: Literal["area", "same"] = "area"

    def __post_init__(self) -> None:
        check_odd("settings.network.kernel", self.kernel)
        if self.zero_init_logit and self.discriminator_norm == "spectral":
            raise ConfigError(
                "settings.network.zero_init_logit true cannot be combined with discriminator_norm"
                " 'spectral': a zero weight has no norm to divide by. Set zero_init_logit false or"
                " discriminator_norm batch."
            )

    @property
    def norm(self) -> NormFactory:
        """Returns the builder of batch norms."""
        return partial(BatchNorm, affine=self.norm_affine, epsilon=self.norm_epsilon)


def conv_sample_spec(spec: DataSpec, settings: ConvSettings) -> DataSpec:
    """Returns the form of the images that G draws and D sees, see `image_sample_spec`."""
    return image_sample_spec(spec, settings.kind, SMALLEST_CONV_SIDE, settings.image_size)


def make_conv_discriminator(spec: DataSpec, settings: ConvSettings, latent_dim: int = 0) -> ConvNet:
    """Builds D(x) or D(x, z), see `families.make_discriminator`.

    z enters every layer after the first.
    """
    width = settings.discriminator_width or settings.width
    stages = _stages(settings.discriminator, width, spec, settings)
    network = ConvNet(
        spec.shape,
        stages,
        1,
        latent_dim=latent_dim,
        latent_at_output=settings.latent_at_logit and latent_dim > 0,
        norm=settings.norm if settings.discriminator_norm == "batch" else None,
        norm_first=settings.first_layer_norm,
        bias=settings.bias,
    )
    _initialise(network, settings)
    # All logits start at 0, D's best guess before it has learned.
    if settings.zero_init_logit:
        nn.init.zeros_(network.output.linear.weight)
    if settings.discriminator_norm == "spectral":
        apply_spectral_norm(network)
    return network


def make_conv_generator(spec: DataSpec, settings: ConvSettings, latent_dim: int) -> DeconvNet:
    """Builds G(z, z), see `families.make_generator`."""
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
    """Builds E(x), see `families.make_encoder`."""
    width = settings.encoder_width or settings.width
    network = ConvNet(
        spec.shape,
        _stages(settings.encoder, width, spec, settings),
        num_outputs,
        norm=settings.norm,
        norm_first=settings.first_layer_norm,
        output=output or settings.encoder_output,
        bias=settings.bias,
    )
    _initialise(network, settings)
    return network


def _stages(chain: LayerChain, width: int, spec: DataSpec, settings: ConvSettings) -> list[Stage]:
    """Returns the convolutions of a chain by its name.

    Raises:
        ConfigError: The data are vectors.
    """
    image_sample_spec(spec, "conv", 1)
    match chain:
        case "dcgan":
            channels = [width * 2**i for i in range(len(_halvings(spec)) - 1)]
            return [Stage(each, settings.kernel, 2) for each in channels]
        case "six_layer":
            return [Stage(width * 2 ** (i // 2), 3, 1 + i % 2) for i in range(6)]
        case "alexnet":
            return _alexnet(width, min(spec.shape[1:]), settings.alexnet)


def _alexnet(width: int, side: int, settings: AlexNetSettings) -> list[Stage]:
    """Returns the stages of AlexNet through conv5: 96, 256, 384, 384, 256 channels at width 96.

    Raises:
        ConfigError: The channels cannot be divided into the groups.
    """
    # With a stride of 4, small images leave conv5 no pixels to see.
    kernel, stride = (11, 4) if side > 96 else (7, 2) if side > 32 else (5, 1)
    kernel, stride = settings.kernel or kernel, settings.stride or stride
    groups = settings.groups
    if width % groups:
        raise ConfigError(
            f"an alexnet of {width} channels cannot be divided into {groups} groups; choose an even"
            " number for settings.network.width, encoder_width or discriminator_width."
        )
    two, three = (groups * round(width * share / 96 / groups) for share in (256, 384))
    pool: dict[str, bool] = {"pool": True, "pool_padded": settings.padded}
    return [
        Stage(width, kernel, stride, padded=settings.padded, **pool),
        Stage(two, 5, groups=groups, **pool),
        Stage(three, 3),
        Stage(three, 3, groups=groups),
        Stage(two, 3, groups=groups),
    ]


def _halvings(spec: DataSpec) -> list[Size]:
    """Returns the sizes of the images and of their halves, until the shorter side is 4 or less."""
    sizes: list[Size] = [(spec.shape[1], spec.shape[2])]
    while min(sizes[-1]) > SMALLEST_CONV_SIDE or len(sizes) <= FEWEST_HALVINGS:
        sizes.append(downsampled(sizes[-1]))
    return sizes


def _initialise(network: nn.Module, settings: ConvSettings) -> None:
    """Draws weights from N(0, init_std^2) and gains from N(1, norm_gain_std^2)."""
    init_normal(network, settings.init_std)
    by_area = settings.latent_init == "area"
    for module in network.modules():
        if isinstance(module, BatchNorm) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, settings.norm_gain_std)
        if by_area and isinstance(module, ConvLayer | DeconvLayer) and module.latent is not None:
            # A convolution sums over its kernel's area, so its output is larger than that of a map
            # of z with equal weights.
            height, width = module.convolution.kernel_size
            nn.init.normal_(module.latent.weight, std=settings.init_std * height * width)
    to_channels_last(network)
