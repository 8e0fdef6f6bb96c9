"""The terms of SAO against transcriptions in NumPy, in float64, and explicit Jacobians."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ambigan.core.randomness import Randomness
from ambigan.objectives.penalties import jacobian_normalized
from ambigan.objectives.structural import (
    Divergence,
    gaussian_divergence,
    mean_similarity,
    moments_of,
    nearest_rows,
    norm_hinge,
)

Array = NDArray[np.float64]
SCALE = 24.0


def embeddings(num: int, dims: int, seed: int, shift: float = 0.0) -> Tensor:
    drawn = Randomness(seed).normal(num, dims).double()
    drawn[:, 0] += shift
    return nn.functional.normalize(drawn, dim=1)


def volume(covariance: Array, scale: float) -> float:
    sign, log = np.linalg.slogdet(np.eye(len(covariance)) + scale * covariance)
    assert sign == 1
    return float(log)


def about_direction(rows: Array) -> Array:
    mean = rows.mean(0)
    centred = rows - mean / np.linalg.norm(mean)
    return centred.T @ centred / len(rows)


def jsd(real: Array, fake: Array, scale: float) -> float:
    apart = volume(about_direction(real), scale) + volume(about_direction(fake), scale)
    return (volume(about_direction(np.concatenate([real, fake])), scale) - apart / 2) / 2


def bhattacharyya(real: Array, fake: Array, scale: float) -> float:
    """The textbook's, between Gaussians to whose covariances I / scale is added."""
    unit = np.eye(real.shape[1]) / scale
    a, b = (np.cov(x.T, bias=True) + unit for x in (real, fake))
    middle = (a + b) / 2
    d = real.mean(0) - fake.mean(0)
    logs = [np.linalg.slogdet(x)[1] for x in (middle, a, b)]
    return float(d @ np.linalg.solve(middle, d) / 8 + (logs[0] - (logs[1] + logs[2]) / 2) / 2)


@pytest.mark.parametrize(("form", "reference"), [("jsd", jsd), ("bhattacharyya", bhattacharyya)])
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_gaussian_terms_equal_their_definitions(
    form: Divergence, reference: Callable[[Array, Array, float], float], shift: float
) -> None:
    real, fake = embeddings(40, 6, 0), embeddings(40, 6, 1, shift)
    found = gaussian_divergence(moments_of(real), moments_of(fake), SCALE, form)
    assert found.item() == pytest.approx(reference(real.numpy(), fake.numpy(), SCALE), abs=1e-12)
    assert found > 0
    same = gaussian_divergence(moments_of(real), moments_of(real.clone()), SCALE, form)
    assert same.item() == pytest.approx(0, abs=1e-12)


def test_only_the_first_form_may_be_negative() -> None:
    """Two clouds at both ends of an axis, each mean beside it, that of both together along it."""
    ends = torch.tensor([[1.0, 0.0]] * 20 + [[-1.0, 0.0]] * 20, dtype=torch.float64)
    real = nn.functional.normalize(ends + torch.tensor([0.0, 0.1]), dim=1)
    fake = nn.functional.normalize(ends[1:] - torch.tensor([0.0, 0.1]), dim=1)
    found = gaussian_divergence(moments_of(real[1:]), moments_of(fake), SCALE)
    assert found.item() == pytest.approx(jsd(real[1:].numpy(), fake.numpy(), SCALE), abs=1e-12)
    assert found < -0.1
    assert gaussian_divergence(moments_of(real[1:]), moments_of(fake), SCALE, "bhattacharyya") > 0


@pytest.mark.parametrize("form", ["jsd", "bhattacharyya"])
def test_gradients_of_the_gaussian_terms(form: Divergence) -> None:
    def divergence(real: Tensor, fake: Tensor) -> Tensor:
        return gaussian_divergence(moments_of(real), moments_of(fake), SCALE, form)

    inputs = [embeddings(12, 4, seed).requires_grad_() for seed in (0, 1)]
    assert torch.autograd.gradcheck(divergence, inputs)


@pytest.mark.parametrize("num", [1, 5])
def test_neighbours_and_their_similarity(num: int) -> None:
    queries, keys = embeddings(10, 4, 0), embeddings(30, 4, 1)
    both = torch.cat([queries, keys])
    chosen = nearest_rows(3 * queries, 5 * both, num, skip=1)
    expected = []
    for row, query in enumerate(queries.numpy()):
        order = np.argsort(-both.numpy() @ query, kind="stable")
        assert order[0] == row
        expected.append(order[1 : num + 1])
    assert np.array_equal(chosen.numpy(), expected)
    without = nearest_rows(queries, both, num)
    assert torch.equal(without[:, 0], torch.arange(10))
    similar = np.mean([both.numpy()[e] @ q for e, q in zip(expected, queries.numpy(), strict=True)])
    assert mean_similarity(queries, both, chosen).item() == pytest.approx(similar, abs=1e-12)


def test_neighbours_are_the_same_under_autocast() -> None:
    queries, keys = embeddings(64, 16, 0).float(), embeddings(512, 16, 1).float()
    expected = nearest_rows(queries, keys, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(nearest_rows(queries, keys, 8), expected)


def test_gradients_of_similarity_reach_queries_and_keys() -> None:
    queries, keys = embeddings(6, 3, 0).requires_grad_(), embeddings(9, 3, 1).requires_grad_()
    chosen = nearest_rows(queries, keys, 2)
    assert torch.autograd.gradcheck(lambda q, k: mean_similarity(q, k, chosen), (queries, keys))


def test_norm_hinge() -> None:
    rows = torch.tensor([[0.6, 0.0], [0.0, 2.0], [0.3, 0.4]], dtype=torch.float64)
    assert norm_hinge(rows).item() == pytest.approx((0.4**2 + 0 + 0.5**2) / 3, abs=1e-12)
    inside = (rows / 3).requires_grad_()
    assert torch.autograd.gradcheck(norm_hinge, inside)


def small_network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        nn.ELU(),
        nn.AvgPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.GroupNorm(2, 8),
        nn.ELU(),
        nn.Flatten(),
        nn.Linear(8 * 9, 5),
    ).double()


def explicit_norms(network: nn.Module, x: Tensor) -> Tensor:
    jacobian = torch.autograd.functional.jacobian(network, x)
    each = [jacobian[i, :, i].flatten(1) for i in range(len(x))]
    return torch.stack([torch.linalg.matrix_norm(matrix, 2) for matrix in each])


def test_power_iteration_reaches_the_largest_singular_value() -> None:
    network, x = small_network(), Randomness(0).normal(4, 2, 6, 6).double()
    start, expected = Randomness(1).normal(4, 5).double(), explicit_norms(small_network(), x)
    one, many = (jacobian_normalized(network, x, start, iterations=n) for n in (1, 60))
    assert torch.equal(one[0], network(x))
    torch.testing.assert_close(many[1], expected, rtol=1e-2, atol=0)
    assert (one[1] <= expected * (1 + 1e-9)).all()
    assert (one[1] < expected * 0.999).any()


def test_the_norm_after_one_iteration_is_what_products_with_the_jacobian_give() -> None:
    network, x = small_network(), Randomness(0).normal(4, 2, 6, 6).double()
    start = Randomness(1).normal(4, 5).double()
    jacobian = torch.autograd.functional.jacobian(network, x)
    for number, norm in enumerate(jacobian_normalized(network, x, start)[1]):
        matrix = jacobian[number, :, number].flatten(1)
        v = matrix.T @ start[number]
        assert norm.item() == pytest.approx((matrix @ (v / v.norm())).norm().item(), rel=1e-9)


def test_gradients_of_the_norm_are_those_with_both_directions_held() -> None:
    """d |J v| = u' dJ v, with u = J v / |J v| and v taken as given."""
    network, x = small_network(), Randomness(0).normal(3, 2, 6, 6).double()
    start = Randomness(1).normal(3, 5).double()
    weights = list(network.parameters())
    outputs, norms = jacobian_normalized(network, x, start)
    found = torch.autograd.grad((norms - 1).square().mean() + outputs.square().mean(), weights)
    leaf = x.clone().requires_grad_()
    (pulled,) = torch.autograd.grad(network(leaf), leaf, start)
    v = pulled / pulled.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    u = torch.autograd.functional.jvp(network, x, v)[1]
    u = u / u.norm(dim=1, keepdim=True)
    again = network(leaf)
    (turned,) = torch.autograd.grad(again, leaf, u, create_graph=True)
    sigma = (turned * v).flatten(1).sum(1)
    loss = (sigma - 1).square().mean() + again.square().mean()
    expected = torch.autograd.grad(loss, weights)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-12)
