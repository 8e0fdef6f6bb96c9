"""Outlines that are drawn on the map, and the points inside them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from matplotlib.path import Path as Polygon
from numpy.typing import NDArray


def inside(points: NDArray[np.float32], outlines: list[str]) -> NDArray[np.int64]:
    """Places of the points `(N, 2)` inside any of the outlines, which are paths as SVG has them."""
    is_inside = np.zeros(len(points), dtype=np.bool_)
    for outline in outlines:
        corners = [
            tuple(map(float, pair.split(","))) for pair in re.findall(r"[ML]([^MLZ]+)", outline)
        ]
        if len(corners) > 2:
            is_inside |= Polygon(corners).contains_points(points)
    return np.flatnonzero(is_inside)


def drawn_outlines(change: dict[str, Any], outlines: list[str]) -> list[str] | None:
    """What is drawn on the map after a change of its layout; None if that did not change."""
    if "shapes" in change:
        return [_as_path(shape) for shape in change["shapes"]]
    moved = [key for key in change if re.fullmatch(r"shapes\[\d+\]\.path", key)]
    if not moved:
        return None
    drawn = list(outlines)
    for key in moved:
        number = int(re.findall(r"\d+", key)[0])
        if number < len(drawn):
            drawn[number] = change[key]
    return drawn


def _as_path(shape: dict[str, Any]) -> str:
    if shape.get("type") == "path":
        return shape["path"]
    x0, x1, y0, y1 = (shape[key] for key in ("x0", "x1", "y0", "y1"))
    return f"M{x0},{y0}L{x1},{y0}L{x1},{y1}L{x0},{y1}Z"
