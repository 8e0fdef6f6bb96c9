"""The pictures of a page, section by section; a builder returns None where it does not apply.

What a model can do is asked of `run.capabilities`; what data are, of their spec.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.filters import default_network, read_filters
from ..analysis.latent_arithmetic import latent_paths
from ..core.feature_layers import is_convolutional
from .figures import theme
from .figures.filters import kernel_images
from .figures.maps import class_name, latent_map
from .figures.transfer import transfer_chart, transfer_layer_names, transfer_table
from .figures.vector_panels import path_charts, reconstruction_charts, sample_charts
from .panels import ChartPanel, Section, chart, gallery
from .report_data import ReportData, for_map, held_out, scaled
from .result_tables import errors_in, is_reconstruction, is_transfer, table_of

MAP_POINTS = 1000
MEASURED = 1000
PATH_STEPS = 9
PATHS = 6
NAMED_CLASSES = 40
MOST_KERNELS = 48

_Floats = NDArray[Any]


def samples(material: ReportData) -> Section | None:
    """What the model generates."""
    if "sample" not in material.run.capabilities:
        return None
    lead = "Latents drawn from the prior and decoded; the first draws, not picked by hand."
    if material.are_images:
        made = material.run.pictures(material.run.sample(_num_images(material)))
        panels: tuple[Any, ...] = (gallery(list(made[:, None]), "single", "Generated images"),)
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
    lead = "Held-out data, encoded and generated again"
    if material.are_images:
        lead += ": each above its reconstruction. "
        num = _num_images(material) // 2
        shown = material.run.shown_bands(drawn[:num]), material.run.pictures(again[:num])
        pairs = list(np.stack(shown, axis=1))
        panels: tuple[Any, ...] = (gallery(pairs, "pairs", "Data above their reconstructions"),)
    else:
        lead += ". "
        panels = reconstruction_charts(material, examples, again)
    own, other = errors_in(material) or _errors_of(
        drawn, scaled(material.dataset, again), 0.5 if material.are_images else 1.0
    )
    lead += (
        f"A reconstruction lies {own:.3g} from its own example and {other:.3g} from another "
        f"(mean L2): {100 * own / max(other, 1e-12):.0f}\u00a0% of that distance. "
        "At 100\u00a0% the code would say nothing of the example."
    )
    found = [result for result in material.results if is_reconstruction(result)]
    table = table_of(found[0]) if found else None
    return Section("reconstructions", "Reconstructions", lead, panels, table)


def interpolations(material: ReportData) -> Section | None:
    """Paths through the latent space, between codes of examples where there is an encoder."""
    if "decode" not in material.run.capabilities:
        return None
    examples = None
    if "encode" in material.run.capabilities:
        examples = held_out(material.dataset, 2 * PATHS)
        ends = material.run.encode(examples.x)
    else:
        ends = material.run.latents(2 * PATHS, seed=1)
    if len(ends) < 2:
        return None
    pairs = ends[: len(ends) // 2 * 2].reshape(-1, 2, ends.shape[1])
    path = latent_paths(pairs[:, 0], pairs[:, 1], PATH_STEPS)
    made = material.run.decode(path.reshape(-1, path.shape[-1]))
    if material.are_images:
        made = material.run.pictures(made)
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
        x = material.run.pictures(material.run.originals(examples.x[: 2 * len(made)]))[:, None]
        framed = np.concatenate([x[0::2], made, x[1::2]], axis=1)
        panels = (gallery(list(framed), "walks", "Paths between two examples"),)
    return Section("interpolations", "Interpolations", lead, panels)


def feature_map(material: ReportData) -> Section:
    """The space of features beside that of raw values, each in two dimensions."""
    examples, names = for_map(material.dataset, MAP_POINTS), material.dataset.label_names
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
    images = material.run.shown_bands(examples.scaled) if material.are_images else None
    panels = tuple(
        chart(title, caption, latent_map(values, examples.labels, names, images=images))
        for title, caption, values in (
            ("Learned features", f"{features.shape[1]:,} from {layer}.", features),
            (f"Raw {word}", f"The same examples, {raw.shape[1]:,} {word}.", raw),
        )
    )
    labels: Any = np.unique([] if examples.labels is None else examples.labels)
    present: list[int] = labels[:NAMED_CLASSES].tolist()
    legend = tuple((class_name(i, names), f"c{i % len(theme.CLASSES)}") for i in present)
    return Section("map", "Feature map", lead, panels, legend=legend)


def filters_section(material: ReportData) -> Section | None:
    """The first kernels of the network that is used, if it has images inside."""
    method = material.run.method
    network = method.get_submodule(default_network(method))
    if not material.are_images or not is_convolutional(network):
        return None
    found = read_filters(material.run)
    kernels = [kernel_images(part[:MOST_KERNELS]) for part in (found.learned, found.initial)]
    pairs = list(np.stack(kernels, axis=1))
    few = "All" if len(pairs) == len(found.learned) else f"The first {len(pairs)} of"
    lead = (
        f"{few} {len(found.learned)} kernels by which the {found.network} sees images, each above "
        "itself before training, both scaled by their own largest weight. "
        "Grey is zero. Healthy: edges, bars and patches of colour, and no two alike."
    )
    panel = gallery(pairs, "pairs", "Kernels above themselves before training")
    return Section("filters", "First filters", lead, (panel,))


def transfer_section(material: ReportData) -> Section | None:
    """Accuracy over frozen layers, where it was measured."""
    records = [result for result in material.results if is_transfer(result)]
    if not records:
        return None
    panels: list[ChartPanel] = []
    for record in records:
        constants, about = record[0].protocol.constants, record[0].provenance
        on_other = f", on {about.data.name}" if about.is_of_other_data else ""
        title = f"The {constants['network']}'s first layers{on_other}"
        caption = (
            f"{constants['labels']:,} labels. Healthy: above untrained layers, and level for as"
            " long as it can be."
        )
        if transfer_layer_names(record):
            panels.append(chart(title, caption, transfer_chart(record)))
    lead = (
        "The first layers stay as they are, all above them are initialised again and trained with "
        "labels: what is lost shows how far the layers serve a task that they never saw."
    )
    return Section("transfer", "Frozen layers", lead, tuple(panels), transfer_table(records[0]))


def _errors_of(x: _Floats, again: _Floats, unit: float) -> tuple[float, float]:
    """Mean L2 distance of reconstructions from their own example, and from the next one."""
    flat, other = unit * x.reshape(len(x), -1), unit * again.reshape(len(x), -1)
    own = np.linalg.norm(flat - other, axis=1).mean()
    return float(own), float(np.linalg.norm(np.roll(flat, -1, axis=0) - other, axis=1).mean())


def _num_images(material: ReportData) -> int:
    """As many as fill a few rows of a page."""
    side = max(material.run.method.sample_spec.shape[1:])
    return 96 if side < 64 else 84 if side == 64 else 28
