"""The pictures of a page, section by section; a builder returns None where it does not apply.

What a model can do is asked of `run.capabilities`; what data are, of their spec.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .figures import theme
from .figures.maps import latent_map
from .figures.vector_panels import path_charts, reconstruction_charts, sample_charts
from .panels import ChartPanel, Section, chart, gallery
from .report_data import ReportData, ReportExamples, for_map, held_out, scaled
from .result_tables import errors_in, is_reconstruction, table_of

MAP_POINTS = 1000
MEASURED = 1000
PATH_STEPS = 9
PATHS = 6
NAMED_CLASSES = 40

_Floats = NDArray[Any]


def samples(material: ReportData) -> Section | None:
    """What the model generates."""
    if "sample" not in material.run.capabilities:
        return None
    lead = "Latents drawn from the prior and decoded; the first draws, not picked by hand."
    if material.are_images:
        made = material.run.sample(_num_images(material))
        panels: tuple[Any, ...] = (gallery(_singles(made), "single", "Generated images"),)
    else:
        panels = sample_charts(material)
    return Section("samples", "Samples", lead, panels)


def reconstructions(material: ReportData) -> Section | None:
    """Data beside their reconstructions, with how near they are."""
    if "reconstruct" not in material.run.capabilities:
        return None
    examples = held_out(material.dataset, MEASURED)
    again = material.run.reconstruct(examples.x)
    drawn = scaled(material.dataset, material.run.originals(examples.x))
    if material.are_images:
        num = min(len(again), _num_images(material) // 2)
        pairs = [np.stack([drawn[i], again[i]]) for i in range(num)]
        panels: tuple[Any, ...] = (gallery(pairs, "pairs", "Data above their reconstructions"),)
    else:
        panels = reconstruction_charts(material, examples, again)
    lead = "Held-out data, encoded and generated again"
    lead += ": each above its reconstruction. " if material.are_images else ". "
    errors = errors_in(material) or _errors_of(
        drawn, scaled(material.dataset, again), 0.5 if material.are_images else 1.0
    )
    found = [result for result in material.results if is_reconstruction(result)]
    table = table_of(found[0]) if found else None
    return Section("reconstructions", "Reconstructions", lead + _nearness(errors), panels, table)


def interpolations(material: ReportData) -> Section | None:
    """Paths through the latent space."""
    if "decode" not in material.run.capabilities:
        return None
    ends, examples = _ends(material)
    if len(ends) < 2:
        return None
    pairs = ends[: len(ends) // 2 * 2].reshape(-1, 2, ends.shape[1])
    path = latent_paths(pairs[:, 0], pairs[:, 1], PATH_STEPS)
    made = material.run.decode(path.reshape(-1, path.shape[-1]))
    made = made.reshape(len(path), PATH_STEPS, *made.shape[1:])
    lead = "Straight lines through the latent space, decoded step by step. "
    if examples is None:
        lead += "Each leads from one draw of the prior to another. "
    else:
        lead += "Each leads from the code of one held-out example to that of another. "
    lead += "Healthy: every step is as plausible as the ends."
    if not material.are_images:
        panels: tuple[Any, ...] = path_charts(material, made)
    elif examples is None:
        panels = (gallery(list(made), "paths", "Paths through the latent space"),)
    else:
        lead += " The data themselves stand outside."
        framed = _framed(material.run.originals(examples.x), made)
        panels = (gallery(framed, "walks", "Paths between two examples"),)
    return Section("interpolations", "Interpolations", lead, panels)


def feature_map(material: ReportData) -> Section:
    """The space of features beside that of raw values, each in two dimensions."""
    examples = for_map(material.dataset, MAP_POINTS)
    features = material.run.features(examples.x)
    layer, word = material.run.method.default_layer, "pixels" if material.are_images else "values"
    if not np.isfinite(features).all():
        return Section("map", "Feature map", f"Some features of {layer} are not numbers.")
    raw = examples.scaled.reshape(len(examples.scaled), -1)
    lead = (
        f"{examples.origin[0].upper()}{examples.origin[1:]}, placed by t-SNE so that neighbours "
        "stay neighbours. What lies together is what the map shows; sizes of groups and "
        "distances between them mean little."
    )
    panels = (
        _map(
            "Learned features", f"{features.shape[1]:,} from {layer}.", features, material, examples
        ),
        _map(
            f"Raw {word}", f"The same examples, {raw.shape[1]:,} {word}.", raw, material, examples
        ),
    )
    return Section("map", "Feature map", lead, panels, legend=_legend(material, examples))


def latent_paths(starts: _Floats, stops: _Floats, steps: int) -> _Floats:
    """Straight lines between latents, both `(N, D)`, ends included: `(N, steps, D)`."""
    share = np.linspace(0, 1, steps, dtype=np.float32)[None, :, None]
    return starts[:, None] * (1 - share) + stops[:, None] * share


def _errors_of(x: _Floats, again: _Floats, unit: float) -> tuple[float, float]:
    """Mean L2 distance of reconstructions from their own example, and from the next one."""
    flat, other = unit * x.reshape(len(x), -1), unit * again.reshape(len(x), -1)
    own = np.linalg.norm(flat - other, axis=1).mean()
    return float(own), float(np.linalg.norm(np.roll(flat, -1, axis=0) - other, axis=1).mean())


def _nearness(errors: tuple[float, float]) -> str:
    own, other = errors
    return (
        f"A reconstruction lies {own:.3g} from its own example and {other:.3g} from another "
        f"(mean L2): {100 * own / max(other, 1e-12):.0f}\u00a0% of that distance. "
        "At 100\u00a0% the code would say nothing of the example."
    )


def _map(
    title: str, caption: str, features: _Floats, material: ReportData, examples: ReportExamples
) -> ChartPanel:
    names = material.dataset.label_names
    return chart(title, caption, latent_map(features, examples.labels, names))


def _legend(material: ReportData, examples: ReportExamples) -> tuple[tuple[str, str], ...]:
    if examples.labels is None:
        return ()
    names = material.dataset.label_names or ()
    present = [int(label) for label in np.unique(examples.labels)][:NAMED_CLASSES]
    return tuple(
        (theme.clean(names[i] if 0 <= i < len(names) else i), f"c{i % len(theme.CLASSES)}")
        for i in present
    )


def _ends(material: ReportData) -> tuple[_Floats, ReportExamples | None]:
    """The latents that paths lead between, and the examples they encode, if they do."""
    if "encode" not in material.run.capabilities:
        return material.run.latents(2 * PATHS, seed=1), None
    examples = held_out(material.dataset, 2 * PATHS)
    return material.run.encode(examples.x), examples


def _framed(x: _Floats, made: _Floats) -> list[_Floats]:
    """Each path between the two examples whose codes it joins."""
    return [
        np.concatenate([x[2 * i : 2 * i + 1], path, x[2 * i + 1 : 2 * i + 2]])
        for i, path in enumerate(made)
    ]


def _singles(images: _Floats) -> list[_Floats]:
    return [image[None] for image in images]


def _num_images(material: ReportData) -> int:
    """As many as fill a few rows of a page."""
    side = max(material.run.method.sample_spec.shape[1:])
    return 96 if side < 64 else 84 if side == 64 else 28
