"""Initialisation of the weights of a whole network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn


def init_normal(module: nn.Module, std: float = 0.02) -> None:
    """Draws every weight matrix and kernel from N(0, std^2) and sets biases to zero.

    Source: DCGAN, section 4; BiGAN, appendix C.

    Args:
        module: Network whose linear and convolutional layers are initialised.
        std: Standard deviation of the weights.
    """
    _init(module, partial(nn.init.normal_, std=std))


def init_kaiming(module: nn.Module, *, by_outputs: bool = False) -> None:
    """Draws Kaiming's normal weights for rectifiers and sets biases to zero.

    Args:
        module: Network whose linear and convolutional layers are initialised.
        by_outputs: Whether the standard deviation depends on the number of outputs of a layer
            (torch's `fan_out`) instead of its inputs (`fan_in`).
    """
    mode = "fan_out" if by_outputs else "fan_in"
    _init(module, partial(nn.init.kaiming_normal_, mode=mode, nonlinearity="relu"))


def init_orthogonal(module: nn.Module) -> None:
    """Draws orthogonal weights, taking a kernel as a matrix of out_channels rows; zero biases.

    Source: Brock et al. (2019), BigGAN, section 3.

    Args:
        module: Network whose linear and convolutional layers are initialised.
    """
    _init(module, nn.init.orthogonal_)


def _init(module: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    for part in module.modules():
        is_drawn = isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
        if is_drawn and not part.weight.is_meta:  # on meta torch takes long to draw nothing
            draw(part.weight)
            if part.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
                nn.init.zeros_(part.bias)
