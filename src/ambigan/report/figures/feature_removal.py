"""The same latents generated with and without the feature maps of a feature."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...analysis.feature_removal import FeatureRemovalResult
from . import theme
from .sheet import LABEL, new_sheet, place_box, place_image, place_text, scaled_up

IMAGE_SIDE = 64
GAP, GROUP_GAP, ROW_GAP = 3, 20, 12


def draw_removal(found: FeatureRemovalResult, feature: str) -> Figure:
    """A row with all maps, one without the dropped ones, one without as many random ones."""
    rows = {name: scaled_up(images, IMAGE_SIDE) for name, images in found.shown.items()}
    num, height, width, _ = next(iter(rows.values())).shape
    apart = GROUP_GAP - GAP if 0 < found.num_marked < num else 0
    lefts = [i * (width + GAP) + (apart if i >= found.num_marked else 0) for i in range(num)]
    down = LABEL + height + ROW_GAP
    title, words = f"Forgetting {theme.clean(feature)}", removal_summary(found)
    figure, axes = new_sheet(title, words, lefts[-1] + width, down * len(rows) - ROW_GAP)
    for row, (name, images) in enumerate(rows.items()):
        place_text(axes, name, 0, row * down)
        for left, image in zip(lefts, images, strict=True):
            place_image(axes, image, left, row * down + LABEL)
        for box in found.boxes:
            scale = width / found.shown[name].shape[-1]
            left, top = lefts[box.sample] + scale * box.x, row * down + LABEL + scale * box.y
            for colour, line in ((theme.PAPER, 5), (theme.ALARM, 2)):
                place_box(axes, left, top, scale * box.width, scale * box.height, colour, line)
    return figure


def removal_summary(found: FeatureRemovalResult) -> str:
    """The dropped maps and their effect, in a few sentences."""
    words = f"{len(found.dropped)} of {len(found.weights)} maps of {found.layer} dropped. "
    values = found.measured
    if "share" in values:
        return (
            f"{words}A probe ({values['probe_accuracy']:.0f} % on held-out data) sees it in"
            f" {values['share']:.1f} % of new samples, in {values['share_without']:.1f} % without"
            f" these maps, in {values['share_without_random']:.1f} % without as many random ones"
            f" ({values['num_random_as_low']} of {len(values['shares_without_random'])} draws are"
            " as low). On the left, samples that it is seen in; on the right, others."
        )
    return (
        f"{words}Pixels change by {values['change_inside']:.2f} within the boxes and by"
        f" {values['change_outside']:.2f} outside them; without as many random maps, by"
        f" {values['change_inside_random']:.2f} and {values['change_outside_random']:.2f}. On the"
        " left, samples with boxes; on the right, others."
    )
