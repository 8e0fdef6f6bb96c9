"""The look of every figure: one palette, one frame, and SVG that a page can recolour.

A figure is drawn in the colours of the light theme. Inlined into a page, each of them becomes a
CSS variable, so that a dark page recolours it without drawing anything twice.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
import xml.etree.ElementTree as ET
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
WIDTH = 440  # of a figure in CSS pixels: two stand side by side on a page, one fits a telephone
ACCENT, ALARM = "#0b6bab", "#b3261d"

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
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ambigan",
    "path.simplify": False,
}
_FONT = ("font-family", "font-variant", "font-stretch")


def new_figure(width: int, height: int) -> tuple[Figure, Axes]:
    """An empty figure, in CSS pixels, with one frameless pair of axes that fill it."""
    size = (width / 72, height / 72)
    figure = Figure(figsize=size, dpi=72, facecolor=PAPER, layout=_layout())
    axes = figure.subplots()
    axes.set_facecolor("none")
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, colors=MUTED, labelcolor=MUTED, labelsize=12, pad=5)
    axes.set_axisbelow(True)
    return figure, axes


def colour_of(index: int) -> str:
    """The colour of a class; they repeat after ten."""
    return CLASSES[index % len(CLASSES)]


def clean(text: object, limit: int = 40) -> str:
    """Untrusted text as one short printable line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def inline_svg(figure: Figure, description: str) -> str:
    """A figure as an `<svg>` element for an HTML page: no styles, namespaces or links of its own.

    Args:
        figure: drawn in the colours of this module.
        description: what it shows, for those who cannot see it.
    """
    root = ET.fromstring(_draw(figure, "svg"))  # our own output
    digest = hashlib.sha256(ET.tostring(root)).hexdigest()[:8]
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        _make_local(element, digest)
    box = root.attrib["viewBox"]
    root.attrib = {"viewBox": box, "role": "img", "aria-label": clean(description, 400)}
    return ET.tostring(root, encoding="unicode")


def save_figure(path: Path, figure: Figure) -> None:
    """Writes a figure atomically, as its name ends: `.png` (at twice its size) or `.svg`.

    Raises:
        ConfigError: the name ends otherwise.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise ConfigError(f"cannot write a figure as {path.name}; end it in .png or .svg.")
    write_bytes(path, _draw(figure, kind))


def _layout() -> ConstrainedLayoutEngine:
    """Axes out to the edges, so that figures stand flush with the text of a page."""
    return ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0, hspace=0)


def _draw(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # browsers have the glyph
        if kind == "svg":
            figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        else:
            FigureCanvasAgg(figure)
            figure.savefig(buffer, format="png", dpi=144)
    return buffer.getvalue()


def _make_local(element: ET.Element, digest: str) -> None:
    """Takes out what would clash with a page: namespaces, fonts, group names, shared ids."""
    element.tag = _local(element.tag)
    values = {_local(name): value for name, value in element.attrib.items()}
    if element.tag == "g":
        values.pop("id", None)
    if values.get("transform", "").startswith("rotate(-0 "):
        del values["transform"]
    for name, value in values.items():
        values[name] = _rewrite(name, value, digest)
    element.attrib = values


def _rewrite(name: str, value: str, digest: str) -> str:
    if name in ("id", "href"):
        return f"{value}-{digest}"
    if name == "clip-path":
        return value.replace(")", f"-{digest})")
    if name == "style":
        return _restyle(value)
    if name in ("d", "x", "y", "width", "height", "transform"):
        value = re.sub(r"-?\d+\.\d+", _short, value)
    if name == "d":
        value = re.sub(r"\s+(?=[A-Za-z])|\s+$", "", value)
        return re.sub(r"M (\S+ [^\sL]+)L \1(?=M|$)", r"M \1h0", value)  # a dot
    return value


def _short(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")


def _restyle(style: str) -> str:
    parts = [part.strip() for part in style.split(";")]
    kept = [part for part in parts if part and not part.startswith(_FONT)]
    return "; ".join(re.sub(r"#[0-9a-f]{6}$", _variable, part) for part in kept)


def _variable(match: re.Match[str]) -> str:
    name = _VARIABLES.get(match.group())
    return f"var({name}, {match.group()})" if name else match.group()


def _local(name: str) -> str:
    return name.rpartition("}")[2]
