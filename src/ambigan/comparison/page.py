"""The page of a comparison: one HTML file with settings, results, curves and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.errors import AmbiganError
from ..core.files import write_text
from ..core.version import __version__
from ..data import Dataset, open_dataset
from ..report.figures.charts import line_colours
from ..report.figures.curves import compared_curves
from ..report.figures.vector_panels import reconstruction_charts, sample_charts
from ..report.page import render_template
from ..report.panels import ChartPanel, GalleryPanel, gallery
from ..report.report_data import ReportData, gather_report_data, held_out
from ..report.result_tables import measured_by
from ..report.summary import SummaryItem
from ..run import Run
from ..trainable import check_same_data
from .comparison import Comparison
from .runs import RunGroup

MOST_PICTURES = 48
MOST_NAMES = 4
NUM_VECTORS = 1000
_PAGE_WIDTH, _GAP = 1016, 8  # CSS pixels

Panel = ChartPanel | GalleryPanel


@dataclass(frozen=True)
class Part:
    """What one group shows in a section: its name, a line on it, and pictures."""

    title: str
    caption: str
    panels: Sequence[Panel]


def write_page(comparison: Comparison, path: Path, command: str) -> None:
    """Writes the page, atomically.

    Args:
        comparison: What is shown.
        path: The file.
        command: The command line that makes the comparison again.

    Raises:
        StorageError: It cannot be written.
    """
    groups = comparison.groups
    datasets, notes = _datasets(comparison)
    logs = {group.name: [run.stats for run in group.runs] for group in groups}
    context: dict[str, Any] = {
        "title": _title([group.name for group in groups]),
        "version": __version__,
        "facts": _facts(groups),
        "notes": [*comparison.notes, *notes],
        "groups": groups,
        "settings": comparison.settings,
        "summary": comparison.summary,
        "measured": [measured_by(list(results)) for results in comparison.results],
        "curves": compared_curves(logs, "examples seen"),
        "legend": [
            (g.name, f"c{c}") for g, c in zip(groups, line_colours(len(groups)), strict=True)
        ],
        "samples": _samples(comparison, datasets),
        "reconstructions": _reconstructions(comparison, datasets),
        "costs": comparison.costs,
        "command": command,
    }
    write_text(path, render_template("comparison.html.jinja", context, "comparison"))


def _title(names: Sequence[str]) -> str:
    """The names of a few in a sentence; of many the first and their number."""
    if len(names) > MOST_NAMES:
        return f"{names[0]} and {len(names) - 1} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _facts(groups: Sequence[RunGroup]) -> list[SummaryItem]:
    num = sum(len(group.runs) for group in groups)
    data = dict.fromkeys(str(group.first.data.get("name", "unknown")) for group in groups)
    methods = dict.fromkeys(group.config.method for group in groups)
    seeds = sorted({len(group.runs) for group in groups})
    return [
        SummaryItem("compared", f"{len(groups)}", f"{num} runs"),
        SummaryItem("seeds of each", " to ".join(dict.fromkeys(map(str, (seeds[0], seeds[-1]))))),
        SummaryItem("methods", ", ".join(methods)),
        SummaryItem("data", ", ".join(data)),
        SummaryItem("ambigan", __version__),
    ]


def _datasets(comparison: Comparison) -> tuple[dict[str, Dataset], list[str]]:
    """The data of each hash, opened once, and why others could not be."""
    datasets: dict[str, Dataset] = {}
    notes: list[str] = []
    tried: set[str] = set()
    for group in comparison.groups:
        key = group.first.data_hash
        if group.name not in comparison.models or key in tried:
            continue
        tried.add(key)
        try:
            dataset = open_dataset(group.config.data)
            check_same_data(group.first.folder, dataset)
            datasets[key] = dataset
        except AmbiganError as error:
            notes.append(
                f"The data of {group.name} are not here, so nothing is reconstructed: {error}"
            )
    return datasets, notes


def _samples(comparison: Comparison, datasets: dict[str, Dataset]) -> list[Part]:
    """What each group generates from the latents of one seed."""
    parts: list[Part] = []
    for group in comparison.groups:
        run, dataset = comparison.models.get(group.name), datasets.get(group.first.data_hash)
        if run is None or "sample" not in run.capabilities:
            continue
        if run.spec.kind == "images":
            made = run.pictures(run.sample(MOST_PICTURES))
            parts.append(_part(group, run, [_row(made, f"Samples of {group.name}")]))
        elif dataset is not None:
            parts.append(_part(group, run, sample_charts(_material(group, run, dataset))))
    return parts


def _reconstructions(comparison: Comparison, datasets: dict[str, Dataset]) -> list[Part]:
    """The same test examples of each set of data, and what each group makes of them."""
    parts: list[Part] = []
    for key, dataset in datasets.items():
        able = [
            (group, run)
            for group in comparison.groups
            if group.first.data_hash == key
            and (run := comparison.models.get(group.name)) is not None
            and "reconstruct" in run.capabilities
        ]
        are_images = dataset.spec.kind == "images"
        examples = held_out(dataset, MOST_PICTURES // 2 if are_images else NUM_VECTORS)
        if able and are_images:
            run = able[0][1]
            data = _row(run.pictures(run.originals(examples.x)), "Data", rows=1)
            parts.append(Part(f"Data: {dataset.name}", "Held-out examples.", [data]))
        for group, run in able:
            again = run.reconstruct(examples.x)
            if are_images:
                label = f"Reconstructions by {group.name}"
                panels: Sequence[Panel] = [_row(run.pictures(again), label, rows=1)]
            else:
                panels = reconstruction_charts(_material(group, run, dataset), examples, again)
            parts.append(_part(group, run, panels))
    return parts


def _part(group: RunGroup, run: Run, panels: Sequence[Panel]) -> Part:
    kind = "averaged" if run.weights == "ema" else "last"
    return Part(group.name, f"Seed {group.first.seed}, {kind} weights.", panels)


def _row(images: Any, label: str, rows: int = 2) -> GalleryPanel:
    """As many images as fill rows of a page, so that all groups break at the same places."""
    panel = gallery(list(images[:, None]), "single", label)
    across = max(1, (_PAGE_WIDTH + _GAP) // (panel.width + _GAP))
    return replace(panel, groups=panel.groups[: rows * across])


def _material(group: RunGroup, run: Run, dataset: Dataset) -> ReportData:
    return gather_report_data(run, group.first.folder, dataset, [])
