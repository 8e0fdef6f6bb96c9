"""All that a run carries from one iteration to the next; a checkpoint holds exactly this."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..core.ema import ExponentialMovingAverage
from ..core.errors import CheckpointError
from ..game import Method, OptimizerSettings, Player, Terms


class Meters:
    """Sums of the players' terms, kept on their device and read once per line of the log.

    Sums keep their place in memory, so that a recorded turn goes on adding to them. How often they
    were added to is counted apart, since a replay runs no Python.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    @torch.no_grad()
    def add(self, losses: dict[str, Terms]) -> None:
        """Adds each term of each player, under `player/term`."""
        for player, terms in losses.items():
            for term, value in terms.items():
                name = f"{player}/{term}"
                if name not in self.sums:
                    self.sums[name] = torch.zeros_like(value, dtype=torch.float32)
                self.sums[name].add_(value)

    def count(self, players: Sequence[str]) -> None:
        """Notes that the terms of these players were added once more."""
        for player in players:
            self.counts[player] = self.counts.get(player, 0) + 1

    def means(self) -> dict[str, Tensor]:
        """The mean of each term since the last reset, of those who played."""
        counts = {name: self.counts.get(name.partition("/")[0], 0) for name in self.sums}
        return {name: self.sums[name] / count for name, count in counts.items() if count}

    def reset(self) -> None:
        """Sets sums and counts to zero."""
        self.counts = {}
        for total in self.sums.values():
            total.zero_()


class BestState:
    """Copies of the weights that had the lowest validation error so far.

    Attributes:
        error: the lowest error; infinite before there is one.
        images_seen: images seen by then.
        num_since: number of errors since then, none of which was lower.
    """

    def __init__(self) -> None:
        self.error, self.images_seen, self.num_since = math.inf, 0, 0
        self._weights: dict[str, dict[str, Tensor]] = {}

    def offer(self, error: float, images_seen: int, networks: Mapping[str, nn.Module]) -> None:
        """Takes a copy of the networks, by name, if their error is lower than any before."""
        self.num_since += 1
        if error < self.error:  # never where it is not a number
            self.error, self.images_seen, self.num_since = error, images_seen, 0
            self._weights = {
                name: {key: value.clone() for key, value in network.state_dict().items()}
                for name, network in networks.items()
            }

    def put_back(self, networks: Mapping[str, nn.Module]) -> None:
        """Copies the best weights into the networks; without any, these stay as they are."""
        for name, weights in self._weights.items():
            networks[name].load_state_dict(weights)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers; nothing before the first error."""
        if not self.num_since and not self._weights:
            return {}
        about = {"error": self.error, "images_seen": self.images_seen, "num_since": self.num_since}
        return about | {"weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back what `state_dict` gave."""
        if state:
            self.error, self.images_seen = state["error"], state["images_seen"]
            self.num_since = state["num_since"]
            self._weights = state["weights"]


class TrainState:
    """Method, optimisers, average, meters, the best state and the count of images seen.

    Args:
        method: game in training, on its device.
        ema_decay: decay of the averaged copy per iteration, in [0, 1); 0 for no copy.
    """

    def __init__(self, method: Method, ema_decay: float) -> None:
        self.method = method
        self.optimizers = {player.name: make_optimizer(method, player) for player in method.players}
        self.ema = ExponentialMovingAverage(method, ema_decay) if ema_decay else None
        self.meters = Meters()
        self.best = BestState()
        self.images_seen = 0
        self.iterations = 0

    @property
    def networks(self) -> dict[str, Method]:
        """The method and, where there is one, its average, by the names that files give them."""
        average = {} if self.ema is None else {"ema": cast(Method, self.ema.module)}
        return {"raw": self.method, **average}

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and texts only, so that loading runs no code."""
        return {
            "images_seen": self.images_seen,
            "iterations": self.iterations,
            "method": self.method.state_dict(),
            "optimizers": {name: opt.state_dict() for name, opt in self.optimizers.items()},
            "ema": self.ema.module.state_dict() if self.ema else None,
            "meters": {"sums": self.meters.sums, "counts": self.meters.counts},
            "best": self.best.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back what `state_dict` gave, or says that it belongs to other networks."""
        try:
            self.method.load_state_dict(state["method"])
            if self.ema is not None:
                self.ema.module.load_state_dict(state["ema"])
            for name, optimizer in self.optimizers.items():
                # Moments and step counts; what is set, the settings and the device say.
                groups = {"param_groups": optimizer.state_dict()["param_groups"]}
                optimizer.load_state_dict(state["optimizers"][name] | groups)
            device = next(self.method.parameters()).device
            self.meters.sums = {n: v.to(device) for n, v in state["meters"]["sums"].items()}
            self.meters.counts = dict(state["meters"]["counts"])
            self.best.load_state_dict(state.get("best", {}))  # earlier versions kept none
            self.images_seen, self.iterations = state["images_seen"], state["iterations"]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"the checkpoint is of other networks: {reason}") from error

    def first_non_finite(self) -> str:
        """The name of a parameter or term that is not a number; an empty text if all are."""
        terms = {f"the term {name}": value for name, value in self.meters.sums.items()}
        values = {f"the parameter {n}": p for n, p in self.method.named_parameters()} | terms
        finite = torch.stack([value.detach().sum().isfinite() for value in values.values()])
        if bool(finite.all()):
            return ""
        return list(values)[int(finite.logical_not().nonzero()[0])]


def make_optimizer(method: Method, player: Player) -> torch.optim.Optimizer:
    """A fused optimiser over a player's parameters, weight decay on matrices and kernels alone."""
    settings, named = player.optimizer, method.player_parameters(player)
    decayed = [p for name, p in named.items() if _is_decayed(name, p, settings)]
    plain = [p for name, p in named.items() if not _is_decayed(name, p, settings)]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    device = next(iter(named.values())).device
    on_gpu = device.type == "cuda"  # a recorded step reads its rate from a tensor of fixed place
    rate = torch.tensor(settings.learning_rate, device=device) if on_gpu else settings.learning_rate
    kind = torch.optim.Adam if settings.kind == "adam" else torch.optim.AdamW
    return kind(
        [group for group in groups if group["params"]],
        lr=rate,
        betas=settings.betas,
        eps=settings.epsilon,
        fused=True,
        capturable=on_gpu,
    )


def _is_decayed(name: str, parameter: Tensor, settings: OptimizerSettings) -> bool:
    """Whether weight decay pulls on a parameter: a matrix or kernel, or a bias or gain if set."""
    if parameter.ndim > 1:
        return True
    return settings.decay_biases if name.endswith("bias") else settings.decay_gains


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate; where it is a tensor, in its place."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def count_parameters(module: nn.Module) -> int:
    """The number of learned parameters."""
    return sum(parameter.numel() for parameter in module.parameters())
