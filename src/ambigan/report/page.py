"""A run's page: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.files import write_text
from ..data import Dataset
from ..engine.run_folder import RunFolder
from ..evaluation.result import Result
from ..run import Run
from . import analysis_sections as inside
from . import result_tables as scores
from . import sections
from . import summary as facts
from .figures import theme
from .figures.curves import curves
from .report_data import ReportData, gather_report_data
from .templates import render_template

PAGE = "page.html.jinja"


def write_report(
    run: Run, folder: RunFolder, dataset: Dataset, results: Sequence[Sequence[Result]]
) -> Path:
    """Writes `report.html` of a run, atomically.

    Args:
        run: the model.
        folder: where its logs are, and where the page goes.
        dataset: what it was trained on.
        results: The results of each file of the run; may be empty.

    Returns:
        The path of the page.

    Raises:
        StorageError: it cannot be written.
    """
    write_text(folder.report_file, render_report(gather_report_data(run, folder, dataset, results)))
    return folder.report_file


def render_report(material: ReportData) -> str:
    """The page as HTML."""
    return render_template(PAGE, _context(material))


def _context(material: ReportData) -> dict[str, Any]:
    config = material.run.config
    settings = facts.settings_of(material)
    return {
        "method": type(material.run.method).__name__,
        "config": config,
        "path": str(material.folder.path),
        "version": __version__,
        "dataset": material.dataset,
        "labelled": material.labelled,
        "facts": facts.summary_items(material),
        "notes": facts.find_notes(material),
        "warnings": facts.find_warnings(material),
        "headline": scores.headline(material),
        "measured": scores.measured(material),
        "sections": [s for s in _sections(material) if s is not None],
        "settings": settings,
        "num_changed": sum(setting.preset is not None for setting in settings),
        "commands": facts.commands(material),
        "classes": theme.CLASSES,
    }


def _sections(material: ReportData) -> list[sections.Section | None]:
    return [
        sections.samples(material),
        sections.reconstructions(material),
        sections.interpolations(material),
        sections.feature_map(material),
        inside.filters_section(material),
        inside.transfer_section(material),
        curves(material),
    ]
