"""A study's page: one HTML file, with its table, its curves and samples."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.version import __version__
from ...report.figures.charts import Curve, line_chart
from ...report.panels import ChartPanel, Section, chart
from ...report.result_tables import Table, TableCell, TableRow
from ...report.summary import SummaryItem, duration
from ...report.templates import render_template
from ..values import machines
from .comparison import COST_COLUMNS, DIGITS, TITLES, Comparison

TEMPLATE = "study.html.jinja"
WIDE, HIGH = 1016, 420  # CSS pixels of the chart


def render(comparison: Comparison, pictures: Sequence[Section]) -> str:
    """The page as HTML.

    Args:
        comparison: so far.
        pictures: samples of arms that draw.
    """
    data = comparison.data
    context = {
        "study": comparison.study,
        "title": comparison.title,
        "version": __version__,
        "facts": _facts(comparison),
        "num_left": comparison.num_runs - len(comparison.findings),
        "num_runs": comparison.num_runs,
        "table": _table(comparison),
        "chart": _chart(comparison),
        "drawn": _plain(comparison.drawn_columns, *comparison.drawn_rows()),
        "costs": _plain(COST_COLUMNS, comparison.cost_rows()),
        "comparison": comparison,
        "pictures": pictures,
        "command": comparison.command,
        "data": [
            ("Data", data["name"]),
            ("Examples", f"{data['num_train']:,} to learn from, {data['num_test']:,} held out"),
            ("SHA-256", data["sha256"]),
        ],
    }
    return render_template(TEMPLATE, context, "reproduce/study")


def _facts(comparison: Comparison) -> list[SummaryItem]:
    spent = sum(finding.cost["training_seconds"] for finding in comparison.findings)
    shown = [finding.images for finding in comparison.findings]
    least, most = (min(shown), max(shown)) if shown else (0, 0)
    images = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return [
        SummaryItem("runs", f"{len(comparison.findings)}", f"of {comparison.num_runs}"),
        SummaryItem("images shown to each", images, ""),
        SummaryItem("training", duration(spent) if spent else "–", "of all runs"),
        *[
            SummaryItem("hardware", name.partition(", ")[0], "")
            for name in machines(comparison.records)
        ],
        SummaryItem("ambigan", __version__, ""),
    ]


def _table(comparison: Comparison) -> Table:
    protocols = comparison.study.protocols
    best = {protocol: comparison.best(protocol) for protocol in protocols}
    rows: list[TableRow] = []
    for line in comparison.lines:
        texts = comparison.texts(line)
        bold = [
            protocol in line.values and round(line.values[protocol].mean, DIGITS) == best[protocol]
            for protocol in protocols
        ]
        cells = [TableCell(text) for text in texts[:2]]
        cells += [TableCell(text, is_best) for text, is_best in zip(texts[2:], bold, strict=True)]
        rows.append(TableRow(tuple(cells), line.is_baseline))
    return Table(tuple(comparison.columns), 1, tuple(rows))


def _plain(
    columns: Sequence[str], texts: Sequence[Sequence[str]], muted: Sequence[Sequence[str]] = ()
) -> Table:
    rows = [TableRow(tuple(TableCell(text) for text in row), False) for row in texts]
    rows += [TableRow(tuple(TableCell(text) for text in row), True) for row in muted]
    return Table(tuple(columns), 1, tuple(rows))


def _chart(comparison: Comparison) -> ChartPanel | None:
    """Accuracy of each run's first layer while it learns."""
    curves: dict[str, Curve] = {}
    for finding in comparison.findings:
        name = finding.arm if finding.seed == 0 else f"{finding.arm}, {finding.seed}"
        curves[name] = ([x for x, _ in finding.points], [y for _, y in finding.points])
    if not curves:
        return None
    protocol = TITLES.get(comparison.study.curve, comparison.study.curve)
    figure = line_chart(curves, across="images shown", width=WIDE, height=HIGH)
    return chart(
        f"While it learns: {protocol}, %", "The first layer of each arm, averaged weights.", figure
    )
