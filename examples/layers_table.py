"""The results of `evaluate RUN --layer each` as a Markdown table: layers down, protocols across.

    ambigan evaluate RUN --weights ema --layer each --protocol svm_l2,linear_lbfgs,knn_sweep,kmeans
    python examples/layers_table.py RUN [RUN ...] > table.md

Each cell is the accuracy on the test split of the trained network's layer and, behind it, of the
same layer before training; of k-means the normalised mutual information stands in brackets.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PROTOCOLS = {
    "svm_l2": "L2-SVM",
    "linear_lbfgs": "linear probe",
    "knn_sweep": "kNN",
    "kmeans": "k-means (NMI)",
}
Rows = dict[str, dict[str, dict[str, Any]]]


def read(folder: Path) -> Rows:
    """Rows of all results of a run: by name of features, then by protocol."""
    found: Rows = {}
    for path in sorted((folder / "results").glob("*.json")):
        record = json.loads(path.read_text())
        for row in record.get("rows", ()):
            if record["protocol"] in PROTOCOLS:
                found.setdefault(row["features"], {})[record["protocol"]] = row
    return found


def cell(row: dict[str, Any] | None) -> str:
    """An accuracy in percent."""
    if row is None:
        return "–"
    nmi = f" ({row['nmi']:.1f})" if "nmi" in row else ""
    return f"{row['accuracy']:.2f}{nmi}"


def line(name: str, trained: dict[str, Any], untrained: dict[str, Any]) -> str:
    """One row of the table."""
    dim = next(iter(trained.values()))["dim"]
    cells = [cell(trained.get(protocol)) for protocol in PROTOCOLS]
    if untrained:
        beside = [cell(untrained.get(protocol)) for protocol in PROTOCOLS]
        cells = [f"**{a}** / {b}" for a, b in zip(cells, beside, strict=True)]
    return f"| {name} | {dim:,} | {' | '.join(cells)} |"


def table(folder: Path) -> str:
    """The table of one run."""
    rows = read(folder)
    lines = [f"| | dim | {' | '.join(PROTOCOLS.values())} |", "| --- " * (2 + len(PROTOCOLS)) + "|"]
    for name, trained in rows.items():
        if not name.startswith("random "):
            lines.append(line(name, trained, rows.get(f"random {name}", {})))
    return "\n".join(lines)


def main() -> None:
    """Prints a table for each run that is named."""
    for folder in map(Path, sys.argv[1:]):
        config = json.loads((folder / "config.json").read_text())
        title = f"{config['method']}, preset {config['preset']}, {config['data']['source']}"
        print(f"### {title}\n\n{table(folder)}\n")


if __name__ == "__main__":
    main()
