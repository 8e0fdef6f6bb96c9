"""Invariant 11: no file outside a run's or a packed folder is ever written through it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ambigan.cli import main
from ambigan.core.files import StorageError, append_json, hold_lock, open_in_place, write_text

TRAIN = ["train", "bigan", "--preset", "images", "--data", "digits", "--device", "cpu"]
TRAIN += ["--settings.network.width", "2", "--epochs", "2", "--train.checkpoint-every", "8"]
TRAIN += ["--data.max-train", "256", "--train.tensorboard", "true"]
USES = (
    "evaluate {} --protocol knn1_euclidean",
    "embed {}",
    "search {} --query 0 --index faiss",
    "sample {} --num 4",
    "reconstruct {} --num 4",
    "interpolate {} --pairs 2 --steps 3",
    "transfer {} --epochs 1 --labels 32",
    "filters {}",
    "arithmetic {}",
    "forget {} --box 0:1,1,3,3 --shown 4",
    "train --resume {}",
    "report {}",
)
"""Everything that writes into the folder of a run."""

SECRET = b"what lies outside"


def words_of(use: str, run: Path) -> list[str]:
    return [word.format(run) for word in use.split()]


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which each verb has written all that it writes."""
    run = tmp_path_factory.mktemp("worked") / "run"
    assert main([*TRAIN, "--out", str(run)]) == 0
    for use in USES:
        assert main(words_of(use, run)) == 0, use
    return run


def replace_by_links(folder: Path, outside: Path, *, link: Callable[[Path, Path], None]) -> None:
    """Puts a link to a file of its own outside in the place of every file of a folder."""
    outside.mkdir()
    extra = [folder / "results/unfinished.jsonl", folder / ".lock"]
    for number, path in enumerate([*sorted(p for p in folder.rglob("*") if p.is_file()), *extra]):
        target = outside / str(number)
        target.write_bytes(path.read_bytes() if path.exists() else SECRET)
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        link(path, target)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> int:
    capsys.readouterr()
    status = main(words)
    error = capsys.readouterr().err
    assert status in (0, 2), words
    assert "Traceback" not in error
    if status:
        assert [line for line in error.splitlines() if line.startswith("ambigan: ")], error
    return status


@pytest.mark.filterwarnings("ignore:checkpoint .* has no hash")  # of the one that is unfinished
@pytest.mark.usefixtures("quick_pages")
@pytest.mark.parametrize(
    "link", [Path.symlink_to, pytest.param(Path.hardlink_to, marks=pytest.mark.slow)]
)
def test_links_in_the_place_of_every_file_of_a_run(
    worked: Path,
    tmp_path: Path,
    link: Callable[[Path, Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    shutil.copytree(worked, run)
    newest = max((run / "checkpoints").glob("*.pt"))
    newest.with_name(newest.name + ".sha256").unlink()  # so that there is something to train
    replace_by_links(run, outside, link=link)
    before = contents(outside)
    for use in USES:
        in_one_line(words_of(use, run), capsys)
        assert contents(outside) == before, use


@pytest.mark.usefixtures("quick_pages")
@pytest.mark.slow
def test_folders_of_a_run_that_are_links(
    worked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    shutil.copytree(worked, run)
    newest = max((run / "checkpoints").glob("*.pt"))
    newest.with_name(newest.name + ".sha256").unlink()
    for folder in [path for path in run.iterdir() if path.is_dir()]:
        shutil.move(folder, outside / folder.name)
        folder.symlink_to(outside / folder.name)
    before = contents(outside)
    for use in USES:
        in_one_line(words_of(use, run), capsys)
        assert contents(outside) == before, use


def test_the_folder_of_a_run_may_be_a_link(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "large disk")
    assert in_one_line([*TRAIN, "--out", str(tmp_path / "run")], capsys) == 0
    assert (tmp_path / "large disk" / "model" / "config.json").is_file()


@pytest.mark.parametrize("name", [".lock", "progress.json", "images.part", "images.npy"])
@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_links_in_a_folder_that_is_being_packed(
    name: str,
    link: Callable[[Path, Path], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(12):
        Image.new("L", (4, 4), 20 * number).save(tmp_path / "in" / f"{number}.png")
    out, words = tmp_path / "out", ["prepare", f"folder:{tmp_path / 'in'}", str(tmp_path / "out")]
    stopped = "ambigan.data.packed.prepare._finish"
    with monkeypatch.context() as patch:
        patch.setattr(stopped, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(words) == 130
    (outside := tmp_path / "outside").mkdir()
    path = out / name
    (outside / "file").write_bytes(path.read_bytes() if path.exists() else SECRET)
    path.unlink(missing_ok=True)
    link(path, outside / "file")
    before = contents(outside)
    in_one_line(words, capsys)
    in_one_line(words, capsys)
    assert contents(outside) == before


@pytest.mark.parametrize("write", [open_in_place, lambda path: append_json(path, {})])
def test_what_is_written_in_place_follows_no_link(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    target, path = tmp_path / "target", tmp_path / "link"
    target.write_bytes(SECRET)
    path.symlink_to(target)
    with pytest.raises(StorageError, match=r"is a link, and nothing is written through it"):
        write(path)
    path.unlink()
    path.hardlink_to(target)
    with pytest.raises(StorageError, match="is a hard link; put a copy in its place"):
        write(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StorageError, match="it is no regular file"):
        write(path)
    assert target.read_bytes() == SECRET


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(SECRET)
    (tmp_path / ".lock").symlink_to(tmp_path / "target")
    with pytest.raises(StorageError, match="is a link"), hold_lock(tmp_path / ".lock"):
        pass
    write_text(tmp_path / ".lock", "own")  # a whole file takes the place of a link
    assert (tmp_path / "target").read_bytes() == SECRET
