"""Sections on what is inside a run's networks: first filters, and layers that hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..analysis.filters import default_network, read_filters
from ..core.feature_layers import is_convolutional
from ..evaluation.result import Result
from .figures.filters import as_images
from .figures.transfer import transfer_chart, transfer_layer_names, transfer_table
from .panels import ChartPanel, Section, chart, gallery
from .report_data import ReportData
from .result_tables import is_transfer

PAIRS = 48


def filters_section(material: ReportData) -> Section | None:
    """The first kernels of the network that is used, if it has images inside."""
    method = material.run.method
    if not material.are_images or not is_convolutional(
        method.get_submodule(default_network(method))
    ):
        return None
    found = read_filters(material.run)
    learned, initial = as_images(found.learned[:PAIRS]), as_images(found.initial[:PAIRS])
    pairs = [np.stack([after, before]) for after, before in zip(learned, initial, strict=True)]
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
    panels = tuple(_panel(record) for record in records if transfer_layer_names(record))
    lead = (
        "The first layers stay as they are, all above them is drawn anew and trained with labels: "
        "what is lost tells how far the layers serve a task that they never saw."
    )
    return Section("transfer", "Frozen layers", lead, panels, transfer_table(records[0]))


def _panel(record: Sequence[Result]) -> ChartPanel:
    constants, about = record[0].protocol.constants, record[0].provenance
    on_other = f", on {about.data.name}" if about.is_of_other_data else ""
    return chart(
        f"The {constants['network']}'s first layers{on_other}",
        f"{constants['labels']:,} labels. Healthy: above random layers, and level for as long as it"
        " can be.",
        transfer_chart(record),
    )
