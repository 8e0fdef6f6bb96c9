"""The permutation-invariant multi-layer perceptron of the BiGAN paper, for D, G and E alike."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.precision import at_least_float32
from .layers.basic import Activation, BatchNorm, Output, activate, output_activation


class DenseLayer(nn.Module):
    """activation(norm(W h + V z)): the latents enter by a linear map of their own.

    Args:
        in_features: of h.
        out_features: of the result.
        latent_dim: of z; 0 where none enters.
        norm: parameter-free batch norm before the activation.
        activation: after it; None for a linear prediction.
        bias: learn a bias; none is made before batch norm, which would take it away again (its
            gradient is rounding noise, and Adam would blow that up).
        norm_epsilon: added to variances by batch norm.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        latent_dim: int = 0,
        norm: bool = False,
        activation: Activation | None = None,
        bias: bool = True,
        norm_epsilon: float = 1e-5,
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features, bias=bias and not norm)
        self.latent = nn.Linear(latent_dim, out_features, bias=False) if latent_dim else None
        self.norm = BatchNorm(out_features, affine=False, epsilon=norm_epsilon) if norm else None
        self.activation: Activation | None = activation

    def forward(self, h: Tensor, z: Tensor | None = None) -> Tensor:
        """`(N, in_features)` and `(N, latent_dim)` to `(N, out_features)`."""
        h = self.linear(h)
        if self.latent is not None:
            h = h + self.latent(z)
        if self.norm is not None:
            h = self.norm(h)
        return h if self.activation is None else activate(h, self.activation)


class MLP(nn.Module):
    """Hidden layers `hidden1`, `hidden2`, ... and a linear `output`, in fp32 even under autocast.

    Source: BiGAN, section 4.2 and appendix C.1.

    Args:
        in_features: values of one input, flattened.
        hidden: widths of the hidden layers.
        out_shape: shape of one output.
        activation: of the hidden layers.
        norm_at: hidden layers (counted from 1) with batch norm.
        latent_dim: of latents that enter beside the input; 0 for none.
        latent_at: layers they enter, counted from 1; `len(hidden) + 1` is the output.
        output: `linear`, or `squash` or `tanh` to (-1, 1).
        unit_input: the first layer sees [0, 1] where the input is in [-1, 1].
        bias: learn biases.
        norm_epsilon: added to variances by batch norm.
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int],
        out_shape: tuple[int, ...],
        *,
        activation: Activation,
        norm_at: Sequence[int] = (),
        latent_dim: int = 0,
        latent_at: Sequence[int] = (),
        output: Output = "linear",
        unit_input: bool = False,
        bias: bool = True,
        norm_epsilon: float = 1e-5,
    ) -> None:
        super().__init__()
        self.out_shape, self.unit_input = out_shape, unit_input
        self.ending: Output = output
        self.hidden_names = tuple(f"hidden{i + 1}" for i in range(len(hidden)))
        width = in_features
        for i, (name, out_width) in enumerate(zip(self.hidden_names, hidden, strict=True), start=1):
            layer = DenseLayer(
                width,
                out_width,
                latent_dim=latent_dim if i in latent_at else 0,
                norm=i in norm_at,
                activation=activation,
                bias=bias,
                norm_epsilon=norm_epsilon,
            )
            self.add_module(name, layer)
            width = out_width
        self.output = DenseLayer(
            width,
            int(torch.Size(out_shape).numel()),
            latent_dim=latent_dim if len(hidden) + 1 in latent_at else 0,
            bias=bias,
        )

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """Inputs `(N, ...)` and, where they enter, latents to `(N, *out_shape)`."""
        h = x.flatten(1)
        if self.unit_input:
            h = (h + 1) / 2
        for name in self.hidden_names:
            h = self.get_submodule(name)(h, z)
        with torch.autocast(h.device.type, enabled=False):  # see docs/mnist.md, "Precision"
            h = self.output(at_least_float32(h), z)
        return output_activation(h, self.ending).view(-1, *self.out_shape)
