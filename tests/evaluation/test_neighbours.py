"""Neighbours against float64 transcriptions, whatever the blocks, ties and scales."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ambigan.core.errors import ConfigError, NonFiniteError
from ambigan.evaluation.metrics.knn import DistanceMetric, knn_predict, nearest_neighbours

MNIST_PIXELS_1NN = 96.91


def euclidean(queries: NDArray[np.float64], references: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((queries[:, None] - references[None]) ** 2).sum(-1)


def cosine(queries: NDArray[np.float64], references: NDArray[np.float64]) -> NDArray[np.float64]:
    def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)

    return 1 - unit(queries) @ unit(references).T


def neighbours(
    queries: torch.Tensor, references: torch.Tensor, k: int, measure=euclidean
) -> NDArray[np.int64]:
    distances = measure(queries.double().numpy(), references.double().numpy())
    return np.argsort(distances, axis=1, kind="stable")[:, :k]


def grid(seed: int, rows: int, dims: int, levels: int) -> torch.Tensor:
    """Few levels, so that duplicates and ties abound; off the origin, so that centring rounds."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(levels, (rows, dims), generator=generator).float() + 7


@given(
    seed=st.integers(0, 10_000),
    num=st.integers(1, 30),
    num_references=st.integers(1, 60),
    dims=st.integers(1, 6),
    levels=st.integers(1, 4),
    k=st.integers(1, 8),
    blocks=st.tuples(st.integers(1, 31), st.integers(1, 61)),
)
@example(seed=0, num=5, num_references=60, dims=1, levels=1, k=8, blocks=(2, 7))
@settings(max_examples=150, deadline=None)
def test_ties_and_duplicates_go_to_the_lowest_index_whatever_the_blocks(
    seed: int,
    num: int,
    num_references: int,
    dims: int,
    levels: int,
    k: int,
    blocks: tuple[int, int],
) -> None:
    queries, references = (
        grid(seed, num, dims, levels),
        grid(seed + 1, num_references, dims, levels),
    )
    k = min(k, num_references)
    found = nearest_neighbours(queries, references, k, blocks=blocks)
    np.testing.assert_array_equal(found.numpy(), neighbours(queries, references, k))


@given(
    seed=st.integers(0, 10_000),
    num_references=st.integers(1, 80),
    dims=st.integers(1, 40),
    k=st.integers(1, 5),
    blocks=st.tuples(st.integers(1, 20), st.integers(1, 81)),
    metric=st.sampled_from(["euclidean", "cosine"]),
    scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e12]),
)
@settings(max_examples=100, deadline=None)
def test_random_points_at_any_scale(
    seed: int,
    num_references: int,
    dims: int,
    k: int,
    blocks: tuple[int, int],
    metric: DistanceMetric,
    scale: float,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    queries = torch.randn(15, dims, generator=generator) * scale
    references = torch.randn(num_references, dims, generator=generator) * scale
    if metric == "cosine" and dims == 1:
        return  # all cosines are 1 or -1
    k = min(k, num_references)
    found = nearest_neighbours(queries, references, k, metric, blocks=blocks)
    measure = euclidean if metric == "euclidean" else cosine
    np.testing.assert_array_equal(found.numpy(), neighbours(queries, references, k, measure))


def test_neighbours_closer_than_float32_products_can_tell() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[1000.0], [-1000.0]]).expand(2, 64).repeat(200, 1)
    references = centres + 1e-2 * torch.randn(400, 64, generator=generator)
    queries = centres[:50] + 1e-2 * torch.randn(50, 64, generator=generator)
    found = nearest_neighbours(queries, references, 3, blocks=(16, 100))
    np.testing.assert_array_equal(found.numpy(), neighbours(queries, references, 3))


def test_one_distant_outlier_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    references = torch.randn(300, 16, generator=generator)
    references[17] = 1e8
    queries = torch.randn(40, 16, generator=generator)
    found = nearest_neighbours(queries, references, 2)
    np.testing.assert_array_equal(found.numpy(), neighbours(queries, references, 2))


def test_identical_features_all_take_the_first() -> None:
    found = nearest_neighbours(torch.full((50, 8), 0.3), torch.full((5000, 8), 0.3), 2)
    assert (found == torch.tensor([0, 1])).all()


def test_a_zero_vector_is_at_right_angles_to_all_under_the_cosine() -> None:
    references = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    found = nearest_neighbours(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), references, 3, "cosine")
    assert found.tolist() == [[1, 2, 0], [0, 1, 2]]


def test_cosine_ignores_lengths() -> None:
    generator = torch.Generator().manual_seed(0)
    references = torch.randn(100, 9, generator=generator)
    queries = torch.randn(20, 9, generator=generator)
    stretched = references * torch.logspace(-6, 6, 100)[:, None]
    plain = nearest_neighbours(queries, references, 4, "cosine")
    assert torch.equal(nearest_neighbours(queries, stretched, 4, "cosine"), plain)


def test_low_precision_products_are_switched_off_and_on_again() -> None:
    generator = torch.Generator().manual_seed(0)
    references = torch.randn(2000, 128, generator=generator)
    queries = torch.randn(200, 128, generator=generator)
    torch.set_float32_matmul_precision("medium")
    try:
        found = nearest_neighbours(queries, references, 1)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(found.numpy(), neighbours(queries, references, 1))


def test_the_majority_wins() -> None:
    references = torch.tensor([[1.0], [2.0], [3.0], [40.0]])
    labels = torch.tensor([7, 2, 2, 9])
    queries = torch.tensor([[0.0]])
    assert knn_predict(queries, references, labels, k=1).tolist() == [7]
    assert knn_predict(queries, references, labels, k=3).tolist() == [2]


def test_a_tied_vote_goes_to_the_nearest() -> None:
    references = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    labels = torch.tensor([8, 3, 3, 8])
    queries = torch.tensor([[0.0], [5.0], [1.6]])
    assert knn_predict(queries, references, labels, k=4).tolist() == [8, 8, 3]


def test_more_neighbours_than_references_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"5 nearest neighbours .* there are 3"):
        nearest_neighbours(torch.zeros(1, 2), torch.zeros(3, 2), 5)


def test_overflow_is_an_error() -> None:
    references = torch.tensor([[1e30, 0.0], [0.0, 1e30]])
    with pytest.raises(NonFiniteError, match="too large"):
        nearest_neighbours(references, references)


@pytest.mark.slow
@pytest.mark.data
def test_mnist_pixels() -> None:
    """The well-known 1-NN score of raw pixels, 3.09 % errors: no digit off."""
    root = os.environ.get("AMBIGAN_DATA")
    if not root:
        pytest.skip("AMBIGAN_DATA is not set: no real data sets on this machine")

    def read(name: str, header: int) -> torch.Tensor:
        content = np.fromfile(f"{root}/MNIST/raw/{name}-ubyte", np.uint8)[header:]
        return torch.as_tensor(content)

    train, test = (
        read(f"{split}-images-idx3", 16).view(-1, 784).float() / 127.5 - 1
        for split in ("train", "t10k")
    )
    labels, truth = (read(f"{split}-labels-idx1", 8).long() for split in ("train", "t10k"))
    correct = knn_predict(test, train, labels) == truth
    assert 100 * int(correct.sum()) / len(correct) == MNIST_PIXELS_1NN
