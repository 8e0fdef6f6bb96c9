"""Runs side by side: what they differ in, results, curves, pictures and costs on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.files import as_typed, check_writable
from .comparison import Comparison, make_comparison
from .grid import train_grid
from .page import write_page

__all__ = ["Comparison", "compare", "make_comparison", "train_grid", "write_page"]


def compare(
    runs: str | Path | Sequence[str | Path],
    *,
    page: str | Path | None = None,
    device: str = "auto",
    command: str | None = None,
) -> Comparison:
    """Compares runs, or all runs of an experiment, and writes one page.

    Args:
        runs: Folders of runs, or folders that hold runs, such as an experiment's.
        page: The HTML file to write; None writes none.
        device: The device on which samples and reconstructions are made, as in `train.device`.
        command: The command that the page gives; that of the same call if None.

    Raises:
        CheckpointError: A folder is not there or holds no run, or a run cannot be read.
        ConfigError: There are too many runs.
        StorageError: The page cannot be written.
    """
    paths = [runs] if isinstance(runs, str | Path) else list(runs)
    comparison = make_comparison(paths, device)
    if page is not None:
        check_writable(Path(page).parent)
        words = [as_typed(path) for path in paths]
        command = command or f"ambigan compare {' '.join(words)} --out {as_typed(page)}"
        write_page(comparison, Path(page), command)
    return comparison
