"""Residual MLPs for BigBiGAN's game on vectors: F, G and E in the place of convolutional networks.

They treat an example as a flat vector, so that they serve images, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from ..core.data_spec import DataSpec
from ..core.settings import Few
from .heads import (
    JointDiscriminator,
    LatentHead,
    ResidualMLP,
    ResidualMLPBody,
    Unary,
    check_depths,
)
from .layers.basic import output_activation
from .layers.init import init_kaiming, init_orthogonal
from .mlp import Prediction


@dataclass(frozen=True)
class ResidualMLPSettings:
    """Residual MLPs that take BigBiGAN's game to vectors; all of them are ours.

    Attributes:
        kind: Kind of the networks.
        width: Number of units of F in D, of G, and of E below its head.
        depth: Number of layers in the blocks of each of these, an even number.
        head_width: Number of units of the residual MLP that is E's head.
        head_depth: Number of layers of E's head, an even number.
        mlp_width: Number of units of the residual MLPs H and J in D.
        mlp_depth: Number of layers of H and of J, an even number.
        mlp_spectral_norm: Whether spectral norm is on the weights of H and J, as on the rest of D.
            Without it J learns sooner to see the latents.
    """

    kind: Literal["residual_mlp"] = "residual_mlp"
    width: PositiveInt = 128
    depth: Few = 2
    head_width: PositiveInt = 128
    head_depth: Few = 2
    mlp_width: PositiveInt = 128
    mlp_depth: Few = 2
    mlp_spectral_norm: bool = False

    def __post_init__(self) -> None:
        check_depths(depth=self.depth, head_depth=self.head_depth, mlp_depth=self.mlp_depth)


class ResidualMLPEncoder(nn.Module):
    """E(x): `features`, a residual MLP with batch norm, and `output`, the head that gives latents.

    Args:
        in_features: Number of values of one input, flattened.
        settings: Settings of the networks.
        num_outputs: Number of outputs, twice the length of z for a stochastic E.
    """

    vector_names = ("features",)

    def __init__(self, in_features: int, settings: ResidualMLPSettings, num_outputs: int) -> None:
        super().__init__()
        self.out_shape: tuple[int, ...] = (num_outputs,)
        self.features = ResidualMLP(in_features, settings.width, settings.depth, batch_norm=True)
        self.hidden_names = tuple(f"features.{name}" for name in self.features.hidden_names)
        self.output = LatentHead(
            settings.width, settings.head_width, settings.head_depth, num_outputs
        )
        init_kaiming(self)

    def forward(self, x: Tensor) -> Tensor:
        """Maps data `(N, ...)` to `(N, num_outputs)`."""
        return self.output(self.features(x.flatten(1)))


class ResidualMLPGenerator(nn.Module):
    """G(z): `features`, a residual MLP with batch norm, and a linear `output`.

    Data with a range end in a tanh, as BigGAN's images do.

    Args:
        spec: Form of one sample.
        settings: Settings of the networks.
        latent_dim: Length of z.
    """

    vector_names = ("features",)

    def __init__(self, spec: DataSpec, settings: ResidualMLPSettings, latent_dim: int) -> None:
        super().__init__()
        self.out_shape, self.bounded = spec.shape, spec.bounded
        self.features = ResidualMLP(latent_dim, settings.width, settings.depth, batch_norm=True)
        self.hidden_names = tuple(f"features.{name}" for name in self.features.hidden_names)
        self.output = Prediction(settings.width, spec.num_values)
        init_orthogonal(self)

    def forward(self, z: Tensor) -> Tensor:
        """Maps latents `(N, latent_dim)` to `(N, *out_shape)`."""
        x = self.output(self.features(z))
        return output_activation(x, "tanh" if self.bounded else "linear").view(-1, *self.out_shape)


def make_residual_mlp_discriminator(
    spec: DataSpec, settings: ResidualMLPSettings, latent_dim: int, unary: Unary
) -> JointDiscriminator:
    """Builds D(x, z), which maps `(N, *spec.shape)` and `(N, latent_dim)` to scores."""
    return JointDiscriminator(
        ResidualMLPBody(spec.num_values, settings.width, settings.depth),
        latent_dim,
        settings.mlp_width,
        settings.mlp_depth,
        unary,
        mlp_spectral_norm=settings.mlp_spectral_norm,
    )
