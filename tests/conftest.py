"""What all tests share."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib as mpl
import pytest
import torch
from matplotlib.figure import Figure

import shape_checks  # noqa: F401 - before all that imports the package
from games import VARIANTS, representatives, toy_config

mpl.use("Agg")

if (workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))) > 1:  # by `pytest -n`
    share = max(1, (os.cpu_count() or 1) // workers)
    torch.set_num_threads(share)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))  # of processes that tests start


few = representatives()


@pytest.fixture(
    params=[
        name if name in few else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(VARIANTS)
    ]
)
def variant(request: pytest.FixtureRequest) -> str:
    """The name of one game; a new method is covered by being registered.

    Those that take no choice of their own are among the slow tests.
    """
    return request.param


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data sets; skips the test where there is none."""
    root = os.environ.get("AMBIGAN_DATA")
    if not root:
        pytest.skip("AMBIGAN_DATA is not set: no real data sets on this machine")
    return Path(root)


@pytest.fixture
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are compared by a few of them: their 10,000 take seconds for each row."""
    from ambigan.evaluation.protocols import PROTOCOLS

    name = "generation_features"
    fewer = {"num_generated": 500, "subsets": 5, "subset_size": 100}
    pinned = PROTOCOLS[name]
    constants = {**pinned.constants, **fewer}
    monkeypatch.setitem(PROTOCOLS._entries, name, replace(pinned, constants=constants))


@pytest.fixture
def quick_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages with empty charts and with maps that are not computed, which take seconds for each.

    It is for tests of what else is on a page; `tests/report` and the demo's test draw everything.
    """
    from sklearn.manifold import TSNE

    draw = Figure.savefig

    def leave_empty(figure: Figure, file: BinaryIO, **options: Any) -> None:
        if options.get("format") == "svg":
            file.write(b'<svg viewBox="0 0 1 1"></svg>')
        else:
            draw(figure, file, **options)

    monkeypatch.setattr(Figure, "savefig", leave_empty)
    monkeypatch.setattr(TSNE, "fit_transform", lambda model, _values: model.init)


class _Listener(logging.Handler):
    """Hands each line of the log to a function, whose exceptions stop the work."""

    def __init__(self, heard: Callable[[str], object]) -> None:
        super().__init__()
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard(record.getMessage())


@pytest.fixture
def listen(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], object]], None]:
    """Has a function called with each line of the library's log, instead of one before it.

    Lines on what was read of the data are left out.
    """
    logger = logging.getLogger("ambigan")
    monkeypatch.setattr(logger, "level", logging.INFO)

    def replace_listener(heard: Callable[[str], object]) -> None:
        logging.Logger.manager._clear_cache()  # pyright: ignore
        listener = _Listener(heard)
        listener.addFilter(lambda record: not record.name.startswith("ambigan.data"))
        monkeypatch.setattr(logger, "handlers", [listener])

    return replace_listener


@pytest.fixture(autouse=True)
def _unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test hears what is said of its data, whichever the last one opened."""
    from ambigan.data import inventory

    monkeypatch.setattr(inventory, "_last_said", [])


@pytest.fixture
def own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test registers, and the plugins that it loads, are gone after it."""
    from ambigan.core import plugins
    from ambigan.data.opening.registry import SOURCES
    from ambigan.evaluation.protocols import PROTOCOLS
    from ambigan.methods import METHODS

    for registry in (METHODS, SOURCES, PROTOCOLS):
        for name in ("_entries", "_definitions", "_origins"):
            if hasattr(registry, name):
                monkeypatch.setattr(registry, name, dict(getattr(registry, name)))
    monkeypatch.setattr(plugins, "_loaded", dict(plugins._loaded))
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BiGAN trained on digits; tests read it and write only below `results`."""
    from ambigan.training import train

    out = tmp_path_factory.mktemp("finished") / "run"
    train(toy_config("bigan-small", train__epochs="30"), out)
    return out


@pytest.fixture(scope="session")
def conv_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small convolutional BiGAN trained on digits; tests that write results copy it first."""
    from ambigan.training import train

    out = tmp_path_factory.mktemp("conv") / "run"
    train(toy_config("bigan-images", train__epochs="1"), out)
    return out


@pytest.fixture(autouse=True)
def _log_level() -> Iterator[None]:
    """Undoes `--quiet`, which sets the level of the process, after each test."""
    logger = logging.getLogger("ambigan")
    level = logger.level
    yield
    logger.setLevel(level)
