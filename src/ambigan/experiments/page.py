"""The page of an experiment: one HTML file with tables, charts, and pictures of what runs draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.version import __version__
from ..report.figures.charts import Curve, Score, line_chart, score_chart
from ..report.panels import ChartPanel, Section, chart
from ..report.result_tables import Table, TableCell, TableRow
from ..report.summary import SummaryItem, duration
from ..report.templates import render_template
from .summary import COST_COLUMNS, DRAWN, TITLES, Summary

WIDE, HIGH = 1016, 420  # CSS pixels of a chart


def render(summary: Summary, pictures: Sequence[Section]) -> str:
    """The page as HTML.

    Args:
        summary: The experiment as far as it is made.
        pictures: Samples and reconstructions of runs, a section each.
    """
    data = summary.results[0].provenance.data
    drawn = [(summary.drawn_texts(line), line.is_baseline) for line in summary.drawn]
    titles = [DRAWN[key][0] for key in summary.drawn_columns]
    context = {
        "summary": summary,
        "experiment": summary.experiment,
        "version": __version__,
        "facts": _facts(summary),
        "num_left": summary.num_runs - len(summary.runs),
        "table": _table(summary),
        "charts": [panel for panel in (_published(summary), _curves(summary)) if panel],
        "drawn": _plain(["drawn by", *titles], drawn),
        "costs": _plain(COST_COLUMNS, ((texts, False) for texts in summary.cost_texts())),
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
        SummaryItem("images shown to each", images, ""),
        SummaryItem("training", duration(spent) if spent else "–", "of all runs"),
        *[SummaryItem("hardware", where, torch) for where, _, torch in machines],
        SummaryItem("ambigan", __version__, ""),
    ]


def _table(summary: Summary) -> Table:
    """The summary's table with the best of each protocol in bold."""
    best = {protocol: summary.best(protocol) for protocol in summary.experiment.protocols}
    rows: list[TableRow] = []
    for line in summary.lines:
        bold = [False, False]
        for protocol in best:
            value = line.values.get(protocol)
            bold.append(value is not None and round(value.mean, summary.digits) == best[protocol])
        texts = summary.texts(line)
        bold += [False] * (len(texts) - len(bold))
        cells = [TableCell(text, is_best) for text, is_best in zip(texts, bold, strict=True)]
        rows.append(TableRow(tuple(cells), line.is_baseline))
    return Table(tuple(summary.columns), 1, tuple(rows))


def _plain(columns: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]]) -> Table:
    lines = [TableRow(tuple(map(TableCell, texts)), is_muted) for texts, is_muted in rows]
    return Table(tuple(columns), 1, tuple(lines))


def _published(summary: Summary) -> ChartPanel | None:
    """Each run next to the paper's value, with what needs no training."""
    if not summary.runs or not summary.experiment.published:
        return None
    protocol, scores = summary.experiment.protocols[0], list[Score]()
    papers: set[str] = set()
    for line in summary.lines:
        name, value = line.name.partition(":")[0], line.values[protocol]
        if line.published is not None and name not in papers:
            papers.add(name)
            scores.append(Score(f"{name}, {summary.published_title}", line.published, True))
        ends = (value.low, value.high) if value.num > 1 else None
        scores.append(Score(line.name, value.mean, line.is_baseline, ends))
    caption = "Hollow: the paper's, and what needs no training. Bars: from the lowest seed to the"
    return chart("Ours and the paper's", f"{caption} highest.", score_chart(scores, width=WIDE))


def _curves(summary: Summary) -> ChartPanel | None:
    """Accuracy of each run's first layer while it learns."""
    curves: dict[str, Curve] = {}
    for run in summary.runs:
        label = summary.label(run)
        name = label if run.seed == 0 else f"{label}, {run.seed}"
        if run.curve:
            curves[name] = ([x for x, _ in run.curve], [y for _, y in run.curve])
    if not curves:
        return None
    protocol = str(summary.experiment.curve)
    figure = line_chart(curves, across="images shown", width=WIDE, height=HIGH)
    title = f"While it learns: {TITLES.get(protocol, protocol)}, %"
    return chart(title, "The first layer of each run.", figure)
