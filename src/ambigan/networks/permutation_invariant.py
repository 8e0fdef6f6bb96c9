"""Builders of the MLPs of the BiGAN paper's MNIST study, for discriminator, generator and encoder.

They treat an example as a flat vector, so they serve images and tables alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, PositiveInt
from torch import nn

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.settings import Positive
from .layers.basic import Output
from .layers.init import init_normal
from .mlp import MLP


@dataclass(frozen=True)
class MLPSettings:
    """Multi-layer perceptrons: their widths, and what the BiGAN paper leaves open.

    Attributes:
        kind: Kind of the networks.
        hidden: Widths of the hidden layers of D, G and E, from the input to the output; one or
            more.
        bias: Whether linear layers learn biases (paper: not said; official code: no). Without
            biases and with batch norm, D cannot see the overall scale of a batch, so G learns the
            scale of the data poorly. This matters for tables more than for images.
        unit_input: Whether networks see data in [0, 1] instead of [-1, 1] (official code: yes, on
            MNIST).
        generator_output: Function that G ends in: `linear` (paper), `tanh`, or `squash`, a sigmoid
            rescaled to the range of the data (official code). Data without a range always use
            `linear`.
        encoder_output: Function that E ends in: `linear` (paper), `tanh`, or `squash`, a sigmoid
            rescaled to [-1, 1] (official code). A normal prior needs `linear`.
        generator_norm: Layers of G with batch norm: the `last` hidden layer (paper), `all` hidden
            layers (official code) or `none`.
        generator_skips_latent: Whether z is also added, by a linear map, to the later hidden layers
            of G (official code only).
        discriminator_norm: `last` puts batch norm on the last hidden layer of D (paper and code);
            `none` leaves it out. Real and generated batches are normalised separately, so with
            batch norm D hardly sees a shift that is common to a whole batch.
        norm_epsilon: Positive number that batch norm adds to the variance: 1e-5 as usual in torch,
            or 1e-8 (official code). Small initial weights lead to small variances: with 1e-5 and no
            biases, G can shrink its samples until D's batch norm passes no signal (a joint latent
            regressor ends so within five epochs of MNIST).
        latent_at_logit: Whether z also enters the output layer of D, "at each linear layer
            thereafter" (paper). The official code stops at the last hidden layer.
        zero_init_logit: Whether the output weights of D start at zero, so that its losses start at
            log 2 (official code only).
        init_std: Standard deviation of the normal distribution that initial weights are drawn from.
    """

    kind: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1024, 1024)
    bias: bool = True
    unit_input: bool = False
    generator_output: Output = "linear"
    encoder_output: Output = "linear"
    generator_norm: Literal["last", "all", "none"] = "last"
    generator_skips_latent: bool = False
    discriminator_norm: Literal["last", "none"] = "last"
    norm_epsilon: Positive = 1e-5
    latent_at_logit: bool = True
    zero_init_logit: bool = False
    init_std: Positive = 0.02


def make_mlp_discriminator(
    spec: DataSpec, settings: MLPSettings, latent_dim: int = 0, num_outputs: int = 1
) -> MLP:
    """Builds D(x) or D(x, z), see `families.make_discriminator`.

    x alone enters the first layer, and z the layers after it.

    Raises:
        ConfigError: There is no layer that z could enter.
    """
    last = len(settings.hidden)
    # Layers are counted from 1, and layer `last + 1` is the output.
    latent_at = range(2, last + 1 + settings.latent_at_logit)
    if latent_dim and not latent_at:
        raise ConfigError(
            f"settings.network.hidden {settings.hidden} leaves no layer of D for z to enter; give"
            " two or more widths, or set settings.network.latent_at_logit true."
        )
    network = MLP(
        spec.num_values,
        settings.hidden,
        (num_outputs,),
        activation="leaky_relu",
        norm_at=[last] if settings.discriminator_norm == "last" else [],
        latent_dim=latent_dim,
        latent_at=latent_at,
        unit_input=settings.unit_input and spec.bounded,
        bias=settings.bias,
        norm_epsilon=settings.norm_epsilon,
    )
    init_normal(network, settings.init_std)
    if settings.zero_init_logit and num_outputs == 1:  # embeddings have no direction at zero
        nn.init.zeros_(network.output.linear.weight)
    return network


def make_mlp_generator(spec: DataSpec, settings: MLPSettings, latent_dim: int) -> MLP:
    """Builds G(z, z), see `families.make_generator`."""
    last = len(settings.hidden)
    norm_at = {"last": [last], "all": range(1, last + 1), "none": []}[settings.generator_norm]
    network = MLP(
        latent_dim,
        settings.hidden,
        spec.shape,
        activation="relu",
        norm_at=norm_at,
        latent_dim=latent_dim,
        latent_at=range(2, last + 1) if settings.generator_skips_latent else (),
        output=settings.generator_output if spec.bounded else "linear",
        bias=settings.bias,
        norm_epsilon=settings.norm_epsilon,
    )
    init_normal(network, settings.init_std)
    return network


def make_mlp_encoder(
    spec: DataSpec, settings: MLPSettings, num_outputs: int, output: Output | None = None
) -> MLP:
    """Builds E(x), see `families.make_encoder`."""
    network = MLP(
        spec.num_values,
        settings.hidden,
        (num_outputs,),
        activation="leaky_relu",
        norm_at=[len(settings.hidden)],
        output=output or settings.encoder_output,
        unit_input=settings.unit_input and spec.bounded,
        bias=settings.bias,
        norm_epsilon=settings.norm_epsilon,
    )
    init_normal(network, settings.init_std)
    return network
