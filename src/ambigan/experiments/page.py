"""The page of an experiment: one HTML file with tables, charts, and pictures of what runs draw."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.version import __version__
from ..report.figures.charts import Curve, Score, line_chart, score_chart
from ..report.panels import ChartPanel, Section, chart
from ..report.summary import SummaryItem, duration
from ..report.templates import render_template
from .summary import PUBLISHED, TITLES, Summary

WIDE, HIGH = 1016, 420  # CSS pixels of a chart


def render(summary: Summary, pictures: Sequence[Section]) -> str:
    """The page as HTML.

    Args:
        summary: The experiment as far as it is made.
        pictures: Samples and reconstructions of runs, a section each.
    """
    data = summary.results[0].provenance.data
    context = {
        "summary": summary,
        "experiment": summary.experiment,
        "version": __version__,
        "facts": _facts(summary),
        "num_left": summary.num_runs - len(summary.runs),
        "charts": [panel for panel in (_scores(summary), _curves(summary)) if panel],
        "pictures": pictures,
        "data": [
            ("Data", data.name),
            ("Examples", f"{data.num_train:,} to learn from, {data.num_test:,} held out"),
            ("SHA-256", data.sha256),
        ],
    }
    return render_template("experiment.html.jinja", context, "experiments")


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
