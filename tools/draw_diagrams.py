"""Draws the diagrams of docs/concepts as SVG: `python tools/draw_diagrams.py`.

Each has a light ground of its own, so that it is legible on a dark page as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "concepts"
COLOURS = {  # ground and edge
    "against": ("#fde8d4", "#b4530a"),
    "for": ("#dbe9fa", "#1f5fa8"),
    "data": ("#ffffff", "#6b7280"),
    "plain": ("#eef0f3", "#eef0f3"),
}
WIDTH, HALF = 104, 18  # of a box, and half of its height
STYLE = "font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:13px"


class Box(NamedTuple):
    """A box with its centre, words and role."""

    x: float
    y: float
    words: str
    role: str = "data"
    width: float = WIDTH


Arrow = tuple[str, str]


class Diagram(NamedTuple):
    """Boxes by name, arrows between them, and a line below."""

    title: str
    boxes: dict[str, Box]
    arrows: Sequence[Arrow]
    caption: str
    size: tuple[int, int] = (720, 210)
    legend: bool = True


def _row(top: float, start: str, network: str, made: str, role: str = "for") -> dict[str, Box]:
    """What goes into a network, the network, and what comes out, from left to right."""
    return {
        start: Box(70, top, start, width=70),
        network: Box(200, top, network, role),
        made: Box(340, top, made, width=110),
    }


DIAGRAMS = {
    "game-gan": Diagram(
        "GAN",
        {
            **_row(50, "z", "generator G", "G(z)"),
            "x": Box(340, 125, "x", width=110),
            "D": Box(490, 88, "discriminator D", "against", 130),
            "out": Box(640, 88, "real or generated?", "plain", 130),
        },
        [("z", "generator G"), ("generator G", "G(z)"), ("G(z)", "D"), ("x", "D"), ("D", "out")],
        "D tells data x from samples G(z); G makes samples that D takes for data.",
    ),
    "game-bigan": Diagram(
        "BiGAN",
        {
            **_row(50, "z", "generator G", "G(z), z"),
            **_row(125, "x", "encoder E", "x, E(x)"),
            "D": Box(490, 88, "discriminator D", "against", 130),
            "out": Box(640, 88, "which pair?", "plain", 110),
        },
        [
            *[("z", "generator G"), ("generator G", "G(z), z"), ("G(z), z", "D")],
            *[("x", "encoder E"), ("encoder E", "x, E(x)"), ("x, E(x)", "D"), ("D", "out")],
        ],
        "D sees pairs of an example and its latents; G and E play together and deceive it.",
    ),
    "game-latent-regressor": Diagram(
        "Latent regressor",
        {
            **_row(50, "z", "generator G", "G(z)"),
            "x": Box(340, 125, "x", width=110),
            "D": Box(490, 125, "discriminator D", "against", 130),
            "out": Box(640, 125, "real or generated?", "plain", 130),
            "E": Box(490, 50, "encoder E", "for"),
            "again": Box(640, 50, "E(G(z)), near z", "plain", 130),
        },
        [
            *[("z", "generator G"), ("generator G", "G(z)"), ("G(z)", "D"), ("x", "D")],
            *[("D", "out"), ("G(z)", "E"), ("E", "again")],
        ],
        "G and D play a plain GAN; E learns to find the latents of samples, never of data.",
    ),
    "game-bigbigan": Diagram(
        "BigBiGAN",
        {
            **_row(50, "z", "generator G", "G(z), z"),
            **_row(175, "x", "encoder E", "x, E(x)"),
            "F": Box(500, 62, "D of examples", "against", 120),
            "J": Box(500, 112, "D of pairs", "against", 120),
            "H": Box(500, 162, "D of latents", "against", 120),
            "out": Box(645, 112, "sum of scores", "plain", 110),
        },
        [
            *[("z", "generator G"), ("generator G", "G(z), z")],
            *[("x", "encoder E"), ("encoder E", "x, E(x)")],
            *[("G(z), z", each) for each in "FJH"],
            *[("x, E(x)", each) for each in "FJH"],
            *[(each, "out") for each in "FJH"],
        ],
        "As BiGAN, with scores of the example and of the latents alone besides that of the pair.",
        (720, 250),
    ),
    "game-sao": Diagram(
        "SAO",
        {
            **_row(50, "z", "generator G", "G(z)"),
            "x": Box(340, 125, "x", width=110),
            "D": Box(480, 88, "embedding D", "against", 120),
            "out": Box(635, 70, "apart as Gaussians", "plain", 140),
            "near": Box(635, 112, "near their neighbours", "plain", 150),
        },
        [
            *[("z", "generator G"), ("generator G", "G(z)"), ("G(z)", "D"), ("x", "D")],
            *[("D", "out"), ("D", "near")],
        ],
        "D places examples: real and generated ones apart, neighbours together. G counters.",
    ),
    "contract": Diagram(
        "The contract of method and engine",
        {
            "batch": Box(75, 60, "batch: x, z, noise", width=126),
            "method": Box(240, 60, "method: losses", "for", 126),
            "terms": Box(410, 60, "terms of each player", width=146),
            "engine": Box(600, 60, "engine: gradients", "against", 136),
            "weights": Box(600, 140, "each player's networks", width=166),
            "capabilities": Box(240, 140, "encode, decode, features", width=176),
        },
        [
            *[("batch", "method"), ("method", "terms"), ("terms", "engine")],
            *[("engine", "weights"), ("method", "capabilities")],
        ],
        "A method computes losses; the engine draws, differentiates, updates, logs and saves.",
        (720, 220),
        legend=False,
    ),
    "protocols": Diagram(
        "Protocols and baselines",
        {
            "layer": Box(100, 40, "a layer of the run", "for", 160),
            "untrained": Box(100, 85, "the same, untrained", width=160),
            "raw": Box(100, 130, "raw values", width=160),
            "pca": Box(100, 175, "PCA", width=160),
            "protocol": Box(340, 108, "protocol, constants pinned", "against", 196),
            "results": Box(580, 108, "Results, side by side", "plain", 206),
        },
        [
            *[(name, "protocol") for name in ("layer", "untrained", "raw", "pca")],
            ("protocol", "results"),
        ],
        "Every number of a run stands next to what its data are worth without it.",
        (720, 250),
        legend=False,
    ),
}


def svg(diagram: Diagram) -> str:
    """A diagram as the text of an SVG file."""
    width, height = diagram.size
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'style="{STYLE}">',
        f"<title>{escape(diagram.title)}: {escape(diagram.caption)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#4b5563"/></marker></defs>',
        f'<rect width="{width}" height="{height}" rx="8" fill="#f8f9fb"/>',
        *(_line(diagram.boxes[a], diagram.boxes[b]) for a, b in diagram.arrows),
        *map(_box, diagram.boxes.values()),
        f'<text x="16" y="{height - 16}" fill="#374151">{escape(diagram.caption)}</text>',
    ]
    if diagram.legend:
        x = width - 200
        for role, words in (("against", "one side"), ("for", "the other side")):
            parts.append(
                f'<rect x="{x}" y="10" width="12" height="12" fill="{COLOURS[role][0]}" '
                f'stroke="{COLOURS[role][1]}"/><text x="{x + 18}" y="20" font-size="12" '
                f'fill="#374151">{words}</text>'
            )
            x += 85
    return "\n".join([*parts, "</svg>"]) + "\n"


def _box(box: Box) -> str:
    ground, edge = COLOURS[box.role]
    x, y = box.x - box.width / 2, box.y - HALF
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{box.width:g}" height="{2 * HALF}" rx="6" '
        f'fill="{ground}" stroke="{edge}" stroke-width="1.5"/>'
        f'<text x="{box.x:g}" y="{box.y + 5:g}" text-anchor="middle" fill="#111827">'
        f"{escape(box.words)}</text>"
    )


def _line(a: Box, b: Box) -> str:
    if abs(a.x - b.x) < 1:
        down = 1 if b.y > a.y else -1
        ends = (a.x, a.y + down * HALF, b.x, b.y - down * (HALF + 2))
    else:
        ends = (
            a.x + a.width / 2,
            a.y,
            b.x - b.width / 2 - 2,
            b.y + max(-12, min(12, (a.y - b.y) / 5)),
        )
    x1, y1, x2, y2 = ends
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="#4b5563" '
        'stroke-width="1.5" marker-end="url(#tip)"/>'
    )


if __name__ == "__main__":
    for name, diagram in DIAGRAMS.items():
        (FOLDER / f"{name}.svg").write_text(svg(diagram), encoding="utf-8")
