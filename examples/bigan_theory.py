"""The figures and numbers of docs/concepts/theory.md.

    python examples/bigan_theory.py docs       # three pictures into that folder: 1 to 2 minutes
    python examples/bigan_theory.py seeds 6    # how each way of training ends: 5 to 15 minutes

Both run on one core. The toys are in theory_toys.py, beside this file; they are what
tests/learning/test_theory.py plays, too.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import theory_toys as toys
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image
from scipy.special import expit
from theory_toys import CELL, CORRELATION, GRID, LOG4, Array, Finite

from ambigan.report.figures import theme

OF_X, OF_Z, THIRD = theme.ACCENT, theme.LINES[1], theme.LINES[2]
VALUES = {-LOG4: "−log 4", -1.0: "−1.0", -0.5: "−0.5", 0.0: "0"}


def draw_finite(out: Path) -> None:
    """C over the l0 loss, of all 65,536 pairs of E and G between four points and four."""
    figure, axes = panels(350, (1, 1))
    masses = {"1 : 1 : 1 : 1": (1, 1, 1, 1), "4 : 3 : 2 : 1": (4, 3, 2, 1)}
    for axis, (title, counts) in zip(axes, masses.items(), strict=True):
        games = toys.play_all(Finite(counts, counts))
        tell_finite(title, games)
        values = np.round([games["lost"], games["C"]], 6)
        points, numbers = np.unique(values, axis=1, return_counts=True)
        colours = np.where(points[0] == 0, OF_Z, OF_X)
        axis.scatter(*points, s=22 + 20 * np.log10(numbers), c=colours, linewidths=0, alpha=0.75)
        if len(numbers) < 10:
            axis.plot([0, 2], [-LOG4, 0], color=OF_X, linewidth=1, alpha=0.5, zorder=0)
            note(axis, "24 pairs, inverses", points[:, 0], (11, -6), ha="left", va="top")
            for at, number in zip(points.T[1:], numbers[1:], strict=True):
                note(axis, f"{number:,} pairs", at, (-8, 4), ha="right", va="bottom")
        else:
            words = "24 pairs of inverses,\nof which one fits the masses"
            line = {"arrowstyle": "-", "color": theme.MUTED, "shrinkB": 6, "relpos": (0.02, 0)}
            note(axis, words, (0, points[1, points[0] == 0].max()), (-4, 128), arrowprops=line)
        scale_values(axis, -1.52, 0.1)
        axis.set(xlim=(-0.07, 2.07), xticks=[0, 0.5, 1, 1.5, 2])
        across = "mass that is not brought back (ℓ0 loss)"
        name(axis, f"All E and G on four points, masses {title}", across, "C(E, G)")
    save(out / "theory-finite.png", figure)


def tell_finite(title: str, games: dict[str, Array]) -> None:
    """Prints how exactly the statements hold over all games."""
    is_optimal, is_inverse = games["C"] < -LOG4 + 1e-9, games["lost"] == 0
    assert (is_optimal == is_inverse & games["matched"].astype(bool)).all()
    print(
        f"finite, {title}: {is_inverse.sum()} of {len(is_inverse):,} games are of inverses, "
        f"{is_optimal.sum()} optimal; C is {games['C'].min():.4f} there, "
        f"{games['C'][~is_optimal].min():.4f} or more elsewhere; off by at most "
        f"{np.abs(games['C'] - games['divergence']).max():.0e} from Proposition 2, "
        f"{np.abs(games['C'] - games['theorem3']).max():.0e} from Theorem 3"
    )


def draw_discriminator(out: Path) -> None:
    """D* and the learned D of one game, and C with the value reached along a family of games."""
    figure, axes = panels(312, (1, 1, 0.045, 1.3))
    x, z = np.meshgrid(GRID, GRID, indexing="ij")
    generated = toys.correlated(CORRELATION)
    reached: dict[float, float] = {}
    for r in (-0.9, -0.5, 0.0, 0.4, 0.8, 0.9):
        method, data = toys.with_fixed_encoder(r, seed=0), toys.correlated(r)
        toys.learn_discriminator(method, toys.standard, seed=0)
        learned = toys.logits_at(method, x, z)
        reached[r] = tell_learned(f"fixed E, r {r:+.1f}", learned, data, generated, CELL**2)
        if r == -0.5:
            exact = expit(toys.optimal_logits(data, generated))
            density = (data + generated) / 2
            draw_map(axes[0], exact, exact, density)
            bar = figure.colorbar(draw_map(axes[1], expit(learned), exact, density), cax=axes[2])
    bar.outline.set_visible(False)
    axes[2].grid(False)
    axes[2].set(box_aspect=1 / 0.045, yticks=[0, 0.5, 1])
    name(axes[0], "D* by Proposition 1", "x", "z")
    name(axes[1], "D after training", "x", "")
    line = np.linspace(-0.95, 0.97, 97)
    values = [2 * toys.divergence(toys.correlated(r), generated, CELL**2) - LOG4 for r in line]
    axes[3].plot(line, values, color=theme.MUTED, linewidth=2, label="C(E, G), exact")
    axes[3].plot(*zip(*reached.items(), strict=True), "o", color=OF_X, label="V of the learned D")
    scale_values(axes[3], -1.53, -0.45)
    axes[3].set(box_aspect=1 / 1.3, xlim=(-1.05, 1.12), xticks=[-0.8, -0.4, 0, 0.4, 0.8])
    note(axes[3], "$P_{EX} = P_{GZ}$", (0.8, -LOG4), (0, -7), ha="center", va="top")
    note(axes[3], "the game shown", (-0.5, reached[-0.5]), (6, 4))
    legend(axes[3], "upper right")
    name(axes[3], "The value of a game, by its E", "correlation of x and E(x)", "")
    save(out / "theory-discriminator.png", figure)
    method = toys.with_identities(seed=0)
    toys.learn_discriminator(method, toys.wider, seed=0)
    x = 1.5 * GRID
    joints = toys.normal(x, 0, 1.5), toys.normal(x)
    tell_learned("inverses, p_X too wide", toys.logits_at(method, x, x), *joints, 1.5 * CELL)


def tell_learned(title: str, logits: Array, data: Array, generated: Array, cell: float) -> float:
    """Prints how far a learned D is from D*; gives back V(D, E, G)."""
    C = 2 * toys.divergence(data, generated, cell) - LOG4
    V = toys.value(logits, data, generated, cell)
    exact, weight = expit(toys.optimal_logits(data, generated)), cell * (data + generated) / 2
    print(
        f"{title}: C {C:.4f}, V of the learned D {V:.4f}, "
        f"mean |D - D*| {(weight * np.abs(expit(logits) - exact)).sum():.4f}, "
        f"mean |D* - 1/2| {(weight * np.abs(exact - 0.5)).sum():.4f}"
    )
    return V


def draw_map(axis: Axes, D: Array, exact: Array, density: Array) -> Any:
    """D over x and z where there are pairs, and over it the lines of the exact one."""
    colours = LinearSegmentedColormap.from_list("D", [OF_Z, "#ffffff", OF_X])
    ends = (GRID[0] - CELL / 2, GRID[-1] + CELL / 2) * 2
    image = axis.imshow(
        D.T, cmap=colours, vmin=0, vmax=1, origin="lower", extent=ends, interpolation="bilinear"
    )
    lines = {"levels": [0.1, 0.5, 0.9], "linestyles": ["--", "-", "--"], "linewidths": 1}
    axis.contour(GRID, GRID, exact.T, colors=theme.INK, **lines)
    axis.contourf(GRID, GRID, density.T, levels=[-1, 1e-4], colors=[theme.PAPER], zorder=3)
    axis.grid(False)
    axis.set(xlim=(-4, 4), ylim=(-4, 4), xticks=range(-4, 5, 2), yticks=range(-4, 5, 2))
    return image


def draw_training(out: Path, folder: Path) -> None:
    """The exact value of noisy games over training, and what deterministic ones end with."""
    figure, axes = panels(340, (1.15, 1, 1))
    for way, colour in zip(toys.WAYS, (OF_X, OF_Z, THIRD), strict=True):
        method, curve = toys.play_noisy(folder / f"noisy {way}", way, seed=0, look_every=50)
        seen, excess = np.transpose(curve)
        axes[0].plot(seen / 1000, excess, color=colour, linewidth=1.8, label=way)
        print(f"noisy, {way}: C + log 4 {excess[0]:.4f} before, {toys.excess(method):.4f} after")
    axes[0].set_yscale("log")
    axes[0].set_ylim(0.004, 0.9)
    axes[0].set_yticks([0.01, 0.1], ["0.01", "0.1"])
    axes[0].minorticks_off()
    legend(axes[0], "upper right")
    name(axes[0], "Noisy games: C(E, G) + log 4, exact", "thousand examples seen", "")
    x, z = np.linspace(-1.95, 1.95, 391), np.linspace(-2.3, 2.3, 461)
    for seed, colour in ((0, OF_X), (2, OF_Z)):
        run = toys.play_bumps(folder / f"bumps {seed}", "Λ, in turn", seed)
        print(f"two bumps, seed {seed}: V {toys.last_value(run):.4f}; {errors_of(run)}")
        encoded, made = run.encode(x[:, None])[:, 0], run.decode(z[:, None])[:, 0]
        sign = np.sign((encoded * x).mean())
        axes[1].plot(sign * toys.exact_encoding(x), x, color=theme.RULE, linewidth=10, zorder=1)
        draw_curve(axes[1], z, made, encoded, x, colour)
        back = run.encode(made[:, None])[:, 0], run.decode(encoded[:, None])[:, 0]
        draw_curve(axes[2], z, back[0], x, back[1], colour)
        note(axes[1], f"seed {seed}", (sign * 1.6, 1.45), (0, -16), color=colour, ha="center")
    name(axes[1], "Two deterministic games", "z, or E(x)", "x, or G(z)")
    name(axes[2], "Theorem 2: there and back", "z, or x", "E(G(z)), or G(E(x))")
    for axis, words in ((axes[1], ("G(z)", "E(x)")), (axes[2], ("E(G(z))", "G(E(x))"))):
        axis.plot([], [], color=theme.INK, linewidth=1.8, label=words[0])
        axis.plot([], [], "o", color=theme.INK, markersize=4, label=words[1])
        axis.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), xticks=range(-2, 3), yticks=range(-2, 3))
    axes[1].plot([], [], color=theme.RULE, linewidth=10, label="exact")
    legend(axes[1], "lower center")
    legend(axes[2], "upper left")
    save(out / "theory-training.png", figure)


def draw_curve(axis: Axes, z: Array, from_z: Array, from_x: Array, x: Array, colour: str) -> None:
    """What G makes of z as a line, and what E makes of x as dots."""
    axis.plot(z, from_z, color=colour, linewidth=1.8)
    axis.plot(from_x[::13], x[::13], "o", color=colour, markersize=4)


def errors_of(run: Any) -> str:
    """The root mean square errors of a run, as words."""
    return ", ".join(f"{what} {error:.3f}" for what, error in toys.misses(run).items())


def print_seeds(num: int, folder: Path) -> None:
    """Every way of playing over many seeds."""
    for way, seed in itertools.product(toys.WAYS, range(num)):
        method, _ = toys.play_noisy(folder / f"noisy {way} {seed}", way, seed)
        run = toys.play_bumps(folder / f"bumps {way} {seed}", way, seed)
        print(
            f"{way}, seed {seed}: C + log 4 {toys.excess(method):.4f}; {errors_of(run)}", flush=True
        )


def save(path: Path, figure: Figure) -> None:
    """Writes a figure with a palette of 256 colours, a third of the size of one without."""
    theme.save_figure(path, figure)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


def panels(height: int, ratios: Sequence[float]) -> tuple[Figure, Sequence[Axes]]:
    """A row of axes, 960 CSS pixels wide."""
    size = (960 / 72, height / 72)
    figure = Figure(figsize=size, dpi=72, facecolor=theme.PAPER, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.06)
    axes = figure.subplots(1, len(ratios), width_ratios=ratios)
    for axis in axes:
        axis.set_facecolor("none")
        axis.set_axisbelow(True)
        axis.grid(color=theme.RULE, linewidth=1)
        for side in axis.spines.values():
            side.set_visible(False)
        axis.tick_params(length=0, labelcolor=theme.MUTED, labelsize=12, pad=5)
    return figure, axes


def name(axis: Axes, title: str, across: str, up: str) -> None:
    """Says what a panel shows."""
    axis.set_title(title, loc="left", color=theme.INK, fontsize=13.5, pad=10)
    axis.set_xlabel(across, color=theme.MUTED, fontsize=12)
    axis.set_ylabel(up, color=theme.MUTED, fontsize=12)


def note(axis: Axes, text: str, at: Sequence[float], beside: Sequence[float], **how: Any) -> None:
    """Words inside a panel, so many pixels beside a point."""
    how = {"color": theme.MUTED, "fontsize": 12, "textcoords": "offset points"} | how
    axis.annotate(text, at, beside, **how)


def legend(axis: Axes, place: str) -> None:
    """Names the lines of a panel."""
    axis.legend(frameon=False, fontsize=12, labelcolor=theme.INK, loc=place)


def scale_values(axis: Axes, low: float, high: float) -> None:
    """The vertical scale of C, with the line below which none can be."""
    axis.axhline(-LOG4, color=theme.INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axis.set_yticks([*VALUES], [*VALUES.values()])
    axis.set_ylim(low, high)


def main(what: str, num_seeds: str = "") -> None:
    """Draws the figures into a folder, or for `seeds N` prints how other seeds end."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if what == "seeds":
            print_seeds(int(num_seeds), Path(folder))
            return
        draw_finite(Path(what))
        draw_discriminator(Path(what))
        draw_training(Path(what), Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
