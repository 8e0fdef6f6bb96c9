"""What is told of the decoding of many images."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PIL import Image

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import DataError
from ambigan.data import DataSettings, open_dataset, open_examples
from ambigan.data.images import parallel_decoding as decoding


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(20):
        Image.new("L", (4, 4), number).save(tmp_path / f"{number:02}.png")
    return tmp_path


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Where progress is kept, of blocks of six files."""
    monkeypatch.setattr(decoding, "_BLOCK", 6)
    return []


@pytest.mark.parametrize("whole", [False, True])
def test_progress_is_told_from_the_first_to_the_last(
    folder: Path,
    told: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    whole: bool,
) -> None:
    monkeypatch.setattr(decoding, "_TICK_SECONDS", 0)
    threads = set[threading.Thread]()

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        threads.add(threading.current_thread())

    settings = DataSettings(f"folder:{folder}")
    if whole:
        open_examples(settings, DataSpec("images", (1, 4, 4), bounded=True), None, progress)
    else:
        open_dataset(settings, progress)
    assert told == [(0, 20), (6, 20), (12, 20), (18, 20), (20, 20)]
    assert threads == {threading.current_thread()}


def test_progress_is_told_once_a_tick(
    folder: Path, told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_TICK_SECONDS", 1000)
    open_dataset(DataSettings(f"folder:{folder}"), lambda *counts: told.append(counts))
    assert told == [(0, 20), (20, 20)]


def test_an_error_of_the_listener_is_passed_on(folder: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_dataset(DataSettings(f"folder:{folder}"), stop)


def test_a_refused_folder_tells_nothing(tmp_path: Path, told: list[tuple[int, int]]) -> None:
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataError, match="cannot be read"):
        open_dataset(DataSettings(f"folder:{tmp_path}"), lambda *counts: told.append(counts))
    assert not told
