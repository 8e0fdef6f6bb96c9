"""BigBiGAN's networks by their settings: BigGAN's G and D, a ResNet-50 or RevNet-50 for E."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import PositiveInt

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.settings import Few, Positive
from .biggan import SMALLEST_BIGGAN_SIDE, BigGANBody, BigGANGenerator, Growth
from .heads import JointDiscriminator, Unary
from .resnet50 import ResNet50Encoder, StemKind, resnet50
from .revnet import revnet50


@dataclass(frozen=True)
class LargeSettings:
    """Sizes of BigBiGAN's networks, by default those of ImageNet at 128x128.

    Attributes:
        kind: of networks.
        width: channels that D begins with at 128x128, and G ends in; 96 in BigGAN.
        generator_width: G's own, if it is to be another.
        growth: of channels in D and G for images up to 32x32: `biggan`, the same in all blocks, or
            `doubling` from block to block, as BigGAN's do on larger images.
        attention: side of the maps that attention follows, in G and D, or of the next smaller ones;
            None for none.
        image_size: height and width of the images that G draws and D sees, if they are to be
            smaller than the data, which E sees as they are (128 under an E of 256 in the paper).
        encoder: `resnet50`, or `revnet50`, which computes its activations again in the backward
            pass.
        encoder_width: multiplies all channels of E; 4 for the paper's best.
        encoder_depths: blocks of each stage of E.
        encoder_stem: E's first layer; by the size of images if None, see `make_stem`.
        encoder_init_std: of E's weights at the start; Kaiming's if None. Under batch norm the scale
            of a weight is without effect, but what Adam's steps are beside it is not: E learns
            the sooner the smaller they begin.
        head_places: side of the grid of means over places that E's head is given; 1, the mean
            over all of them, in the paper. Where E has few features, what is where is lost in it.
        joint_places: side of the grid over whose fields F is summed for J, likewise.
        head_width: of the residual MLP on E; 4096 in the paper (from memory).
        head_depth: of the same; 4 in the paper (from memory).
        mlp_width: of H and J in D; 2048 in the paper (from memory).
        mlp_depth: of the same; 8 in the paper (from memory).
        mlp_spectral_norm: of the same, as of all of D; without it J comes to see latents sooner.
        crelu: E has BN+CReLU features as a layer to be read.
        checkpoint_activations: blocks of F, G and a ResNet keep their inputs alone and run again
            for gradients, which takes less memory and more time. A RevNet needs not even these.
    """

    kind: Literal["large"] = "large"
    width: PositiveInt = 96
    generator_width: PositiveInt | None = None
    growth: Growth = "biggan"
    attention: PositiveInt | None = 64
    image_size: tuple[PositiveInt, PositiveInt] | None = None
    encoder: Literal["resnet50", "revnet50"] = "resnet50"
    encoder_width: Positive = 1.0
    encoder_depths: tuple[Few, ...] = (3, 4, 6, 3)
    encoder_stem: StemKind | None = None
    encoder_init_std: Positive | None = None
    head_places: PositiveInt = 1
    joint_places: PositiveInt = 1
    head_width: PositiveInt = 4096
    head_depth: Few = 4
    mlp_width: PositiveInt = 2048
    mlp_depth: Few = 8
    mlp_spectral_norm: bool = True
    crelu: bool = True
    checkpoint_activations: bool = False

    def __post_init__(self) -> None:
        for name in ("head_depth", "mlp_depth"):
            if (depth := getattr(self, name)) % 2:
                raise ConfigError(
                    f"settings.network.{name} {depth} is odd and blocks have two layers; choose"
                    f" {depth + 1}."
                )


def large_sample_spec(spec: DataSpec, settings: LargeSettings) -> DataSpec:
    """The form of what G draws and D sees.

    Raises:
        ConfigError: the data are no images, too small, or smaller than what is to be drawn.
    """
    if spec.kind != "images":
        raise ConfigError(
            f"settings.network.kind 'large' is for images; these are vectors of {spec.num_values}"
            " values. Take bigan with a preset of the kind 'mlp', such as small."
        )
    channels, height, width = spec.shape
    size = settings.image_size or (height, width)
    if size[0] > height or size[1] > width:
        raise ConfigError(
            f"settings.network.image_size {size[0]},{size[1]} is larger than the data, "
            f"{height}x{width}; what G draws may be as large or smaller."
        )
    if min(size) < (smallest := 2 * SMALLEST_BIGGAN_SIDE):
        raise ConfigError(
            f"settings.network.kind 'large' is for images of {smallest}x{smallest} and more;"
            f" these are {size[0]}x{size[1]}. Take bigan with a preset of the kind 'mlp'."
        )
    return DataSpec("images", (channels, *size), spec.bounded)


def make_large_discriminator(
    spec: DataSpec, settings: LargeSettings, latent_dim: int, unary: Unary
) -> JointDiscriminator:
    """D(x, z), `(N, *spec.shape)` and `(N, latent_dim)` to its scores."""
    _check_places("joint_places", settings.joint_places, spec)
    body = BigGANBody(
        spec.shape,
        settings.width,
        settings.attention,
        growth=settings.growth,
        places=settings.joint_places,
        checkpoint_activations=settings.checkpoint_activations,
    )
    return JointDiscriminator(
        body,
        latent_dim,
        settings.mlp_width,
        settings.mlp_depth,
        unary,
        mlp_spectral_norm=settings.mlp_spectral_norm,
    )


def make_large_generator(
    spec: DataSpec, settings: LargeSettings, latent_dim: int
) -> BigGANGenerator:
    """G(z), `(N, latent_dim)` to `(N, *spec.shape)`."""
    return BigGANGenerator(
        latent_dim,
        spec.shape,
        settings.generator_width or settings.width,
        settings.attention,
        growth=settings.growth,
        checkpoint_activations=settings.checkpoint_activations,
    )


def make_large_encoder(
    spec: DataSpec, settings: LargeSettings, num_outputs: int
) -> ResNet50Encoder:
    """E(x), `(N, *spec.shape)` to `(N, num_outputs)`."""
    _check_places("head_places", settings.head_places, spec)
    sizes: dict[str, Any] = {
        "width": settings.encoder_width,
        "depths": settings.encoder_depths,
        "stem": settings.encoder_stem,
        "init_std": settings.encoder_init_std,
        "head_places": settings.head_places,
        "head_width": settings.head_width,
        "head_depth": settings.head_depth,
        "crelu": settings.crelu,
    }
    if settings.encoder == "revnet50":
        return revnet50(spec.shape, num_outputs, **sizes)
    again = settings.checkpoint_activations
    return resnet50(spec.shape, num_outputs, **sizes, checkpoint_activations=again)


def _check_places(name: str, side: int, spec: DataSpec) -> None:
    """Refuses a grid of means that is finer than the images themselves.

    Raises:
        ConfigError: it is.
    """
    _, height, width = spec.shape
    if side > min(height, width):
        raise ConfigError(
            f"settings.network.{name} {side} is a finer grid than images of {height}x{width} have;"
            f" choose {min(height, width)} or less, best as many as the last maps have."
        )
