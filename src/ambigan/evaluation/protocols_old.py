"""Protocols by name. A name pins every constant; a changed constant is a new name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ..core.errors import ConfigError, unknown
from ..data.dataset import Dataset
from . import reconstruction
from .knn import Metric, knn_predict
from .linear import logistic_predict
from .reconstruction import Errors, Maps

Need = Literal["labels", "reconstruct", "sample", "encode"]
Device = torch.device | str


@dataclass(frozen=True)
class Prediction:
    """Labels given to the test split, int64 `(N,)`, and what is to be said of how."""

    labels: Tensor
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class Protocol:
    """A way to measure, with every constant pinned.

    Attributes:
        name: by which it is asked for.
        summary: one line.
        needs: labels of the data, or abilities of the method.
        constants: all of them, by name.
        source: of the protocol.
        measure: what is registered.
    """

    name: str
    summary: str
    needs: frozenset[Need]
    constants: Mapping[str, Any]
    source: str
    measure: Callable[..., Any]

    def check(self, able: Collection[str], data: str) -> None:
        """Refuses what the protocol cannot measure.

        Args:
            able: `labels` if the data have them, and the method's abilities.
            data: the data's name, for the message.

        Raises:
            ConfigError: something that the protocol needs is missing.
        """
        if "labels" in self.needs and "labels" not in able:
            others = [p.name for p in PROTOCOLS.values() if p.needs <= set(able)]
            remedy = f"use {' or '.join(others)}" if others else "give them some"
            raise ConfigError(f"{self.name} needs labels, and {data} has none; {remedy}.")
        if missing := sorted(self.needs - set(able)):
            known = ", ".join(sorted(set(able) - {"labels"})) or "nothing but features"
            raise ConfigError(
                f"{self.name} needs a method that can {' and '.join(missing)}; this one can do:"
                f" {known}."
            )


PROTOCOLS: dict[str, Protocol] = {}


def find_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        ConfigError: there is none; the nearest name is suggested.
    """
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


def _register(
    need: Need, summary: str, source: str, **constants: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function under its own name; it is called with the constants."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        PROTOCOLS[name] = Protocol(name, summary, frozenset({need}), constants, source, function)
        return function

    return register


@_register(
    "labels",
    "accuracy of the nearest training example's label, Euclidean distance",
    "BiGAN, arXiv 1605.09782, section 4.2 (Table 1)",
    k=1,
    metric="euclidean",
)
def knn1_euclidean(
    train: Tensor, labels: Tensor, test: Tensor, device: Device, *, k: int, metric: Metric
) -> Prediction:
    """1-NN over features as they are, against the whole training split.

    The authors' code compares with 50,000 training images by default (`num_train_megabatch`).
    """
    return Prediction(knn_predict(test, train, labels, k, metric, device=device), {})


@_register(
    "labels",
    "accuracy of the nearest training example's label, by the cosine",
    "ours",
    k=1,
    metric="cosine",
)
def knn1_cosine(
    train: Tensor, labels: Tensor, test: Tensor, device: Device, *, k: int, metric: Metric
) -> Prediction:
    """1-NN by the angle between features as they are, not centred."""
    return Prediction(knn_predict(test, train, labels, k, metric, device=device), {})


@_register(
    "labels",
    "accuracy of multinomial logistic regression on standardised features, L-BFGS",
    "ours",
    l2=1e-3,
    tolerance=1e-4,
    max_iterations=1000,
)
def logistic_lbfgs(
    train: Tensor, labels: Tensor, test: Tensor, device: Device, **constants: Any
) -> Prediction:
    """A linear classifier, fitted on the CPU in float32; no augmentation, no validation."""
    result = logistic_predict(test, train, labels, **constants)
    notes = {"converged": result.converged, "iterations": result.iterations}
    return Prediction(result.predictions, notes)


@_register(
    "reconstruct",
    "mean L2 distance to the reconstruction, over that of the next example; images in [0, 1]",
    "BiGAN, the authors' code: EGr / EGr_b and EGg / EGg_b",
    num_generated=10_000,
    seed=0,
)
def reconstruction_l2(
    maps: Maps, dataset: Dataset, device: Device, *, num_generated: int, seed: int
) -> Errors:
    """Of the test split, and where the method can, of samples and of latents."""
    return reconstruction.reconstruction_errors(
        maps, dataset, num_generated=num_generated, seed=seed, device=device
    )


def run_classification(
    protocol: Protocol,
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    device: Device = "cpu",
) -> dict[str, Any]:
    """Fits on one split and scores on the other.

    Args:
        protocol: one that needs labels.
        train_features: float32 `(M, D)`, on the CPU.
        train_labels: int64 `(M,)`.
        test_features: float32 `(N, D)`, on the CPU.
        test_labels: int64 `(N,)`.
        device: where distances are computed.

    Returns:
        `accuracy` and `accuracy_per_class` (by label; None where the test split has none of it),
        both in percent, and what the protocol notes, such as `converged`.

    Raises:
        ConfigError: the protocol classifies nothing, or there is one class only.
    """
    if "labels" not in protocol.needs:
        raise ConfigError(f"{protocol.name} classifies nothing; it has no accuracy.")
    if (train_labels == train_labels[0]).all():
        raise ConfigError(
            f"{protocol.name} needs two classes or more; all {len(train_labels)} training examples"
            f" have label {int(train_labels[0])}."
        )
    prediction: Prediction = protocol.measure(
        train_features, train_labels, test_features, device, **protocol.constants
    )
    correct = prediction.labels == test_labels
    num_classes = int(max(train_labels.max(), test_labels.max())) + 1
    per_class = [_percent(correct[test_labels == label]) for label in range(num_classes)]
    return {"accuracy": _percent(correct), "accuracy_per_class": per_class, **prediction.notes}


def run_reconstruction(
    protocol: Protocol, maps: Maps, dataset: Dataset, *, device: Device = "cpu"
) -> Errors:
    """Measures a method's way through the latents and back.

    Args:
        protocol: one that needs no labels.
        maps: of the method, in eval mode, on the device.
        dataset: its test split is measured.
        device: where the maps are computed.

    Raises:
        ConfigError: the protocol reconstructs nothing, or a reconstruction has another shape.
        NonFiniteError: a reconstruction is not a number.
    """
    if "reconstruct" not in protocol.needs:
        raise ConfigError(f"{protocol.name} reconstructs nothing; it measures features.")
    errors: Errors = protocol.measure(maps, dataset, device, **protocol.constants)
    return errors


def _percent(correct: Tensor) -> float | None:
    return 100 * int(correct.sum()) / len(correct) if len(correct) else None
