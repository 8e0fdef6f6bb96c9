"""Initialisation of weights."""

from __future__ import annotations

from torch import nn


def init_normal(module: nn.Module, std: float = 0.02) -> None:
    """Draws every weight matrix and kernel from N(0, std) and sets biases to zero.

    Source: DCGAN, section 4; BiGAN, appendix C.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, std=std)
            if part.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
                nn.init.zeros_(part.bias)
