"""Toys on which the optimum of BiGAN is known; docs/concepts/theory.md and its figures play them.

Whatever is called exact is NumPy in float64 and shares nothing with the library; whatever is played
or learned goes through the library's own losses. x and z are single numbers everywhere.
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from torch import Tensor, nn

import ambigan
from ambigan.core.data_spec import DataSpec
from ambigan.core.randomness import Randomness
from ambigan.data import DataSettings
from ambigan.engine.config import RunConfig, TrainSettings
from ambigan.game import Batch, Method, OptimizerSettings, Terms
from ambigan.methods.bigan import BiGAN, BiGANSettings
from ambigan.networks.permutation_invariant import MLPSettings
from ambigan.training import make_method, train

Array = NDArray[np.float64]
Draw = Callable[[Randomness, int], Tensor]
LOG4 = float(np.log(4))
ONE_NUMBER = DataSpec("vectors", (1,), bounded=False)

# Batch norm makes D a function of its whole batch; the theory's D is one of a pair (x, z).
NETWORK = MLPSettings(
    hidden=(64, 64, 64), init_std=0.2, generator_norm="none", discriminator_norm="none"
)


# --- the exact values -----------------------------------------------------------------------------


def divergence(p: Array, q: Array, cell: float = 1.0) -> float:
    """JSD(P, Q) by its definition, from masses, or from densities on a grid of cells."""
    middle = (p + q) / 2

    def kl(a: Array) -> float:
        there = a > 0
        return cell * float((a[there] * np.log(a[there] / middle[there])).sum())

    return (kl(p) + kl(q)) / 2


def optimal_logits(p: Array, q: Array) -> Array:
    """The logits of Proposition 1's D* = dP_EX / d(P_EX + P_GZ); 0 where neither has mass."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.log(p) - np.log(q), nan=0.0, posinf=np.inf, neginf=-np.inf)


def value(logits: Array, p: Array, q: Array, cell: float) -> float:
    """V(D, E, G) of Eq. 3 by quadrature."""
    return -cell * float((p * np.logaddexp(0, -logits) + q * np.logaddexp(0, logits)).sum())


def normal(at: Array, mean: Array | float = 0.0, deviation: Array | float = 1.0) -> Array:
    """The density of N(mean, deviation^2)."""
    return np.exp(-(((at - mean) / deviation) ** 2) / 2) / (np.sqrt(2 * np.pi) * deviation)


# --- finite X and Z: all deterministic games, one by one ------------------------------------------


@dataclass(frozen=True)
class Finite:
    """Finite X and Z with masses that are counts, so that one batch holds all of both.

    Attributes:
        x_counts: how often each x stands in the batch; p_X times the batch's size.
        z_counts: the same for z.
    """

    x_counts: tuple[int, ...]
    z_counts: tuple[int, ...]

    @property
    def p_x(self) -> Array:
        """The masses of x."""
        return np.array(self.x_counts) / sum(self.x_counts)

    @property
    def p_z(self) -> Array:
        """The masses of z."""
        return np.array(self.z_counts) / sum(self.z_counts)

    def games(self) -> Iterator[tuple[Array, Array]]:
        """Every E, as z by x, with every G, as x by z."""
        num_x, num_z = len(self.x_counts), len(self.z_counts)
        generators = [np.array(G) for G in itertools.product(range(num_x), repeat=num_z)]
        for E in itertools.product(range(num_z), repeat=num_x):
            yield from ((np.array(E), G) for G in generators)

    def joints(self, E: Array, G: Array) -> tuple[Array, Array]:
        """P_EX and P_GZ, as masses by x and z."""
        x, z = np.arange(len(E)), np.arange(len(G))
        data, generated = np.zeros((2, len(E), len(G)))
        data[x, E], generated[G, z] = self.p_x, self.p_z
        return data, generated

    def lost(self, E: Array, G: Array) -> float:
        """The l0 loss: P_X of the x that G(E(x)) misses, and P_Z of the z that E(G(z)) misses."""
        x, z = np.arange(len(E)), np.arange(len(G))
        return float(self.p_x[G[E] != x].sum() + self.p_z[E[G] != z].sum())

    def as_autoencoder(self, E: Array, G: Array) -> float:
        """The right-hand side of Theorem 3: only points that come back count, by log D*."""
        data, generated = self.joints(E, G)
        x, z = np.arange(len(E)), np.arange(len(G))
        x = x[(self.p_x > 0) & (self.p_z[E] > 0) & (G[E] == x)]
        z = z[(self.p_z > 0) & (self.p_x[G] > 0) & (E[G] == z)]
        both = data + generated
        real = self.p_x[x] @ np.log(data[x, E[x]] / both[x, E[x]])
        return float(real + self.p_z[z] @ np.log(generated[G[z], z] / both[G[z], z]))

    def batch(self) -> Batch:
        """All of X and Z, each point as often as its count."""
        x, z = (
            torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))[:, None]
            for counts in (self.x_counts, self.z_counts)
        )
        return Batch(x, z, Randomness(0))


class Table(nn.Module):
    """A network with one number for each point, or for each pair of points."""

    def __init__(self) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros(0, dtype=torch.float64))

    def forward(self, *points: Tensor) -> Tensor:
        """Points are `(N, 1)`, counted from 0. G is given z twice, and looks at one."""
        at = tuple(point[:, 0].long() for point in points[: self.values.ndim])
        return self.values[at][:, None]


def tabular_bigan(objective: Any = "minimax") -> BiGAN:
    """The library's BiGAN with tables for networks, still empty."""
    method = BiGAN(BiGANSettings(latent_dim=1, objective=objective), ONE_NUMBER)
    method.encoder, method.generator, method.discriminator = Table(), Table(), Table()
    return method


def set_tables(method: BiGAN, E: Array, G: Array, logits: Array) -> None:
    """Fills the tables of E, G and D."""
    tables = (method.encoder, method.generator, method.discriminator)
    for table, values in zip(tables, (E, G, logits), strict=True):
        table.values.data = torch.from_numpy(np.asarray(values, dtype=np.float64))


def played(method: BiGAN, batch: Batch, *players: str) -> list[Tensor]:
    """What each player descends, by the method's own losses: -V for the discriminator."""
    losses = method.losses(batch, players)
    return [sum(losses[player].values(), torch.zeros(())) for player in players]


@torch.no_grad()
def play_all(toy: Finite, objective: Any = "minimax") -> dict[str, Array]:
    """Every game with its optimal D, each value an array over games.

    `C` is by the library, `divergence` and `theorem3` are the exact forms of Proposition 2 and
    Theorem 3, `fooling` is what the library's E and G descend, `lost` the l0 loss, and `matched`
    says that E and G bring the marginals to one another.
    """
    method, batch, rows = tabular_bigan(objective), toy.batch(), []
    for E, G in toy.games():
        data, generated = toy.joints(E, G)
        set_tables(method, E, G, optimal_logits(data, generated))
        loss, fooling = played(method, batch, "discriminator", "generator_encoder")
        rows.append(
            {
                "C": -loss.item(),
                "divergence": 2 * divergence(data, generated) - LOG4,
                "theorem3": toy.as_autoencoder(E, G),
                "fooling": fooling.item(),
                "lost": toy.lost(E, G),
                "matched": max(abs((data - generated).sum(side)).max() for side in (0, 1)) < 1e-12,
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


# --- one dimension: fixed E and G, and a D that learns --------------------------------------------


CORRELATION, DEVIATION = 0.8, 0.6  # of G: x = 0.8 z + 0.6 n; so x is standard normal, as data are
GRID = np.linspace(-7, 7, 281)
CELL = float(GRID[1] - GRID[0])


@dataclass(frozen=True)
class NoisySettings(BiGANSettings):
    """Those of BiGAN and the deviation of the noise that G adds to x."""

    deviation: float = DEVIATION


class NoisyGenerator(nn.Module):
    """G(z) + deviation * n. Without it all (G(z), z) lie on a curve, where P_GZ has no density."""

    def __init__(self, mean: nn.Module, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation
        self.noise: Randomness | None = None

    def forward(self, z: Tensor, again: Tensor) -> Tensor:
        """`(N, 1)`; the mean alone where no noise is given."""
        x = self.mean(z, again)
        return x if self.noise is None else x + self.deviation * self.noise.normal(*x.shape)


class NoisyBiGAN(BiGAN):
    """The library's BiGAN with a Gaussian encoder and a G that adds noise."""

    Settings = NoisySettings

    def __init__(self, settings: NoisySettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.generator = NoisyGenerator(self.generator, settings.deviation)

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """Those of BiGAN."""
        self.generator.noise = batch.noise
        losses = super().losses(batch, players)
        self.generator.noise = None
        return losses


class Identity(nn.Module):
    """x = z, or z = x."""

    def forward(self, given: Tensor, *_again: Tensor) -> Tensor:
        """Gives back the first."""
        return given


class Scaled(nn.Module):
    """G's mean: CORRELATION * z."""

    def forward(self, z: Tensor, _again: Tensor) -> Tensor:
        """Gives `(N, 1)`."""
        return CORRELATION * z


def with_fixed_encoder(correlation: float, seed: int) -> NoisyBiGAN:
    """A D that can learn, G with x = 0.8 z + 0.6 n, and E with z = r x + sqrt(1 - r^2) e.

    With standard normal data both marginals are right in each of these games; only how x and z go
    together differs, unless r is 0.8.
    """
    torch.manual_seed(seed)
    method = NoisyBiGAN(
        NoisySettings(latent_dim=1, prior="normal", encoder="gaussian", network=NETWORK), ONE_NUMBER
    )
    method.encoder = nn.Linear(1, 2).requires_grad_(False)
    method.encoder.weight.copy_(torch.tensor([[correlation], [0.0]]))
    method.encoder.bias.copy_(torch.tensor([0.0, np.log(1 - correlation**2) / 2]))
    method.generator.mean = Scaled()
    return method


def with_identities(seed: int) -> BiGAN:
    """A D that can learn, and deterministic E(x) = x and G(z) = z, which invert one another."""
    torch.manual_seed(seed)
    method = BiGAN(BiGANSettings(latent_dim=1, prior="normal", network=NETWORK), ONE_NUMBER)
    method.encoder, method.generator = Identity(), Identity()
    return method


def correlated(correlation: float) -> Array:
    """The density of standard normal x and z with this correlation, by x and z of the grid."""
    mean, deviation = correlation * GRID[:, None], np.sqrt(1 - correlation**2)
    return normal(GRID[:, None]) * normal(GRID[None], mean, deviation)


def learn_discriminator(method: BiGAN, draw: Draw, seed: int, steps: int = 1500) -> None:
    """D alone ascends V of the library; x and z are drawn anew for every step."""
    optimizer = torch.optim.Adam(method.discriminator.parameters(), lr=3e-3, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, total_steps=steps, pct_start=0.05
    )
    for step in range(steps):
        noise = Randomness(seed, step)
        batch = Batch(draw(noise, 512), noise.normal(512, 1), noise)
        optimizer.zero_grad()
        played(method, batch, "discriminator")[0].backward()
        optimizer.step()
        schedule.step()


def standard(noise: Randomness, num: int) -> Tensor:
    """Data of the noisy games."""
    return noise.normal(num, 1)


def wider(noise: Randomness, num: int) -> Tensor:
    """Data that are half as wide again as what G = identity makes of the prior."""
    return 1.5 * noise.normal(num, 1)


@torch.no_grad()
def logits_at(method: BiGAN, x: Array, z: Array) -> Array:
    """D's logits, in the shape of x."""
    pairs = [torch.as_tensor(part.reshape(-1, 1)).float() for part in (x, z)]
    return method.discriminator(*pairs).double().numpy().reshape(x.shape)


# --- one dimension: everything learns -------------------------------------------------------------


WAYS: dict[str, dict[str, Any]] = {
    "V, in turn": {"objective": "minimax", "simultaneous": False},
    "Λ, in turn": {"objective": "inverse", "simultaneous": False},
    "Λ, at once": {"objective": "inverse", "simultaneous": True},
}
"""Section 3.4 as printed; with the inverse objective; and what the paper trains with."""


def two_bumps(num: int, seed: int) -> Array:
    """Half N(-1, 0.5^2), half N(1, 0.5^2)."""
    random = np.random.default_rng(seed)
    return random.choice([-1.0, 1.0], num) + 0.5 * random.standard_normal(num)


def exact_encoding(x: Array) -> Array:
    """The increasing E* with E*(x) ~ N(0, 1) for two bumps; the other continuous one is -E*."""
    return ndtri((ndtr((x + 1) / 0.5) + ndtr((x - 1) / 0.5)) / 2)


def config_of(
    folder: Path, kind: type[BiGAN], way: str, seed: int, epochs: int, look_every: int = 1000
) -> RunConfig:
    """A small run of the engine, on two bumps or, of noisy games, on standard normal numbers."""
    noisy = kind is NoisyBiGAN
    num = 20_000 if noisy else 8_000
    data = np.random.default_rng(0).standard_normal(num) if noisy else two_bumps(num, 0)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "x.npy", data[:, None])
    settings = kind.Settings(
        latent_dim=1,
        prior="normal",
        encoder="gaussian" if noisy else "deterministic",
        network=NETWORK,
        optimizer=OptimizerSettings(
            learning_rate=2e-3, final_learning_rate=1e-4, betas=(0.0, 0.99), weight_decay=0.0
        ),
        **WAYS[way],
    )
    return RunConfig(
        "theory_toys:NoisyBiGAN" if noisy else "bigan",
        "default",
        settings,
        DataSettings(source=f"npy:{folder / 'x.npy'}", scaling="none" if noisy else "standard"),
        TrainSettings(
            epochs=epochs,
            batch_size=256,
            seed=seed,
            device="cpu",
            ema_decay=0.99,
            statistics_batches=30,
            log_every=25,
            checkpoint_every=look_every,
        ),
    )


def joints_of(method: Method) -> tuple[Array, Array]:
    """P_EX and P_GZ of a noisy game, as exact densities by x and z of the grid."""
    at = torch.as_tensor(GRID[:, None]).float()
    with torch.no_grad():
        mean, log_deviation = method.encoder(at).double().T.numpy()
        made = method.generator.mean(at, at).double().numpy()[:, 0]
    x, z = GRID[:, None], GRID[None]
    data = normal(x) * normal(z, mean[:, None], np.exp(log_deviation)[:, None])
    return data, normal(z) * normal(x, made[None], method.generator.deviation)


def excess(method: Method) -> float:
    """C(E, G) + log 4 of a noisy game, exactly: twice the divergence, 0 at the optimum."""
    return 2 * divergence(*joints_of(method), CELL**2)


def play_noisy(
    folder: Path, way: str, seed: int, epochs: int = 60, look_every: int = 1000
) -> tuple[Method, list[tuple[int, float]]]:
    """Trains a noisy game: its averaged networks, and its excess by images seen, now and then."""
    config, run = config_of(folder, NoisyBiGAN, way, seed, epochs, look_every), folder / "run"
    per_iteration = config.train.batch_size * (1 if config.settings.simultaneous else 2)
    curve = [(0, excess(make_method(config, ONE_NUMBER, NoisyBiGAN).eval()))]

    def look(images_seen: int, *_: Any) -> None:
        saved = images_seen - per_iteration  # what the newest checkpoint has seen
        if saved and saved % (per_iteration * look_every) == 0:
            with warnings.catch_warnings(action="ignore"):  # that the run is not finished
                method = ambigan.load(run, device="cpu", method=NoisyBiGAN).method
            curve.append((saved, excess(method)))

    train(config, run, progress=look)
    return ambigan.load(run, device="cpu", method=NoisyBiGAN).method, curve


def play_bumps(folder: Path, way: str, seed: int, epochs: int = 100) -> ambigan.Run:
    """Trains the library's deterministic BiGAN on two bumps."""
    train(config_of(folder, BiGAN, way, seed, epochs), folder / "run")
    return ambigan.load(folder / "run", device="cpu")


def misses(run: ambigan.Run) -> dict[str, float]:
    """Root mean square errors on points never seen; those of x are in deviations of the data."""
    x = two_bumps(5000, seed=1)[:, None]
    z = np.random.default_rng(2).standard_normal((5000, 1))
    encoded, exact = run.encode(x).astype(np.float64), exact_encoding(x)
    sign = np.sign((encoded * exact).mean())
    errors = {
        "G(E(x)) - x": (run.reconstruct(x) - x) / x.std(),
        "E(G(z)) - z": run.encode(run.decode(z)) - z,
        "E(x) - E*(x)": sign * encoded - exact,
    }
    return {name: float(np.sqrt(np.square(error).mean())) for name, error in errors.items()}


def last_value(run: ambigan.Run) -> float:
    """V(D, E, G) with the learned D, over the last tenth of the log."""
    lines = [json.loads(line) for line in (run.path / "stats.jsonl").read_text().splitlines()]
    names = ("discriminator/real", "discriminator/fake")
    values = [-sum(line["losses"][name] for name in names) for line in lines if "losses" in line]
    return float(np.mean(values[-max(1, len(values) // 10) :]))
