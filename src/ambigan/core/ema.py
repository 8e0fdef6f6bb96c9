"""An exponential moving average (EMA) of a module's parameters and buffers."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

Weights = Literal["ema", "raw"]
"""Which weights of a run are meant: the averaged ones, or the last ones of training."""

_foreach: Any = torch  # the fused list functions are documented despite their underscore


class ExponentialMovingAverage:
    """A frozen copy of a module that trails it: average = d * average + (1 - d) * value.

    d grows from 0.1 to `decay` as (1 + updates) / (10 + updates), so that the average of a short
    run is made of learned weights and not of the initial ones. Integer buffers are copied, and so
    are the buffers that a module lists in its attribute `not_averaged`, such as the vectors of
    spectral norm: an average of unit vectors would be shorter than 1.

    Args:
        module: Module to follow. The average starts as its copy.
        decay: Largest weight of the old average at each update, in [0, 1).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).requires_grad_(False)
        ours, copied = _state(self.module), _copied(module)
        self._averages: list[Tensor] = []
        self._values: list[Tensor] = []
        self._copies: list[tuple[Tensor, Tensor]] = []
        for name, value in _state(module).items():
            if value.is_floating_point() and name not in copied:
                self._averages.append(ours[name])
                self._values.append(value)
            else:
                self._copies.append((ours[name], value))

    @torch.no_grad()
    def update(self, num_updates: int) -> None:
        """Moves the average one step towards the module's values, after `num_updates` before."""
        # The values of a network from early in training should not outlive the warm-up: with d =
        # 0.9999 from the start, the initial weights would dominate for ten thousand updates.
        decay = min(self.decay, (1 + num_updates) / (10 + num_updates))
        move(self._averages, self._values, 1 - decay)
        for average, value in self._copies:
            average.copy_(value)


def move(averages: Sequence[Tensor], values: Sequence[Tensor], share: float) -> None:
    """Moves each average in place towards its value, by a share in [0, 1] of their difference."""
    # One fused kernel for all tensors: a separate one for each would cost more to launch than to
    # run.
    _foreach._foreach_lerp_(list(averages), list(values), share)


def _state(module: nn.Module) -> dict[str, Tensor]:
    """Returns the module's parameters and buffers by name, without copying them."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _copied(module: nn.Module) -> set[str]:
    """Returns the dotted names of the buffers that are copied instead of averaged."""
    parts = cast(Iterable[tuple[str, nn.Module]], module.named_modules())
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, part in parts
        for name in getattr(part, "not_averaged", ())
    }
