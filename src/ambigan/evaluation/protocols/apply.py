"""Following a protocol."""

from __future__ import annotations

from torch import Tensor

from ...core.errors import ConfigError
from ...data.dataset import Dataset
from ..metrics.reconstruction import Errors, Maps
from .registry import PROTOCOLS, Device, Protocol, Scores, Task


def run_classification(
    protocol: Protocol,
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    device: Device = "cpu",
    views: int = 1,
) -> Scores:
    """Fits on one split and scores on the other.

    Args:
        protocol: one that needs labels.
        train_features: float32 `(V M, D)`.
        train_labels: int64 `(M,)`.
        test_features: float32 `(N, D)`.
        test_labels: int64 `(N,)`.
        device: where products are computed; logistic regression and k-means are on the CPU.
        views: V, of each training example; see `Task`.

    Returns:
        `accuracy` and `accuracy_per_class` in percent (None for a class without test examples),
        or other scores of the protocol, and its notes.

    Raises:
        ConfigError: the protocol measures no features, or there are too few labels.
    """
    if "labels" not in protocol.needs:
        raise ConfigError(f"{protocol.name} classifies nothing; it needs a method, not features.")
    protocol.check_labels(train_labels)
    check_views(protocol, views)
    if views < 1 or len(train_features) != views * len(train_labels):
        raise ConfigError(
            f"{len(train_features)} rows of features are not {views} for each of"
            f" {len(train_labels)} labels."
        )
    task = Task(train_features, train_labels, test_features, test_labels, device, views)
    scores: Scores = protocol.measure(task, **protocol.constants)
    return scores


def check_views(protocol: Protocol, views: int) -> None:
    """Refuses several views of an example for a protocol that takes one.

    Raises:
        ConfigError: naming those that take more.
    """
    if views > 1 and not protocol.takes_views:
        able = ", ".join(other.name for other in PROTOCOLS.values() if other.takes_views)
        raise ConfigError(
            f"{protocol.name} takes one view of each training example; leave out --views, or"
            f" measure by one of: {able}."
        )


def run_generation(
    protocol: Protocol, generated: Tensor, real: Tensor, *, device: Device = "cpu"
) -> Scores:
    """Measures how far samples are from data.

    Args:
        protocol: one that needs a method that can sample.
        generated: features of samples, float32 `(N, D)`.
        real: features of data, `(M, D)`.
        device: where products are computed.

    Raises:
        ConfigError: the protocol measures no samples, or there are too few examples.
    """
    if "sample" not in protocol.needs:
        raise ConfigError(f"{protocol.name} measures no samples.")
    scores: Scores = protocol.measure(generated, real, device, **protocol.constants)
    return scores


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
