"""What the tests of pages share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_runs import make_reconstruction, make_result, make_run, write_logs

from ambigan.data import Dataset, Split, open_dataset
from ambigan.data.settings import DataSettings
from ambigan.report import sections, write_report
from ambigan.run import Run


@dataclasses.dataclass(frozen=True)
class Page:
    """A written page and what it was written from."""

    text: str
    path: Path
    run: Run


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """Sixty held-out digits, so that maps are quick."""
    whole = open_dataset(DataSettings(source="digits"))
    train, test = whole.train, whole.test
    return dataclasses.replace(
        whole,
        train=Split(train.values[:120], train.labels[:120]),  # pyright: ignore
        test=Split(test.values[:60], test.labels[:60]),  # pyright: ignore
    )


@pytest.fixture(scope="session")
def full_page(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A page with every section, its maps as large as the data allow."""
    run, folder = make_run(tmp_path_factory.mktemp("full") / "run", digits)
    path = write_report(run, folder, digits, [make_result(digits), make_reconstruction(digits)])
    return Page(path.read_text(encoding="utf-8"), path, run)


@pytest.fixture
def small_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few points that t-SNE, which takes half a second, is not asked."""
    monkeypatch.setattr(sections, "MAP_POINTS", 9)


@pytest.fixture
def write_page(tmp_path: Path, small_maps: None) -> Callable[..., Page]:
    """Writes a page of an untrained run, and reads it again."""

    def write(
        dataset: Dataset,
        results: Sequence[dict[str, Any]] = (),
        alarms: dict[int, list[str]] | None = None,
        **options: Any,
    ) -> Page:
        run, folder = make_run(tmp_path / "run", dataset, **options)
        write_logs(folder.path, run.images_seen, alarms)
        path = write_report(run, folder, dataset, results)
        return Page(path.read_text(encoding="utf-8"), path, run)

    return write
