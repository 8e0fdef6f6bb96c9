"""The training loop of the tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ...core.errors import NonFiniteError
from ...core.randomness import seed_from, torch_seed
from ...data.batches.sampler import Sampler
from ..backbone import Backbone
from .settings import Layers, TaskSettings

MOMENTUM = 0.9

LossOf = Callable[[list[int], int], Tensor]
"""The mean loss of images, by their places, in an epoch."""


def learning_parts(
    layers: Layers, backbone: Backbone, head: nn.Module, last: Sequence[nn.Module]
) -> dict[str, list[nn.Parameter]]:
    """The parameters that learn, of the backbone and of the head; all others are frozen.

    Args:
        layers: What learns.
        backbone: The convolutions.
        head: All that follows them.
        last: The layers of the head that learn where fc8 alone does.
    """
    for module in (backbone, head):
        module.requires_grad_(False)
    learning = {"fc8": list(last), "fc6-8": [head], "all": [head]}[layers]
    mine = [p for module in learning for p in module.parameters()]
    theirs = list(backbone.parameters()) if layers == "all" else []
    for parameter in (*mine, *theirs):
        parameter.requires_grad_(True)
    return {"backbone": theirs, "head": mine}


def fit(
    parts: dict[str, list[nn.Parameter]], num: int, settings: TaskSettings, loss_of: LossOf
) -> None:
    """Minimises a loss over images; what is drawn is a function of the seed and the step.

    Raises:
        NonFiniteError: The loss is no number.
    """
    optimizer = _optimizer(parts, settings)
    bases = [group["lr"] for group in optimizer.param_groups]
    everything = [p for group in parts.values() for p in group]
    sampler = Sampler(num, settings.seed)
    total = settings.epochs * num
    for seen in range(0, total, settings.batch_size):
        rows = sampler.indices(seen, min(settings.batch_size, total - seen))
        places: list[int] = rows.numpy().tolist()
        for group, base in zip(optimizer.param_groups, bases, strict=True):
            group["lr"] = base * (1 - seen / total)
        with torch_seed(seed_from(settings.seed, "task", seen)):
            loss = loss_of(places, seen // num)
        if not loss.isfinite():
            raise NonFiniteError(
                f"the loss is {float(loss.detach())} after {seen:,} images; take a smaller"
                " --learning-rate."
            )
        optimizer.zero_grad(set_to_none=True)
        cast(Any, loss).backward()
        nn.utils.clip_grad_norm_(everything, settings.max_gradient)
        optimizer.step()


def _optimizer(
    parts: dict[str, list[nn.Parameter]], settings: TaskSettings
) -> torch.optim.Optimizer:
    rates = {"backbone": settings.backbone_rate, "head": 1.0}
    groups: list[dict[str, Any]] = [
        {
            "params": [p for p in parameters if (p.ndim > 1) == is_weight],
            "lr": settings.learning_rate * rates[part],
            "weight_decay": settings.weight_decay * is_weight,
        }
        for part, parameters in parts.items()
        for is_weight in (True, False)
    ]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=MOMENTUM)
    return torch.optim.AdamW(groups)
