"""The sections' figures where the data are vectors."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from . import theme, vectors
from .material import Examples, Material, held_out, scaled
from .panels import Chart, chart

FEW_LINES = 24
COMPARABLE = 100.0  # largest over smallest scale of columns that may share one axis as they are
BANDS = "Lines and bands hold 90 % and 50 % of the values; marks are medians."

Floats = NDArray[Any]


def sample_charts(material: Material, made: Floats) -> tuple[Chart, ...]:
    """Samples against data: how each dimension is spread, and where they lie together."""
    data = held_out(material.dataset, len(made)).x
    unit, ours, theirs = _unit(material), _on_axis(material, made), _on_axis(material, data)
    names = material.dataset.scaling.columns if material.dataset.scaling else ()
    bands = vectors.quantile_bands(theirs, ours, names, unit=unit)
    charts = [chart("How values are spread", f"{BANDS} Healthy: the two agree.", bands)]
    if _lie_on_plane(material):
        figure = vectors.plane(scaled(material.dataset, data), scaled(material.dataset, made))
        charts.append(chart("Samples among data", f"{_axes(material)} Healthy: mixed.", figure))
    if _are_profiles(material):
        charts += _line_charts(theirs[:FEW_LINES], ours[:FEW_LINES], unit)
    return tuple(charts)


def reconstruction_charts(
    material: Material, examples: Examples, again: Floats
) -> tuple[Chart, ...]:
    """Data beside their reconstructions: every value, and a few whole examples."""
    values = scaled(material.dataset, again)
    figure = vectors.agreement(examples.scaled, values, unit=_scaled_unit(material))
    charts = [chart("Value by value", "A perfect reconstruction lies on the diagonal.", figure)]
    if _are_profiles(material):
        x, y, unit = _on_axis(material, examples.x), _on_axis(material, again), _unit(material)
        for index in range(min(3, len(x))):
            figure = vectors.reconstruction_profile(x[index], y[index], unit=unit)
            charts.append(chart(f"Example {index + 1}", "", figure))
    return tuple(charts)


def path_charts(material: Material, made: Floats) -> tuple[Chart, ...]:
    """Paths `(P, steps, D)`: among the data, and step by step where an example is a profile."""
    charts: list[Chart] = []
    if _lie_on_plane(material):
        data = held_out(material.dataset, 1000).scaled
        flat = scaled(material.dataset, made.reshape(-1, made.shape[-1]))
        figure = vectors.plane(data, paths=flat.reshape(made.shape))
        caption = f"{_axes(material)} Healthy: paths stay among the data."
        charts.append(chart("Paths among data", caption, figure))
    if _are_profiles(material):
        figure = vectors.path_profile(_on_axis(material, made[0]), unit=_unit(material))
        charts.append(chart("The first path", "From its start, light, to its end, dark.", figure))
    return tuple(charts)


def _line_charts(data: Floats, made: Floats, unit: str) -> list[Chart]:
    limits = vectors.common_limits(data, made)
    grey = vectors.profiles(data, colour=theme.MUTED, limits=limits, unit=unit)
    ours = vectors.profiles(made, colour=theme.CLASSES[6], limits=limits, unit=unit)
    return [
        chart("Data", f"{len(data)} examples, drawn at random.", grey),
        chart("Samples", f"{len(made)} samples on the same axes.", ours),
    ]


def _are_profiles(material: Material) -> bool:
    """Whether dimensions are many enough to be drawn as the points of a line."""
    return material.dataset.spec.num_values > vectors.FEW_DIMENSIONS


def _lie_on_plane(material: Material) -> bool:
    return material.dataset.spec.num_values > 1


def _axes(material: Material) -> str:
    if material.dataset.spec.num_values == 2:
        return "The two dimensions of the data."
    return "On the first two principal components of the data."


def _as_in_file(material: Material) -> bool:
    """Whether values are shown in the units of their file: where one axis can hold them all."""
    scaling = material.dataset.scaling
    if scaling is None:
        return True
    comparable = float(scaling.scale.max() / scaling.scale.min()) < COMPARABLE
    return comparable and _are_profiles(material)


def _on_axis(material: Material, values: Floats) -> Floats:
    return values if _as_in_file(material) else scaled(material.dataset, values)


def _unit(material: Material) -> str:
    return "value" if _as_in_file(material) else _scaled_unit(material)


def _scaled_unit(material: Material) -> str:
    names = {"standard": "deviations from the mean", "minmax": "value, scaled to [-1, 1]"}
    return names.get(material.run.config.data.scaling, "value")
