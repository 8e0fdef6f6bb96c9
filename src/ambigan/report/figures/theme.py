"""The look of every figure: one palette, one frame, and SVG that a page can recolour.

A figure is drawn in the colours of the light theme. Inlined into a page, each of them becomes a
CSS variable, so that a dark page recolours it without drawing anything twice.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ...core.errors import ConfigError
from ...core.files import write_bytes

PAPER, INK, MUTED, RULE = "#fcfbf9", "#20242a", "#666b73", "#e3e0d9"
FIGURE_WIDTH = 440  # in CSS pixels: two stand side by side on a page, one fits a telephone
ACCENT, ALARM = "#0b6bab", "#b3261d"
REFERENCE: dict[str, Any] = {"color": MUTED, "linewidth": 1, "linestyle": (0, (3, 3))}
"""The style of a line to compare with."""

# Ten colours that stay apart under colour blindness: Petroff, arXiv 2107.02270.
CLASSES = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
LINES = (CLASSES[0], CLASSES[6], CLASSES[4], CLASSES[8], CLASSES[2], CLASSES[5])

_VARIABLES = {
    PAPER: "--paper",
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    ACCENT: "--accent",
    ALARM: "--alarm",
    **{colour: f"--c{index}" for index, colour in enumerate(CLASSES)},
}
_TAG = re.compile(r"<[^>]+>")
_COLOUR = re.compile("|".join(_VARIABLES))
_COORDINATES = re.compile(r'(?<= [dxy]=")[^"]*')
_CLASHING = re.compile(
    r'(?<=<g) id="[^"]*"|xlink:(?=href)|font-(?:family|variant|stretch): [^;"]*;? ?'
    r'| transform="rotate\(-0 [^"]*"'
)
"""Parts of matplotlib's tags that a page does not need: ids of groups, namespaces and typefaces."""


def new_figure(width: int, height: int) -> tuple[Figure, Axes]:
    """An empty figure, in CSS pixels, with one frameless pair of axes that fill it.

    Axes go out to the edges, so that figures stand flush with the text of a page.
    """
    flush = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0, hspace=0)
    size = (width / 72, height / 72)
    figure = Figure(figsize=size, dpi=72, facecolor=PAPER, layout=flush)
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, colors=MUTED, labelcolor=MUTED, labelsize=12, pad=5)
    axes.set_axisbelow(True)
    return figure, axes


def rule_across(axes: Axes) -> None:
    """Draws lines across the figure at the ticks of the vertical axis, and a base line."""
    axes.grid(axis="y", color=RULE, linewidth=1)
    axes.spines["bottom"].set(visible=True, color=MUTED, linewidth=1)


def label_axes(axes: Axes, across: str, up: str = "") -> None:
    """Names the axes; a name may be anybody's text."""
    style: dict[str, Any] = {"color": MUTED, "fontsize": 12, "parse_math": False}
    axes.set_xlabel(clean(across), **style)
    axes.set_ylabel(clean(up), **style)


def colour_of(index: int) -> str:
    """The colour of a class; they repeat after ten."""
    return CLASSES[index % len(CLASSES)]


def clean(text: object, limit: int = 40) -> str:
    """Untrusted text as one short printable line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def inline_svg(figure: Figure, description: str) -> str:
    """A figure as an `<svg>` element for an HTML page, whose colours are variables of the page.

    Args:
        figure: a figure in the colours of this module.
        description: what it shows, for screen readers; ids in the SVG are derived from it.
    """
    svg = _draw(figure, "svg", salt=description).decode()
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    view_box, rest = svg.partition('viewBox="')[2].split('"', 1)
    rest = _TAG.sub(_simplify, rest[rest.index(">") + 1 :])
    label = html.escape(clean(description, 400))
    return f'<svg viewBox="{view_box}" role="img" aria-label="{label}">{rest}'


def save_figure(path: Path, figure: Figure) -> None:
    """Writes a figure atomically, as its name ends: `.png` (at twice its size) or `.svg`.

    Raises:
        ConfigError: the name ends otherwise.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise ConfigError(f"cannot write a figure as {path.name}; end it in .png or .svg.")
    write_bytes(path, _draw(figure, kind))


def _draw(figure: Figure, kind: str, salt: str = "ambigan") -> bytes:
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": salt, "path.simplify": False}
    settings["image.composite_image"] = False  # small images stay themselves, and crisp
    buffer = io.BytesIO()
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # browsers have the glyph
        if kind == "svg":
            figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        else:
            FigureCanvasAgg(figure)
            figure.savefig(buffer, format="png", dpi=144)
    return buffer.getvalue()


def _simplify(tag: re.Match[str]) -> str:
    """A tag without what would clash with a page, with colours as CSS variables."""
    text = _COORDINATES.sub(_shorten, _CLASHING.sub("", tag.group()))
    return _COLOUR.sub(lambda colour: f"var({_VARIABLES[colour[0]]}, {colour[0]})", text)


def _shorten(path: re.Match[str]) -> str:
    """Coordinates with two decimals; a line that leads nowhere, which draws a dot, as `h0`."""
    text = re.sub(r"-?\d+\.\d+", lambda number: f"{round(float(number[0]), 2):g}", path.group())
    text = re.sub(r"\s+(?=[A-Za-z])|\s+$", "", text)
    return re.sub(r"M (\S+ [^\sL]+)L \1(?=M|$)", r"M \1h0", text)
