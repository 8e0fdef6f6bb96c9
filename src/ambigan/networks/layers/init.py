"""Initialisation of the linear and convolutional layers of a whole network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn


def init_normal(module: nn.Module, std: float) -> None:
    """Draws every weight matrix and kernel from N(0, std^2) and sets biases to zero.

    Source: DCGAN, section 4; BiGAN, appendix C.
    """
    _init(module, partial(nn.init.normal_, std=std))


def init_kaiming(module: nn.Module, *, by_outputs: bool = False) -> None:
    """Draws Kaiming's normal weights for rectifiers and sets biases to zero.

    Their standard deviation depends on the number of inputs of a layer (torch's `fan_in`) or, with
    `by_outputs`, of its outputs (`fan_out`).
    """
    mode = "fan_out" if by_outputs else "fan_in"
    _init(module, partial(nn.init.kaiming_normal_, mode=mode, nonlinearity="relu"))


def init_orthogonal(module: nn.Module) -> None:
    """Draws orthogonal weights, taking a kernel as a matrix of out_channels rows; zero biases.

    Source: Brock et al. (2019), BigGAN, section 3.
    """
    _init(module, nn.init.orthogonal_)


def _init(module: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    """Draws the weights of all linear and convolutional layers, in the order of `modules()`."""
    for part in module.modules():
        is_drawn = isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
        if is_drawn and not part.weight.is_meta:  # on meta torch takes long to draw nothing
            draw(part.weight)
            if part.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
                nn.init.zeros_(part.bias)
