"""BiGAN's propositions and theorems on toys of known optimum; see docs/concepts/theory.md.

The left-hand side is the library's own losses and training, the right-hand side NumPy in float64.
Beside each bound on what is learned stands the worst of seeds 0 to 5 when it was set.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import theory_toys as toys
import torch
from scipy.special import expit
from theory_toys import CELL, GRID, LOG4, Array, Finite, tabular_bigan

from ambigan.game import Batch
from ambigan.methods.bigan import BiGAN

# Both sides alike; ties; marginals that no E and G can match; an x that never occurs.
FINITE = {
    Finite((3, 2, 1), (3, 2, 1)): 1,
    Finite((1, 1, 1), (1, 1, 1)): 6,
    Finite((3, 2, 1), (2, 2, 2)): 0,
    Finite((3, 2, 1, 0), (3, 2, 1)): 3,
}
"""Toys by how many of their games are optimal."""

play_all = cache(toys.play_all)


@pytest.mark.parametrize("toy", FINITE)
def test_every_finite_game_has_the_value_of_proposition_2_and_theorem_3(toy: Finite) -> None:
    games = play_all(toy)
    np.testing.assert_allclose(games["C"], games["divergence"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(games["C"], games["theorem3"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(games["fooling"], games["C"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("toy", FINITE)
def test_the_finite_optimum_is_where_e_and_g_are_inverses_and_marginals_match(toy: Finite) -> None:
    games = play_all(toy)
    optimal = games["C"] < -LOG4 + 1e-9
    assert games["C"].min() > -LOG4 - 1e-12
    assert optimal.sum() == FINITE[toy]
    np.testing.assert_array_equal(optimal, (games["lost"] == 0) & games["matched"])


@pytest.mark.parametrize("toy", FINITE)
def test_the_inverse_objective_has_the_same_optimum(toy: Finite) -> None:
    games, inverse = play_all(toy), play_all(toy, "inverse")
    assert inverse["fooling"].min() > LOG4 - 1e-12
    np.testing.assert_array_equal(inverse["fooling"] < LOG4 + 1e-9, games["C"] < -LOG4 + 1e-9)


def test_equal_masses_make_the_value_an_l0_loss() -> None:
    games = play_all(Finite((1, 1, 1), (1, 1, 1)))
    np.testing.assert_allclose(games["C"], np.log(2) * (games["lost"] - 2), rtol=0, atol=1e-12)


def test_a_table_learns_the_ratio_of_proposition_1() -> None:
    toy = Finite((3, 2, 1), (3, 2, 1))
    games, values, method, batch = [*toy.games()], play_all(toy)["C"], tabular_bigan(), toy.batch()
    for number in [*range(0, len(games), 30), values.argmin()]:  # the last is the optimum
        data, generated = toy.joints(*games[number])
        toys.set_tables(method, *games[number], np.zeros_like(data))
        D, loss = ascend(method, batch)
        there = data + generated > 0
        ratio = data[there] / (data + generated)[there]
        np.testing.assert_allclose(D[there], ratio, rtol=0, atol=1e-4)
        assert -loss <= values[number] + 1e-12
    np.testing.assert_allclose(D[there], 0.5, rtol=0, atol=1e-12)


def ascend(method: BiGAN, batch: Batch) -> tuple[Array, float]:
    """The table of D after it has ascended V, and its loss there."""
    logits = method.discriminator.values
    optimizer = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        (loss,) = toys.played(method, batch, "discriminator")
        loss.backward()
        return loss

    optimizer.step(loss)
    return expit(logits.detach().numpy()), loss().item()


def compare(logits: Array, data: Array, generated: Array, cell: float) -> tuple[float, float]:
    """By how much V(D) misses C, and the mean distance of D from D*, over both kinds of pairs."""
    exact = toys.optimal_logits(data, generated)
    C = 2 * toys.divergence(data, generated, cell) - LOG4
    assert toys.value(exact, data, generated, cell) == pytest.approx(C, abs=1e-9)
    distance = (data + generated) / 2 * np.abs(expit(logits) - expit(exact))
    return C - toys.value(logits, data, generated, cell), cell * distance.sum()


# D* is on average 0.25 and 0 from one half.
@pytest.mark.parametrize(
    "correlation", [pytest.param(-0.5, marks=pytest.mark.slow), toys.CORRELATION]
)
def test_a_network_learns_the_ratio_of_two_densities(correlation: float) -> None:
    method = toys.with_fixed_encoder(correlation, seed=0)
    toys.learn_discriminator(method, toys.standard, seed=0)
    logits = toys.logits_at(method, *np.meshgrid(GRID, GRID, indexing="ij"))
    joints = toys.correlated(correlation), toys.correlated(toys.CORRELATION)
    short, distance = compare(logits, *joints, CELL**2)
    assert 0 <= short < 1e-3  # 0.00037
    assert distance < 0.01  # 0.0047


# Inverses whose marginals differ; D* is on average 0.097 from one half.
@pytest.mark.slow
def test_a_network_learns_the_ratio_on_the_curve_of_a_deterministic_game() -> None:
    method = toys.with_identities(seed=0)
    toys.learn_discriminator(method, toys.wider, seed=0)
    x, cell = 1.5 * GRID, 1.5 * CELL
    short, distance = compare(
        toys.logits_at(method, x, x), toys.normal(x, 0, 1.5), toys.normal(x), cell
    )
    assert 0 <= short < 5e-4  # 0.00015
    assert distance < 0.006  # 0.0029


def test_training_brings_the_exact_value_to_its_minimum(tmp_path: Path) -> None:
    method, curve = toys.play_noisy(tmp_path, "Λ, in turn", seed=0, epochs=40)
    assert curve[0][1] > 0.15  # before training
    assert 0 <= toys.excess(method) < 0.05  # 0.029


@pytest.mark.parametrize("way", ["V, in turn", pytest.param("Λ, in turn", marks=pytest.mark.slow)])
def test_training_makes_e_and_g_inverses(way: str, tmp_path: Path) -> None:
    missed = toys.misses(toys.play_bumps(tmp_path, way, seed=0, epochs=60))
    assert missed["G(E(x)) - x"] < 0.1  # 0.054
    assert missed["E(G(z)) - z"] < 0.12  # 0.079
    assert missed["E(x) - E*(x)"] < 0.12  # 0.087
