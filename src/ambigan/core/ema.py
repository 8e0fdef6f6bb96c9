"""An exponential moving average of a module's parameters and buffers."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

_foreach: Any = torch  # the fused list functions are public in all but their underscore


class ExponentialMovingAverage:
    """A frozen copy of a module that trails it: average = d * average + (1 - d) * value.

    d grows from 0.1 to `decay` as (1 + updates) / (10 + updates), so that a short run's average is
    of what was learned and not of the initial weights. Integer buffers are copied as they are, and
    so are those that a module names in `not_averaged`, such as the vectors of spectral norm: an
    average of directions would have another length.

    Args:
        module: what to follow; the average starts as its copy.
        decay: per update in the long run, in [0, 1).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).requires_grad_(False)
        ours, theirs, copied = _state(self.module), _state(module), _copied(module)
        floating = [
            name
            for name, value in theirs.items()
            if value.is_floating_point() and name not in copied
        ]
        self._averages = [ours[name] for name in floating]
        self._values = [theirs[name] for name in floating]
        self._copies = [(ours[n], theirs[n]) for n in theirs if n not in set(floating)]

    @torch.no_grad()
    def update(self, num_updates: int) -> None:
        """Moves the average one step towards the module's present values.

        Args:
            num_updates: how many there were before this one.
        """
        decay = min(self.decay, (1 + num_updates) / (10 + num_updates))
        move(self._averages, self._values, 1 - decay)
        for average, value in self._copies:
            average.copy_(value)


def move(averages: Sequence[Tensor], values: Sequence[Tensor], share: float) -> None:
    """Moves each average by a share of what it lacks to its value, in one call, in place."""
    _foreach._foreach_lerp_(list(averages), list(values), share)


def _state(module: nn.Module) -> dict[str, Tensor]:
    """The module's own tensors by name, not copies of them."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _copied(module: nn.Module) -> set[str]:
    """The buffers, by dotted name, that modules want copied."""
    parts = cast(Iterable[tuple[str, nn.Module]], module.named_modules())
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, part in parts
        for name in getattr(part, "not_averaged", ())
    }
