"""What stands for an example on the page: its picture, or its values as a plot."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from ..data.tables.outputs import data_columns
from ..report.figures import image_grid, theme
from ..report.figures.grids import data_uri
from ..run import Run
from .components import dcc, html
from .thumbnails import are_apart, comparable

LINE = 24
"""Number of values above which a vector is drawn as a line, as a spectrum is; below, as bars."""

_GRID = "rgba(128, 128, 128, 0.25)"  # seen on light pages and on dark ones


def drawn(
    run: Run, data: NDArray[Any], text: str, side: int = 224, columns: int | None = None
) -> Any:
    """Examples that the run gave, as one picture or one plot.

    Args:
        run: The trained model.
        data: Images `(N, C, H, W)` or vectors `(N, D)`, in the units of the source.
        text: What it shows, for those who cannot see it.
        side: Height in pixels to which small pictures are scaled up.
        columns: Number of images in a row; all of them if None.
    """
    if run.spec.kind == "vectors":
        names = [text] if len(data) == 1 else map(str, range(1, len(data) + 1))
        return profile(run, dict(zip(names, data, strict=True)), text)
    pixels = image_grid(run.pictures(data), columns or len(data))
    factor = max(1, side // len(pixels))
    source = data_uri(pixels.repeat(factor, axis=0).repeat(factor, axis=1))
    name = f"{'-'.join(text.split())}.png"
    link = html.A("Save PNG", href=source, download=name, **{"aria-label": f"Save {text} as PNG"})
    return html.Figure([html.Img(src=source, alt=text, className="picture"), html.Figcaption(link)])


def profile(run: Run, rows: dict[str, NDArray[Any]], text: str) -> Any:
    """Vectors as lines over their columns, or as groups of bars where there are few columns.

    Args:
        run: The trained model.
        rows: Vectors `(D,)` by what they are, in the units of the source.
        text: What it shows, for those who cannot see it.
    """
    scaling = run.scaling
    rows = {name: comparable(run, values) for name, values in rows.items()}
    num = len(next(iter(rows.values())))
    names = scaling.columns if scaling and len(scaling.columns) == num else range(num)
    is_line = num > LINE
    kind = {"type": "scatter", "mode": "lines"} if is_line else {"type": "bar"}
    across = list(range(num)) if is_line else [as_text(each) for each in names]
    traces = [{**kind, "x": across, "y": values, "name": name} for name, values in rows.items()]
    layout = plain_layout(height=260, showlegend=len(rows) > 1)
    layout["xaxis"]["automargin"] = True  # names of columns are long
    layout["xaxis"]["title"] = {"text": "column" if is_line else ""}
    layout["yaxis"]["title"] = {"text": "scaled value" if are_apart(run) else ""}
    return plot(traces, layout, text)


def plot(traces: list[dict[str, Any]], layout: dict[str, Any], text: str) -> Any:
    """A plot, as high as its layout says, with words for those who cannot see it.

    Traces and layout are as Plotly's JavaScript takes them: its classes in Python check each value,
    which takes longer than all else that answers a slider.
    """
    return html.Div(
        dcc.Graph(
            figure={"data": traces, "layout": layout},
            config={"displayModeBar": False},
            responsive=True,
            style={"height": layout["height"]},
        ),
        role="img",
        className="plot",
        **{"aria-label": text},
    )


def values_by_column(run: Run, vector: NDArray[Any]) -> dict[str, Any]:
    """The values of one vector `(1, D)` by the names of their columns."""
    return {name: values[0] for name, values in data_columns(vector, run.scaling).items()}


def plain_layout(**more: Any) -> dict[str, Any]:
    """What all plots share: no frame of their own, so that they take the colours of the page."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 44, "r": 8, "t": 8, "b": 40},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        "font": {"family": "system-ui, sans-serif", "size": 12},
        "xaxis": {"gridcolor": _GRID, "zerolinecolor": _GRID},
        "yaxis": {"gridcolor": _GRID, "zerolinecolor": _GRID},
        **more,
    }


def as_text(name: object, limit: int = 40) -> str:
    """Anybody's text as Plotly shows it word for word: it reads some HTML, links among it."""
    return escape(theme.clean(name, limit), quote=False)


def packed(values: NDArray[Any]) -> dict[str, str]:
    """Numbers `(N,)` as Plotly reads them fastest, in binary: text is six times as long."""
    narrow = np.ascontiguousarray(values, dtype=np.float32)
    return {"dtype": "f4", "bdata": base64.b64encode(narrow.tobytes()).decode()}


def heat_map(values: NDArray[Any], side: int = 168) -> NDArray[np.uint8]:
    """A map `(H, W)` as pixels `(height, width, 3)`, dark where least and bright where most."""
    span = float(np.ptp(values)) or 1.0
    colour_of: Any = colormaps["inferno"]
    colours: NDArray[np.float64] = colour_of((values - values.min()) / span)[..., :3]
    factor = max(1, side // len(values))
    return (colours * 255).astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
