"""Basic layers: batch normalisation over the global batch, conditional norm, activations."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.distributed import world
from ...core.precision import at_least_float32
from ...core.randomness import Randomness
from .distributed_norm import normalise

Activation = Literal["leaky_relu", "relu"]
"""Names of the activation functions that hidden layers may use."""
Output = Literal["linear", "squash", "tanh"]
"""Names of the functions that the last layer of a network may end in, see `output_activation`."""


class BatchNorm(nn.Module):
    """Batch normalisation over the global batch, for inputs `(N, C)` or `(N, C, ...)`.

    torch's SyncBatchNorm rejects CPU tensors, and its plain BatchNorm sees the batch of one process
    only. This layer takes its statistics, and their gradients, over the batches of all processes
    (see `normalise`). In a single process it calls torch's own fused function.

    Args:
        num_features: Number of channels C.
        affine: Whether to learn a gain and a bias for each channel. The MLPs of BiGAN do not.
        epsilon: Positive number added to the variance before its square root is taken.

    Attributes:
        momentum: Weight of the current batch in the running statistics that evaluation uses, in
            (0, 1]. None gives all batches since the last `reset_statistics` equal weight.
        tracking: Whether forward passes in training mode update the running statistics; see
            `statistics_kept`.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches: Tensor
    momentum: float | None = 0.1
    tracking = True

    def __init__(self, num_features: int, *, affine: bool = True, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    def reset_statistics(self) -> None:
        """Resets the running statistics to mean 0, variance 1 and no batches."""
        self.running_mean.zero_()
        self.running_var.fill_(1)
        self.num_batches.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Normalises by the statistics of the batch in training, by the running ones otherwise."""
        if not self.training:
            return self._torch(x, training=False, momentum=0.0)
        momentum = 0.0
        if self.tracking:
            self.num_batches.add_(1)
            momentum = 1 / int(self.num_batches) if self.momentum is None else self.momentum
        if world().size == 1:
            return self._torch(x, training=True, momentum=momentum)
        return self._global(x, momentum)

    def _torch(self, x: Tensor, *, training: bool, momentum: float) -> Tensor:
        """Normalises with torch's fused function, which sees this process alone."""
        weight = self.weight
        if weight is None and x.dtype != self.running_mean.dtype:
            # F.batch_norm computes in the dtype of its parameters. Under autocast x is bfloat16,
            # and without a float32 weight the statistics themselves would be rounded to it.
            weight = torch.ones_like(self.running_mean)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            weight,
            self.bias,
            training,
            momentum,
            self.epsilon,
        )

    def _global(self, x: Tensor, momentum: float) -> Tensor:
        """Normalises by the statistics of all processes and updates the running ones."""
        y, mean, variance = normalise(x, self.weight, self.bias, self.epsilon)
        # The batch is normalised by the biased variance, but the running one is unbiased, as in
        # torch.
        count = world().size * x.numel() / x.shape[1]
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / max(count - 1, 1), momentum)
        return y


@contextmanager
def statistics_kept(module: nn.Module) -> Generator[None]:
    """Keeps batch norms inside `module`, at any depth, from updating their running statistics.

    Recomputing a forward pass, as checkpointing does, must not count the same batch twice.
    """
    # Restored to what they were and not to True: blocks may be nested.
    norms = [part for part in module.modules() if isinstance(part, BatchNorm)]
    before = [norm.tracking for norm in norms]
    for norm in norms:
        norm.tracking = False
    try:
        yield
    finally:
        for norm, tracking in zip(norms, before, strict=True):
            norm.tracking = tracking


class LatentNorm(nn.Module):
    """Conditional batch norm, whose gain and bias are linear in a code: (1 + W c) norm(h) + V c."""

    def __init__(self, num_features: int, code_dim: int) -> None:
        super().__init__()
        self.norm = BatchNorm(num_features, affine=False)
        self.gain = nn.Linear(code_dim, num_features, bias=False)
        self.bias = nn.Linear(code_dim, num_features, bias=False)

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        """Normalises maps `(N, C, H, W)` with the gain and bias that codes `(N, code_dim)` give."""
        gain, bias = 1 + self.gain(code), self.bias(code)
        # One fused multiply-add over the maps, instead of a product and a sum.
        return torch.addcmul(bias[:, :, None, None], gain[:, :, None, None], self.norm(h))


def activate(h: Tensor, activation: Activation) -> Tensor:
    """Applies ReLU, or leaky ReLU with the slope 0.2 that DCGAN and BiGAN use."""
    return F.relu(h) if activation == "relu" else F.leaky_relu(h, 0.2)


def mask_inputs(x: Tensor, share: float, noise: Randomness, empty: float) -> Tensor:
    """Replaces each value of x by `empty` with probability `share`, independently (masking noise).

    The values that remain are not scaled up, in contrast to dropout.

    Source: Vincent et al. (2008), denoising autoencoders.

    Args:
        x: Data of shape `(N, ...)`.
        share: Probability that a value is replaced, in [0, 1). With 0 no random numbers are drawn.
        noise: Random numbers of the current turn.
        empty: Value that is put in place of the masked ones.
    """
    if not share:
        return x
    return torch.where(noise.uniform(*x.shape) < share, empty, x)


def output_activation(h: Tensor, output: Output) -> Tensor:
    """Applies the function that a network ends in: none, `squash` (a scaled sigmoid) or `tanh`.

    The two bounded ones are computed in fp32, for the reason given at `scaled_sigmoid`.
    """
    if output == "linear":
        return h
    return scaled_sigmoid(h) if output == "squash" else torch.tanh(at_least_float32(h))


def scaled_sigmoid(h: Tensor) -> Tensor:
    """Applies the logistic sigmoid rescaled from [0, 1] to [-1, 1]: 2 sigmoid(h) - 1 = tanh(h / 2).

    It is computed in fp32. bfloat16 has steps of 0.004 near -1, so dark pixels would round to
    exactly -1, where the gradient vanishes.
    """
    return torch.tanh(at_least_float32(h) / 2)
