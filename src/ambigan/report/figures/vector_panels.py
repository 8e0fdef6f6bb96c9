"""The sections' figures where the data are vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..panels import ChartPanel, chart
from ..report_data import ReportData, ReportExamples, for_map, scaled
from . import theme, vectors

NUM_EXAMPLES = 1000
FEW_LINES = 24
COMPARABLE = 100.0  # largest over smallest scale of columns that may share one axis as they are
BANDS = "Lines and bands hold 90 % and 50 % of the values; marks are medians."

_Floats = NDArray[Any]


def sample_charts(material: ReportData) -> tuple[ChartPanel, ...]:
    """Samples against as many data: how each dimension is spread, and where they lie together."""
    data = for_map(material.dataset, NUM_EXAMPLES).x
    made = material.run.sample(len(data))
    unit, ours, theirs = _on_axis(material, made, data)
    bands = vectors.quantile_bands(theirs, ours, _names(material), unit=unit)
    charts = [chart("How values are spread", f"{BANDS} Healthy: the two agree.", bands)]
    if material.dataset.spec.num_values > 1:
        spaces = (scaled(material.dataset, values) for values in (data, made))
        figure = vectors.plane(*spaces, names=_names(material))
        charts.append(chart("Samples among data", f"{_axes(material)} Healthy: mixed.", figure))
    if _are_profiles(material):
        limits = vectors.common_limits(theirs[:FEW_LINES], ours[:FEW_LINES])
        for title, values, caption, colour in (
            ("Data", theirs[:FEW_LINES], "examples, drawn at random.", theme.MUTED),
            ("Samples", ours[:FEW_LINES], "samples on the same axes.", theme.CLASSES[6]),
        ):
            figure = vectors.profiles(values, colour=colour, limits=limits, unit=unit)
            charts.append(chart(title, f"{len(values)} {caption}", figure))
    return tuple(charts)


def reconstruction_charts(
    material: ReportData, examples: ReportExamples, again: _Floats
) -> tuple[ChartPanel, ...]:
    """Data beside their reconstructions: a few whole examples, and every value."""
    charts: list[ChartPanel] = []
    if _are_profiles(material):
        unit, x, y = _on_axis(material, examples.x, again)
        for index in range(min(3, len(x))):
            figure = vectors.reconstruction_profile(x[index], y[index], unit=unit)
            charts.append(chart(f"Example {index + 1}", "Held out, and given back.", figure))
    values = scaled(material.dataset, again)
    figure = vectors.agreement(examples.scaled, values, unit=_scaled_unit(material))
    charts.append(chart("Value by value", "A perfect reconstruction is on the diagonal.", figure))
    return tuple(charts)


def path_charts(material: ReportData, made: _Floats) -> tuple[ChartPanel, ...]:
    """Paths `(P, steps, D)`: among the data, and step by step where an example is a profile."""
    charts: list[ChartPanel] = []
    flat = scaled(material.dataset, made.reshape(-1, made.shape[-1])).reshape(made.shape)
    if material.dataset.spec.num_values > 1:
        data = for_map(material.dataset, NUM_EXAMPLES).scaled
        figure = vectors.plane(data, paths=flat, names=_names(material))
        caption = f"{_axes(material)} Healthy: paths stay among the data."
        charts.append(chart("Paths among data", caption, figure))
    if _are_profiles(material):
        longest = int(np.linalg.norm(flat[:, -1] - flat[:, 0], axis=1).argmax())
        unit, path = _on_axis(material, made[longest])
        figure = vectors.path_profile(path, unit=unit)
        charts.append(chart("The longest path", "From its start, faint, to its end.", figure))
    return tuple(charts)


def _names(material: ReportData) -> tuple[str, ...]:
    return material.dataset.scaling.columns if material.dataset.scaling else ()


def _are_profiles(material: ReportData) -> bool:
    """Whether dimensions are many enough to be drawn as the points of a line."""
    return material.dataset.spec.num_values > vectors.FEW_DIMENSIONS


def _axes(material: ReportData) -> str:
    if material.dataset.spec.num_values == 2:
        return "The two dimensions of the data."
    return "On the first two principal components of the data."


def _on_axis(material: ReportData, *groups: _Floats) -> tuple[Any, ...]:
    """The unit of an axis that holds all dimensions, then values in it.

    It is the unit of the file where one axis can hold all values as they are.
    """
    scaling = material.dataset.scaling
    if scaling is not None:
        comparable = float(scaling.scale.max() / scaling.scale.min()) < COMPARABLE
        if not (comparable and _are_profiles(material)):
            return _scaled_unit(material), *(scaled(material.dataset, x) for x in groups)
    return "value", *groups


def _scaled_unit(material: ReportData) -> str:
    names = {"standard": "deviations from the mean", "minmax": "value, scaled to [-1, 1]"}
    return names.get(material.run.config.data.scaling, "value")
