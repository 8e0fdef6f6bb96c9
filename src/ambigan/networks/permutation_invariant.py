"""Discriminator, generator and encoder of the BiGAN paper's MNIST study, by their settings.

They treat data as flat vectors, so they serve images and tables alike.
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
    """What the paper leaves open or its authors' code does otherwise.

    Attributes:
        kind: of networks.
        hidden: widths of the hidden layers of every network.
        bias: biases in linear layers. Paper: not said, so yes; official code: none. Without them a
            batch that is scaled as a whole gives D the same features after batch norm, so G learns
            the scale of the data badly; that matters for vectors.
        unit_input: networks see data in [0, 1]. Official code: yes, for MNIST.
        generator_output: `linear` as printed, `squash` (sigmoid, rescaled to the data's range) as
            in the official code, which falls back to linear where data has no range.
        encoder_output: `linear` as printed, `squash` (sigmoid rescaled to [-1, 1]) in the code.
        generator_norm: `last` puts batch norm after the last hidden layer alone (paper), `all`
            after every one (official code), `none` leaves it out.
        generator_skips_latent: z is added by a linear map to G's later hidden layers (code only).
        discriminator_norm: `last` puts batch norm after D's last hidden layer (paper and code).
            Real and generated batches are normalised each by itself, so D hardly sees a shift
            common to a whole batch; `none` leaves it out.
        norm_epsilon: added to variances by batch norm; torch's usual 1e-5, or 1e-8 (official code).
            Small initial weights make variances small too: with 1e-5 and no biases, G can shrink
            its samples until D's batch norm lets nothing through (a joint latent regressor ends
            that way within five epochs of MNIST).
        latent_at_logit: z enters D's output layer too, "at each linear layer thereafter" (paper);
            the official code stops at the last hidden layer.
        zero_init_logit: D's output weights start at zero, so losses begin at log 2 (code only).
        init_std: deviation of the initial weights.
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


def make_mlp_discriminator(spec: DataSpec, settings: MLPSettings, latent_dim: int = 0) -> MLP:
    """D(x) or, with latents, D(x, z): x alone enters first, z at the layers after it. `(N, 1)`."""
    last = len(settings.hidden)
    latent_at = range(2, last + 1 + settings.latent_at_logit)
    if latent_dim and not latent_at:
        raise ConfigError(
            f"settings.network.hidden {settings.hidden} leaves no layer at which z could enter D; "
            "give two widths or more, or settings.network.latent_at_logit true."
        )
    network = MLP(
        spec.num_values,
        settings.hidden,
        (1,),
        activation="leaky_relu",
        norm_at=[last] if settings.discriminator_norm == "last" else [],
        latent_dim=latent_dim,
        latent_at=latent_at,
        unit_input=settings.unit_input and spec.bounded,
        bias=settings.bias,
        norm_epsilon=settings.norm_epsilon,
    )
    init_normal(network, settings.init_std)
    if settings.zero_init_logit:
        nn.init.zeros_(network.output.linear.weight)
    return network


def make_mlp_generator(spec: DataSpec, settings: MLPSettings, latent_dim: int) -> MLP:
    """G(z), `(N, latent_dim)` to `(N, *spec.shape)`. `MLP.forward` takes z twice where it skips."""
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
    """E(x), `(N, *spec.shape)` to `(N, num_outputs)`, ending in `output` or as set."""
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
