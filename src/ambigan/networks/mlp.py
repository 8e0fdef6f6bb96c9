"""The permutation-invariant multi-layer perceptron of the BiGAN paper, used for D, G and E."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.precision import at_least_float32
from .layers.basic import Activation, BatchNorm, Output, activate, output_activation
from .layers.whitening import Whitening


class DenseLayer(nn.Module):
    """A linear layer with optional latents: activation(norm(W h + V z)).

    The norm is batch norm without gain and bias. A layer with it has no bias, since batch norm
    would subtract it: its gradient would be rounding noise, which Adam scales up to full steps.
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
        """Maps h `(N, in_features)` and z `(N, latent_dim)` to `(N, out_features)`."""
        h = self.linear(h)
        if self.latent is not None:
            h = h + self.latent(z)
        if self.norm is not None:
            h = self.norm(h)
        return h if self.activation is None else activate(h, self.activation)


class Prediction(DenseLayer):
    """The linear output layer of a network, with optional latents; in fp32 even under autocast.

    In bfloat16 logits and pixels have two or three digits; see docs/results/mnist.md, "Precision".
    """

    def forward(self, h: Tensor, z: Tensor | None = None) -> Tensor:
        """Maps h `(N, ...)`, flattened, and z `(N, latent_dim)` to `(N, out_features)`."""
        with torch.autocast(h.device.type, enabled=False):
            return super().forward(at_least_float32(h).flatten(1), z)


class MLP(nn.Module):
    """Hidden layers `hidden1`, `hidden2`, ... and an `output` layer, which is computed in fp32.

    Source: BiGAN, section 4.2 and appendix C.1.

    Args:
        in_features: Number of values of one input, flattened.
        hidden: Widths of the hidden layers.
        out_shape: Shape of one output.
        activation: Activation function of the hidden layers.
        norm_at: Numbers of the hidden layers with batch norm, counted from 1.
        latent_dim: Length of the latents that enter in addition to the input; 0 for none.
        latent_at: Numbers of the layers that latents enter, counted from 1; `len(hidden) + 1` is
            the output layer.
        output: Function that the network ends in: `linear`, or `squash` or `tanh` for outputs in
            (-1, 1).
        unit_input: Whether inputs in [-1, 1] are rescaled to [0, 1] before the first layer.
        bias: Whether layers without batch norm learn biases.
        norm_epsilon: Positive number that batch norm adds to the variance.

    Attributes:
        whitening: Layer of whitened features, which reads the last hidden layer in evaluation mode
            and enters nothing; None for none.
    """

    whitening: Whitening | None

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
        self.num_features = hidden[-1]
        self.whitening = None
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
        self.output = Prediction(
            width,
            int(torch.Size(out_shape).numel()),
            latent_dim=latent_dim if len(hidden) + 1 in latent_at else 0,
            bias=bias,
        )

    @property
    def vector_names(self) -> tuple[str, ...]:
        """Layers beside the hidden ones whose outputs are worth measuring."""
        return () if self.whitening is None else ("whitening",)

    def forward(self, x: Tensor, z: Tensor | None = None, *, head: bool = True) -> Tensor:
        """Maps inputs `(N, ...)` and, where they enter, latents to `(N, *out_shape)`.

        Without the head, the output layer, the result is what enters it, `(N, num_features)`.
        """
        h = x.flatten(1)
        if self.unit_input:
            h = (h + 1) / 2
        for name in self.hidden_names:
            h = self.get_submodule(name)(h, z)
        if self.whitening is not None and not self.training:
            self.whitening(h)  # for those who read the layer
        if not head:
            return h
        return output_activation(self.output(h, z), self.ending).view(-1, *self.out_shape)
