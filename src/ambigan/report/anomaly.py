"""The page of an anomaly ranking: what is most unusual, where, and by how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..anomaly.ranking import AnomalyRanking
from ..core.files import write_text
from ..core.version import __version__
from ..data.splits import stored_images, take
from ..data.values import to_float
from ..hub import name_of
from ..run import Run
from .figures import theme
from .figures.charts import legend_above
from .figures.grids import to_pixels
from .figures.maps import class_name
from .page import render_template
from .panels import ChartPanel, Section, chart, gallery
from .result_tables import ResultTable, TableCell, TableRow
from .summary import SummaryItem

SHOWN = 24
"""Examples on the page from the top of the ranking, and pictures from its end."""

_HEAT = "inferno"


def write_anomaly_page(run: Run, ranking: AnomalyRanking, path: Path) -> Path:
    """Writes the page, atomically.

    Args:
        run: The model.
        ranking: The examples.
        path: The page's path.
    """
    measures = ranking.measures()
    context = {
        "title": f"Anomalies in {ranking.examples.origin}",
        "name": name_of(run.path),
        "method": type(run.method).__name__,
        "version": __version__,
        "facts": _facts(ranking, measures),
        "table": _table(ranking),
        "sections": _pictures(run, ranking),
        "distribution": _distribution(ranking),
        "measures": measures,
        "measured": None if measures is None else _measured(measures),
        "confusion": None if measures is None else _confusion(measures),
    }
    write_text(path, render_template("anomaly.html.jinja", context))
    return path


def _facts(ranking: AnomalyRanking, measures: dict[str, Any] | None) -> list[SummaryItem]:
    num = len(ranking.examples.split)
    facts = [
        SummaryItem("examples", f"{num:,}"),
        SummaryItem("flagged", f"{int(ranking.flagged.sum()):,}", f"of {num:,}"),
        SummaryItem(
            "threshold",
            f"{ranking.threshold:.3f}",
            f"{ranking.quantile:.1%} of {len(ranking.normal):,} normal examples score below",
        ),
    ]
    if measures is not None:
        facts += [
            SummaryItem("AUROC", f"{measures['auroc']:.3f}", "by the labels"),
            SummaryItem("average precision", f"{measures['average_precision']:.3f}"),
        ]
    return facts


def _table(ranking: AnomalyRanking) -> ResultTable:
    """The top of the ranking, with the score's parts and the columns that are unusual."""
    columns = ["rank", "example"]
    labels = ranking.examples.split.labels
    if labels is not None:
        columns.append("label")
    if ranking.found.columns is not None:
        columns.append("unusual columns")
    num_texts = len(columns)
    columns += ["score", *ranking.found.parts]
    rows: list[TableRow] = []
    for rank, place in enumerate(ranking.order[:SHOWN].tolist(), start=1):
        texts = [str(rank), ranking.examples.name(place)]
        if labels is not None:
            texts.append(class_name(int(labels[place]), ranking.examples.label_names))
        if ranking.found.columns is not None:
            shares = ranking.main_columns(place)
            texts.append(", ".join(f"{name} {share:.0%}" for name, share in shares))
        values = [ranking.found.scores[place], *(p[place] for p in ranking.found.parts.values())]
        cells = [*map(TableCell, texts), *(TableCell(f"{value:.3f}") for value in values)]
        rows.append(TableRow(tuple(cells), is_baseline=not ranking.flagged[place]))
    return ResultTable(tuple(columns), num_texts, tuple(rows))


def _pictures(run: Run, ranking: AnomalyRanking) -> list[Section]:
    """The most and the least anomalous images, each above its heat map."""
    if run.spec.kind != "images":
        return []
    order = ranking.order
    sections = [
        Section(
            "most",
            "Most anomalous",
            "From the top of the ranking, above the map of what is unusual; all maps have one"
            " scale.",
            (gallery(_with_maps(run, ranking, order[:SHOWN]), "pairs", "Images above heat maps"),),
        )
    ]
    if len(order) > SHOWN:
        last = order[::-1][:SHOWN].copy()  # torch takes no negative strides
        sections.append(
            Section(
                "least",
                "Most normal",
                "From the end of the ranking, in the same scale.",
                (gallery(_with_maps(run, ranking, last), "pairs", "Images above heat maps"),),
            )
        )
    return sections


def _with_maps(
    run: Run, ranking: AnomalyRanking, places: NDArray[np.int64]
) -> list[NDArray[np.float32]]:
    """Images, each stacked on its heat map in colours, `(2, 3, H, W)` in [-1, 1].

    They are as large as the maps, which show more than networks of crops or a generator of smaller
    images take.
    """
    chosen = take(ranking.examples.split, torch.as_tensor(places))
    pixels = to_pixels(run.shown_bands(to_float(stored_images(chosen)).numpy()))
    maps = ranking.found.maps
    assert maps is not None
    low, high = np.quantile(maps, [0.5, 0.999])
    level = np.clip((maps[places] - low) / max(high - low, 1e-12), 0, 1)
    colormap: Any = mpl.colormaps[_HEAT]
    heat: NDArray[np.float64] = colormap(level)[..., :3]
    groups: list[NDArray[np.float32]] = []
    for image, coloured in zip(pixels, heat, strict=True):
        pair = np.stack([image / 127.5 - 1, coloured * 2 - 1]).transpose(0, 3, 1, 2)
        groups.append(pair.astype(np.float32))
    return groups


def _distribution(ranking: AnomalyRanking) -> ChartPanel:
    """Scores of normal examples and of those that were scored, with the threshold."""
    scores, truth = ranking.found.scores, ranking.is_anomaly
    groups = {"normal": ranking.normal}
    if truth is None:
        groups["scored"] = scores
    else:
        groups |= {"scored, normal": scores[~truth], "anomalies": scores[truth]}
    figure = _histograms(groups, ranking.threshold)
    return chart(
        "Distribution of scores",
        "Normal examples of the run, and those that were scored. The dashed line is the threshold.",
        figure,
    )


def _histograms(groups: dict[str, NDArray[np.float64]], threshold: float) -> Figure:
    """Outlines of histograms with common bins, each as shares of its own examples."""
    figure, axes = theme.new_figure(theme.FIGURE_WIDTH, 230)
    drawn: Any = axes  # matplotlib's types are partial
    shown = {name: values for name, values in groups.items() if len(values)}
    edges = np.histogram_bin_edges(np.concatenate(list(shown.values())), bins=40)
    for (name, values), colour in zip(shown.items(), theme.LINES, strict=False):
        share = np.histogram(values, edges)[0] / len(values)
        drawn.stairs(share * 100, edges, color=colour, linewidth=1.6, label=name)
    drawn.axvline(threshold, **theme.REFERENCE)
    theme.rule_across(axes)
    theme.label_axes(axes, "score", "%")
    legend_above(axes)
    return figure


def _measured(measures: dict[str, Any]) -> ResultTable:
    """AUROC of the score and of each part alone."""
    values = {"score": measures["auroc"], **measures["auroc_of_parts"]}
    best = max(values.values())
    rows = [
        TableRow((TableCell(name), TableCell(f"{value:.3f}", value == best)), name != "score")
        for name, value in values.items()
    ]
    return ResultTable(("", "AUROC"), 1, tuple(rows))


def _confusion(measures: dict[str, Any]) -> ResultTable:
    """How flags and labels agree."""
    counts = measures["confusion"]
    rows = [
        ("anomalies", counts["anomalies_flagged"], counts["anomalies_missed"]),
        ("normal examples", counts["normal_flagged"], counts["normal_passed"]),
    ]
    cells = [tuple(TableCell(f"{v:,}" if isinstance(v, int) else v) for v in row) for row in rows]
    table = tuple(TableRow(each, is_baseline=False) for each in cells)
    return ResultTable(("", "flagged", "passed"), 1, table)
