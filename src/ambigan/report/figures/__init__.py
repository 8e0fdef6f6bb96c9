"""Everything the library draws, for the report and for the verbs alike.

Images come as pixel arrays for `save_png`; charts come as figures for `save_figure`, or for
`inline_svg` into a page.
"""

from __future__ import annotations

from .charts import Score, line_chart, score_chart
from .grids import data_uri, image_grid, interpolation_grid, reconstruction_grid, save_png
from .maps import draw_map, embed_2d, latent_map
from .theme import inline_svg, save_figure
from .vectors import (
    agreement,
    common_limits,
    path_profile,
    plane,
    profiles,
    quantile_bands,
    reconstruction_profile,
)

__all__ = [
    "Score",
    "agreement",
    "common_limits",
    "data_uri",
    "draw_map",
    "embed_2d",
    "image_grid",
    "inline_svg",
    "interpolation_grid",
    "latent_map",
    "line_chart",
    "path_profile",
    "plane",
    "profiles",
    "quantile_bands",
    "reconstruction_grid",
    "reconstruction_profile",
    "save_figure",
    "save_png",
    "score_chart",
]
