"""Training what lies above frozen layers, with labels, and testing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from ..core.errors import NonFiniteError
from ..core.randomness import Randomness, seed_from, torch_seed
from ..core.settings import Fraction, NonNegative, Positive
from ..data import to_float
from ..data.batches.sampler import Sampler
from .layer_chain import FrozenChain

PrepareBatch = Callable[[Tensor], Tensor]
"""Data as they are stored on the device, made floats, to what the network takes."""

DRAWN_ON = 256
"""Examples by which fresh layers are scaled."""

_CHUNK = 1024


@dataclass(frozen=True)
class TransferSettings:
    """Every constant of the measurement; the paper names none of its own.

    Attributes:
        epochs: passes over the labelled examples.
        batch_size: examples a step.
        learning_rate: of Adam at the start; it falls linearly to zero.
        betas: of Adam.
        weight_decay: decoupled, on weights and not on biases.
        flip: every other image, at random, is mirrored left to right; of images alone.
        width: number of units of fc6 and of fc7 below the classifier; AlexNet has 4096, and 0
            leaves both out.
        pooled: largest side of the map that fc6 sees; AlexNet has 6.
        dropout: share of the units of fc6 and fc7 that training drops, in [0, 1).
        seed: number that decides the fresh weights, the order of examples, flips and dropout.
    """

    epochs: PositiveInt = 5
    batch_size: PositiveInt = 64
    learning_rate: Positive = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: NonNegative = 1e-2
    flip: bool = True
    width: NonNegativeInt = 0
    pooled: PositiveInt = 6
    dropout: Fraction = 0.5
    seed: NonNegativeInt = 0


@dataclass(frozen=True)
class Labelled:
    """Data `(N, ...)` as a split has them, with their classes, int64 `(N,)`."""

    values: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.values)


def train_rest(
    chain: FrozenChain,
    train: Labelled,
    test: Labelled,
    settings: TransferSettings,
    *,
    prepare: PrepareBatch = lambda x: x,
    device: torch.device | str = "cpu",
) -> dict[str, Any]:
    """Draws and trains all that is not frozen, by cross-entropy, and tests the last state of it.

    Args:
        chain: is changed.
        train: is learned from.
        test: is scored once, at the end: nothing is chosen by it.
        settings: the constants.
        prepare: what a network is given of the data, such as smaller images.
        device: where it is computed.

    Returns:
        `accuracy` on the test split and `train_accuracy` over the last epoch, in percent.

    Raises:
        NonFiniteError: the loss is no number.
    """
    chain.to(device)
    data = Labelled(train.values.to(device), train.labels.to(device))
    sampler = Sampler(len(data), settings.seed, device)
    chain.draw(drawn_on(data, settings.seed, prepare), settings.seed)
    total = settings.epochs * len(data)
    optimizer = _optimizer(chain, settings)
    correct = 0
    for seen in range(0, total, settings.batch_size):
        rows = sampler.indices(seen, min(settings.batch_size, total - seen))
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * (1 - seen / total)
        x = _flipped(to_float(data.values[rows]), settings, seen)
        with torch_seed(seed_from(settings.seed, "dropout", seen)):
            right = _step(chain.train(), prepare(x), data.labels[rows], optimizer)
        if seen >= total - len(data):
            correct += right
    counted = total - -(-(total - len(data)) // settings.batch_size) * settings.batch_size
    return {
        "accuracy": _accuracy(chain.eval(), test, prepare, device),
        "train_accuracy": 100 * correct / max(counted, 1),
    }


def drawn_on(data: Labelled, seed: int, prepare: PrepareBatch) -> Tensor:
    """The examples by which fresh layers are scaled, the first of the training's own order."""
    rows = Sampler(len(data), seed, data.values.device).indices(0, min(DRAWN_ON, len(data)))
    return prepare(to_float(data.values[rows]))


@torch.no_grad()
def _accuracy(
    chain: FrozenChain, test: Labelled, prepare: PrepareBatch, device: torch.device | str
) -> float:
    """Percent of examples whose class has the largest logit."""
    right = 0
    for start in range(0, len(test), _CHUNK):
        x = prepare(to_float(test.values[start : start + _CHUNK].to(device)))
        right += int((chain(x).argmax(1).cpu() == test.labels[start : start + _CHUNK]).sum())
    return 100 * right / len(test)


def _optimizer(chain: FrozenChain, settings: TransferSettings) -> torch.optim.Optimizer:
    learning = [p for p in chain.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in learning if p.ndim == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas)


def _step(chain: FrozenChain, x: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer) -> int:
    """One step of the optimiser; how many of the batch were right before it."""
    logits = chain(x)
    loss = F.cross_entropy(logits, labels)
    if not loss.isfinite():
        raise NonFiniteError(
            f"the loss of a classifier over {len(chain.frozen)} frozen layers is"
            f" {float(loss.detach())}; take a smaller --learning-rate."
        )
    optimizer.zero_grad(set_to_none=True)
    cast(Any, loss).backward()
    optimizer.step()
    return int((logits.argmax(1) == labels).sum())


def _flipped(x: Tensor, settings: TransferSettings, seen: int) -> Tensor:
    """Images of which every other, at random, is mirrored."""
    if not settings.flip or x.ndim != 4:
        return x
    chance = Randomness(settings.seed, "transfer", seen).uniform(len(x)).to(x.device)
    return torch.where(chance.view(-1, 1, 1, 1) < 0.5, x.flip(3), x)
