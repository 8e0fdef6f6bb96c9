"""A run's page: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from .. import __version__
from ..core.files import write_text
from ..data import Dataset
from ..engine.run_folder import RunFolder
from ..evaluation.result import Result
from ..evaluation.result_file import read_folder
from ..hub import name_of
from ..run import Run
from . import result_tables, sections, summary
from .data_section import data_rows
from .figures.checkpoint_curves import checkpoint_curves
from .figures.curves import curves
from .report_data import gather_report_data


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
    material = gather_report_data(run, folder, dataset, results)
    settings = summary.settings_of(material)
    parts = (
        sections.samples(material),
        sections.reconstructions(material),
        sections.interpolations(material),
        sections.feature_map(material),
        sections.filters_section(material),
        sections.transfer_section(material),
        curves(material),
        checkpoint_curves(_own_curves(folder, dataset), f"{material.noun} seen"),
    )
    context = {
        "method": type(run.method).__name__,
        "config": run.config,
        "name": name_of(folder.path),
        "version": __version__,
        "dataset": dataset,
        "labelled": material.labelled,
        "facts": summary.summary_items(material),
        "notes": summary.find_notes(material),
        "warnings": summary.find_warnings(material),
        "headline": result_tables.headline(material),
        "measured": result_tables.measured(material),
        "sections": [section for section in parts if section is not None],
        "data_rows": data_rows(dataset),
        "settings": settings,
        "num_changed": sum(setting.preset is not None for setting in settings),
        "commands": summary.commands(material),
    }
    write_text(folder.report_file, render_template("page.html.jinja", context))
    return folder.report_file


def _own_curves(folder: RunFolder, dataset: Dataset) -> list[list[Result]]:
    """The curves of the run on these data, and not of one that was in the folder before."""
    files = read_folder(folder.results, curves=True)
    return [file for file in files if file[0].provenance.trained_on.sha256 == dataset.sha256]


def render_template(name: str, context: Mapping[str, Any], *folders: str) -> str:
    """A template as HTML that any file can hold.

    It is looked for in `folders` of the package, then in `report`.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("ambigan", folder) for folder in (*folders, "report")]),
        autoescape=True,  # labels, paths and file names are anybody's text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(name).render(context)
    return page.replace("\0", "").encode(errors="replace").decode()  # file names hold anything
