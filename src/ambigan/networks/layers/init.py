"""Initialisation of weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn


def init_normal(module: nn.Module, std: float = 0.02) -> None:
    """Draws every weight matrix and kernel from N(0, std) and sets biases to zero.

    Source: DCGAN, section 4; BiGAN, appendix C.
    """
    _init(module, partial(nn.init.normal_, std=std))


def init_kaiming(module: nn.Module, *, by_outputs: bool = False) -> None:
    """Kaiming's normal weights for rectifiers, zero biases.

    Args:
        module: whose parts are drawn.
        by_outputs: the deviation goes by the number of a layer's outputs, not of its inputs.
    """
    mode = "fan_out" if by_outputs else "fan_in"
    _init(module, partial(nn.init.kaiming_normal_, mode=mode, nonlinearity="relu"))


def init_orthogonal(module: nn.Module) -> None:
    """Orthogonal weights, a kernel taken as a matrix of out_channels rows, and zero biases.

    Source: Brock et al. (2019), BigGAN, section 3.
    """
    _init(module, nn.init.orthogonal_)


def _init(module: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            draw(part.weight)
            if part.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
                nn.init.zeros_(part.bias)
