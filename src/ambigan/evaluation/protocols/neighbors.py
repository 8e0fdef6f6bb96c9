"""Protocols by nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...core.randomness import Randomness
from ..metrics.knn import DistanceMetric, knn_predict, nearest_neighbours, vote
from ..metrics.ranking import ranking_scores
from ..result import Metric
from .registry import ACCURACY, Protocol, Scores, Task, accuracy_of, percent, register_protocol

RECALL_AT = [1, 5, 10]


def _nearest(task: Task, *, k: int, metric: DistanceMetric) -> Scores:
    """1-NN over features as they are, not centred, against the whole training split.

    BiGAN's code compares with 50,000 training images by default (`num_train_megabatch`).
    """
    found = knn_predict(task.test, task.train, task.labels, k, metric, device=task.device)
    return accuracy_of(found, task)


def _make_knn1(metric: DistanceMetric, words: str, source: str) -> Protocol:
    return register_protocol(
        "labels",
        f"accuracy of the nearest training example's label, {words}",
        source,
        metrics=(ACCURACY,),
        constants={"k": 1, "metric": metric},
        name=f"knn1_{metric}",
        quick=True,
    )(_nearest)


knn1_euclidean = _make_knn1(
    "euclidean", "Euclidean distance", "BiGAN, arXiv 1605.09782, section 4.2 (Table 1)"
)
knn1_cosine = _make_knn1("cosine", "by the cosine", "ours")


@register_protocol(
    "labels",
    "accuracy of k nearest neighbours' vote, k and metric chosen on training examples held out",
    "ours",
    metrics=(ACCURACY,),
    constants={
        "k": [1, 5, 10, 20, 50, 100, 200],
        "metrics": ["cosine", "euclidean"],
        "num_validation": 2000,
        "validation_fraction": 0.2,
        "seed": 0,
    },
)
def knn_sweep(
    task: Task,
    *,
    k: Sequence[int],
    metrics: Sequence[DistanceMetric],
    num_validation: int,
    validation_fraction: float,
    seed: int,
) -> Scores:
    """k-NN over features as they are, by a plain majority; of a tied vote the nearest decides.

    A random fifth of the training split is held out, at most 2,000 examples, and classified by the
    rest, by both metrics and every k that the rest has neighbours for. Of equal combinations the
    first is chosen, metrics and ks in the order in which they stand here. Then the whole training
    split classifies the test split by the metric chosen. `accuracy` is that of the k chosen,
    `accuracy_by_k` that of each; `validation_accuracy_by_metric_and_k` says what the choice saw.
    """
    order = Randomness(seed, "knn").permutation(len(task.train))
    num_held = min(num_validation, max(1, int(validation_fraction * len(order))))
    held, kept = order[:num_held].sort().values, order[num_held:].sort().values
    ks = [count for count in k if count <= len(kept)]

    def predict_by_k(
        queries: Tensor, references: Tensor, labels: Tensor, metric: DistanceMetric
    ) -> dict[int, Tensor]:
        nearest = nearest_neighbours(queries, references, max(ks), metric, device=task.device)
        return {count: vote(labels[nearest[:, :count]]) for count in ks}

    seen: dict[DistanceMetric, dict[int, float | None]] = {}
    for metric in metrics:
        found = predict_by_k(task.train[held], task.train[kept], task.labels[kept], metric)
        seen[metric] = {count: percent(found[count] == task.labels[held]) for count in ks}
    pairs: list[tuple[DistanceMetric, int]] = [(name, count) for name in metrics for count in ks]
    metric, chosen = max(pairs, key=lambda pair: seen[pair[0]][pair[1]] or 0.0)
    predictions = predict_by_k(task.test, task.train, task.labels, metric)
    return accuracy_of(
        predictions[chosen],
        task,
        chosen={"k": chosen, "metric": metric},
        accuracy_by_k={count: percent(predictions[count] == task.test_labels) for count in ks},
        validation_accuracy_by_metric_and_k=seen,
    )


@register_protocol(
    "labels",
    "retrieval of training examples of a test example's class by the cosine: mAP and recall at k",
    "ours",
    metrics=(
        Metric("map", "mAP", unit="%", direction="higher"),
        *(Metric(f"recall_{k}", f"recall@{k}", unit="%", direction="higher") for k in RECALL_AT),
        Metric("precision_10", "precision@10", unit="%", direction="higher"),
    ),
    constants={"recall_at": RECALL_AT, "precision_at": 10},
)
def retrieval_cosine(task: Task, *, recall_at: Sequence[int], precision_at: int) -> Scores:
    """Every test example is a query; the whole training split is ranked by the cosine with it.

    See `ranking_scores` for what mAP, recall at k (the share of queries with a hit among the
    first k) and precision at 10 are exactly.
    """
    return ranking_scores(
        task.test,
        task.train,
        task.test_labels,
        task.labels,
        recall_at=recall_at,
        precision_at=precision_at,
        device=task.device,
    )
