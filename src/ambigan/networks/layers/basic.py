"""Layers that torch lacks or that must see the global batch."""

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
Output = Literal["linear", "squash", "tanh"]


class BatchNorm(nn.Module):
    """Batch normalisation over the global batch, for `(N, C)` or `(N, C, ...)`.

    torch's SyncBatchNorm refuses CPU tensors, and its plain BatchNorm sees one process only. Here
    statistics are of all processes, gradients included (see `normalise`); alone, it is torch's own
    fused function.

    Args:
        num_features: channels, C.
        affine: learn a gain and a bias. The BiGAN MLPs do not.
        epsilon: added to the variance.
        momentum: of the running statistics that evaluation uses; None averages all batches since
            the last `reset_statistics` with equal weight.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches: Tensor
    tracking = True

    def __init__(
        self,
        num_features: int,
        *,
        affine: bool = True,
        epsilon: float = 1e-5,
        momentum: float | None = 0.1,
    ) -> None:
        super().__init__()
        self.epsilon, self.momentum = epsilon, momentum
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    def reset_statistics(self) -> None:
        """Forgets the running statistics."""
        self.running_mean.zero_()
        self.running_var.fill_(1)
        self.num_batches.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Normalises each channel; in training by the batch, else by the running statistics."""
        if not self.training:
            return self._torch(x, training=False, momentum=0.0)
        momentum = self._count() if self.tracking else 0.0
        if world().size == 1:
            return self._torch(x, training=True, momentum=momentum)
        return self._global(x, momentum)

    def _count(self) -> float:
        """One batch more; the share that its statistics have in the running ones."""
        self.num_batches.add_(1)
        return 1 / int(self.num_batches) if self.momentum is None else self.momentum

    def _torch(self, x: Tensor, *, training: bool, momentum: float) -> Tensor:
        weight = self.weight
        if weight is None and x.dtype != self.running_mean.dtype:
            weight = torch.ones_like(self.running_mean)  # or statistics are rounded to x's dtype
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
        y, mean, variance = normalise(x, self.weight, self.bias, self.epsilon)
        count = world().size * x.numel() / x.shape[1]
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / max(count - 1, 1), momentum)
        return y


@contextmanager
def statistics_kept(module: nn.Module) -> Generator[None]:
    """Batch norms inside leave their running statistics alone while the block runs.

    For a forward pass that is run again on the same batch, which has been counted.
    """
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
    """Batch norm whose gain and bias are linear in a code: (1 + W c) norm(h) + V c.

    Args:
        num_features: channels.
        code_dim: of the code.
        epsilon: added to variances.
    """

    def __init__(self, num_features: int, code_dim: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.norm = BatchNorm(num_features, affine=False, epsilon=epsilon)
        self.gain = nn.Linear(code_dim, num_features, bias=False)
        self.bias = nn.Linear(code_dim, num_features, bias=False)

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        """`(N, C, H, W)` and `(N, code_dim)` to `(N, C, H, W)`."""
        gain, bias = 1 + self.gain(code), self.bias(code)
        return torch.addcmul(bias[:, :, None, None], gain[:, :, None, None], self.norm(h))


def activate(h: Tensor, activation: Activation) -> Tensor:
    """ReLU, or leaky ReLU with the slope 0.2 that DCGAN and BiGAN use."""
    return F.relu(h) if activation == "relu" else F.leaky_relu(h, 0.2)


def mask_inputs(x: Tensor, share: float, noise: Randomness, empty: float) -> Tensor:
    """Masking noise: each value of x is replaced by `empty` with a chance of `share`.

    Source: Vincent et al. (2008), denoising autoencoders. What is left is not scaled up.

    Args:
        x: data, `(N, ...)`.
        share: in [0, 1); with 0 nothing is drawn.
        noise: of the turn.
        empty: what stands for a value that is not there.
    """
    if not share:
        return x
    return torch.where(noise.uniform(*x.shape) < share, empty, x)


def output_activation(h: Tensor, output: Output) -> Tensor:
    """What a network ends in: nothing, `squash` or `tanh`, in fp32 (see `squash`)."""
    match output:
        case "linear":
            return h
        case "squash":
            return scaled_sigmoid(h)
        case "tanh":
            return torch.tanh(at_least_float32(h))


def scaled_sigmoid(h: Tensor) -> Tensor:
    """The logistic sigmoid, rescaled from [0, 1] to [-1, 1]: 2 sigmoid(h) - 1 = tanh(h / 2).

    In bfloat16, whose steps next to -1 are 0.004, dark pixels would round to -1, where the
    gradient is exactly zero; so it takes what is in fp32.
    """
    return torch.tanh(at_least_float32(h) / 2)
