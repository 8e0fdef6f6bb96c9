"""The page of an experiment: one HTML file with tables, charts, and pictures of what runs draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.errors import CheckpointError
from ..core.version import __version__
from ..data import Dataset, Split
from ..engine.durations import duration
from ..model_files import load
from ..report.figures.charts import Curve, Score, line_chart, score_chart
from ..report.page import render_template
from ..report.panels import ChartPanel, GalleryPanel, Section, chart, gallery
from ..report.summary import SummaryItem
from .run_records import PlannedRun
from .summary import PUBLISHED, TITLES, Summary

WIDE, HIGH = 1016, 420  # CSS pixels of a chart
NUM_PICTURES = 32


def render(summary: Summary, pictures: Sequence[Section]) -> str:
    """The page as HTML, with a section of pictures for each run that has some."""
    data = summary.results[0].provenance.data
    context = {
        "summary": summary,
        "experiment": summary.experiment,
        "version": __version__,
        "facts": _facts(summary),
        "num_left": summary.num_runs - len(summary.runs),
        "charts": [panel for panel in (_scores(summary), _curves(summary)) if panel],
        "pictures": pictures,
        "protocols": list({x.protocol.title: x.protocol for x in summary.results}.values()),
        "data": [
            ("Data", data.name),
            ("Examples", f"{data.num_train:,} to learn from, {data.num_test:,} held out"),
            ("SHA-256", data.sha256),
        ],
    }
    return render_template("experiment.html.jinja", context, "experiments")


def pictures_of(planned: PlannedRun, dataset: Dataset | None) -> Section | None:
    """Samples and reconstructions; None where data are no images, or the model was deleted."""
    try:
        run = load(planned.run.path, device="cpu")
    except CheckpointError:
        return None
    if run.spec.kind != "images":
        return None
    panels: list[GalleryPanel] = []
    leads: list[str] = []
    if "sample" in run.capabilities:
        panels.append(gallery(list(run.sample(NUM_PICTURES)[:, None]), "single", "Samples"))
        leads.append("samples, drawn and not picked")
    if "reconstruct" in run.capabilities and dataset is not None:
        split = Split(dataset.test.values[:NUM_PICTURES], None)
        pairs = zip(run.originals(split), run.reconstruct(split), strict=True)
        stacked = [np.stack(pair) for pair in pairs]
        panels.append(gallery(stacked, "pairs", "Data above reconstructions"))
        leads.append("held-out data above their reconstructions")
    if not panels:
        return None
    kind = "averaged" if run.weights == "ema" else "last"
    lead = f"{'; '.join(leads).capitalize()} ({kind} weights, seed {planned.seed})."
    key = f"{planned.spec.preset}-{planned.spec.slug}"
    return Section(key, f"{planned.spec.name}, {planned.spec.preset}", lead, tuple(panels))


def _facts(summary: Summary) -> list[SummaryItem]:
    spent = sum(run.cost.training_seconds for run in summary.runs)
    shown = sorted({run.images for run in summary.runs}) or [0]
    images = " to ".join(dict.fromkeys(f"{number:,}" for number in (shown[0], shown[-1])))
    machines = [machine.rpartition(", ") for machine in summary.machines]
    return [
        SummaryItem("runs", f"{len(summary.runs)}", f"of {summary.num_runs}"),
        SummaryItem("images shown to each", images),
        SummaryItem("training", duration(spent) if spent else "–", "of all runs"),
        *(SummaryItem("hardware", where, torch) for where, _, torch in machines),
        SummaryItem("ambigan", __version__),
    ]


def _scores(summary: Summary) -> ChartPanel | None:
    """Runs next to the paper's values, where it gives some."""
    if not summary.runs or not summary.experiment.published:
        return None
    scores: dict[str, Score] = {}
    for line in summary.lines:
        value = next(iter(line.values.values()))  # the headline of the first protocol
        if published := line.values.get(PUBLISHED):
            name = f"{line.name.partition(':')[0]}, {summary.published_title}"
            scores.setdefault(name, Score(name, published.mean, is_baseline=True))
        ends = (value.low, value.high) if value.num > 1 else None
        scores[line.name] = Score(line.name, value.mean, line.is_baseline, ends)
    figure = score_chart(list(scores.values()), width=WIDE)
    return chart("Ours and the paper's", "Bars are ranges over seeds.", figure)


def _curves(summary: Summary) -> ChartPanel | None:
    """Accuracy of each run's first layer while it learns."""
    curves: dict[str, Curve] = {}
    for run in summary.runs:
        if run.curve:
            points = [x for x, _ in run.curve], [y for _, y in run.curve]
            curves[summary.label(run, with_seed=True)] = points
    if not curves:
        return None
    protocol = str(summary.experiment.curve)
    figure = line_chart(curves, across="images shown", width=WIDE, height=HIGH)
    title = f"While it learns: {TITLES.get(protocol, protocol)}, %"
    return chart(title, "The first layer of each run.", figure)
