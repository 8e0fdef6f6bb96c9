"""What is done to data before a network and after it, as modules that can be exported."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..core.data_spec import DataSpec
from ..data import Scaling


class FromLevels(nn.Module):
    """8-bit images: levels from 0 to 255 to float32 in [-1, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps uint8 `(N, C, H, W)` to float32 of the same shape."""
        return x.to(torch.float32) / 127.5 - 1


class ToLevels(nn.Module):
    """Images in [-1, 1] to levels from 0 to 255, which are not rounded."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps float32 `(N, C, H, W)` to float32 of the same shape."""
        return x * 127.5 + 127.5


class _Scaled(nn.Module):
    """A module with the numbers of a fitted scaling as float64 buffers."""

    shift: Tensor
    scale: Tensor
    fill: Tensor | None
    quantiles: Tensor | None
    levels: Tensor

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        for name in ("shift", "scale", "fill", "quantiles"):
            self.register_buffer(name, getattr(scaling, name))
        if scaling.quantiles is not None:
            levels = torch.as_tensor(np.linspace(-1, 1, len(scaling.quantiles)))
            self.register_buffer("levels", levels[:, None].expand_as(scaling.quantiles).clone())


class Scale(_Scaled):
    """Values in the units of the source to those that networks take.

    It computes what `Scaling.apply` does, and for images what `to_range` does.
    """

    def __init__(self, scaling: Scaling, spec: DataSpec) -> None:
        super().__init__(scaling)
        self.clips = spec.kind == "images"

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(N, ...)`, computed in float64, to float32 of the same shape."""
        x = x.to(torch.float64)
        if self.fill is not None:
            x = torch.where(x.isnan(), self.fill, x)
        scaled = (x - self.shift) / self.scale
        if (knots := self.quantiles) is not None:
            # The mean of both gives equal values the middle of their ranks.
            upper = _interpolate(x, knots, self.levels)
            lower = -_interpolate(-x, -knots.flip(0), -self.levels.flip(0))
            inside = (x >= knots[0]) & (x <= knots[-1])
            scaled = torch.where(inside, (upper + lower) / 2, scaled)
        scaled = scaled.to(torch.float32)
        if self.clips:
            scaled = scaled.nan_to_num(-1.0, posinf=1.0, neginf=-1.0).clamp(-1, 1)
        return scaled


class Unscale(_Scaled):
    """Values as networks give them to the units of the source, as `Scaling.invert` does."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(N, ...)` to float64 of the same shape."""
        x = x.to(torch.float64)
        raw = x * self.scale + self.shift
        if self.quantiles is None:
            return raw
        return torch.where(x.abs() <= 1, _interpolate(x, self.levels, self.quantiles), raw)


def _interpolate(x: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    """Linear interpolation in each column, to the bit as `numpy.interp` has it.

    Args:
        x: Positions, float64 `(N, D)`; before the first knot the result means nothing.
        knots: Positions of known values in rising order, float64 `(Q, D)`.
        values: The values there, float64 `(Q, D)`.
    """
    before = (x[:, None] >= knots).sum(1) - 1
    left = before.clamp(0, len(knots) - 2)
    x_left, y_left = knots.gather(0, left), values.gather(0, left)
    slope = (values.gather(0, left + 1) - y_left) / (knots.gather(0, left + 1) - x_left)
    between = torch.where(x == x_left, y_left, slope * (x - x_left) + y_left)
    return torch.where(before > left, values[-1], between)


def scaling_modules(spec: DataSpec, scaling: Scaling | None) -> tuple[nn.Module, nn.Module]:
    """What stands before a network that takes data, and after one that makes them."""
    if scaling is not None:
        return Scale(scaling, spec), Unscale(scaling)
    return (FromLevels(), ToLevels()) if spec.kind == "images" else (nn.Identity(), nn.Identity())
