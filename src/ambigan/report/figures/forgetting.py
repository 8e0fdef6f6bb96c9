"""The same latents drawn with and without the maps of a feature."""

from __future__ import annotations

from ...analysis.forgetting import ForgettingResult
from . import theme
from .canvas import SMALL, TITLE, above, beside, outlined, page, paragraph, scaled_up
from .canvas import text as line
from .grids import PixelArray

FORGETTING_SIDE = 64


def draw_forgotten(found: ForgettingResult, feature: str) -> PixelArray:
    """A row as generated, one without the maps, one without as many others.

    Args:
        found: what was dropped.
        feature: its name, for the title.
    """
    rows = [
        above([line(name, colour=theme.MUTED), _row(found, name)], gap=4) for name in found.shown
    ]
    body = above(rows, gap=12)
    title = line(f"Forgetting {feature}", TITLE, bold=True)
    words = paragraph(forgetting_summary(found), max(body.shape[1], 520), SMALL)
    return page([title, words, body])


def forgetting_summary(found: ForgettingResult) -> str:
    """What was dropped and what that did, in a few sentences."""
    told = f"{len(found.dropped)} of {len(found.weights)} maps of {found.layer} dropped. "
    values = found.measured
    if "share" in values:
        told += (
            f"A probe ({values['probe_accuracy']:.0f} % on held-out data) sees it in"
            f" {values['share']:.1f} % of new samples, in {values['share_without']:.1f} % without"
            f" these maps, in {values['share_without_random']:.1f} % without as many random ones"
            f" ({values['num_random_as_low']} of {len(values['shares_without_random'])} draws are"
            " as low). "
        )
        return told + "On the left, samples that it is seen in; on the right, others."
    told += (
        f"Pixels change by {values['change_inside']:.2f} within the boxes and by"
        f" {values['change_outside']:.2f} outside them; without as many random maps, by"
        f" {values['change_inside_random']:.2f} and {values['change_outside_random']:.2f}. "
    )
    return told + "On the left, samples with boxes; on the right, others."


def _row(found: ForgettingResult, name: str) -> PixelArray:
    cells = list(scaled_up(found.shown[name], FORGETTING_SIDE))
    for box in found.boxes:
        scale = cells[0].shape[1] / found.shown[name].shape[-1]
        place = tuple(round(scale * v) for v in (box.x, box.y, box.width, box.height))
        cells[box.sample] = outlined(cells[box.sample], (place[0], place[1], place[2], place[3]))
    parts = [part for part in (cells[: found.num_marked], cells[found.num_marked :]) if part]
    return beside([beside(part, gap=3) for part in parts], gap=20)
