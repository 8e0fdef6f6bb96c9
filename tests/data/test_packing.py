"""Pictures packed once: the same as the folder they came from, and the same after any kill."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
import torch
from PIL import Image

from ambigan.core.errors import ConfigError, DataError
from ambigan.core.files import hold_lock
from ambigan.data import (
    DataSettings,
    Manifest,
    find_image_source,
    open_dataset,
    open_examples,
    prepare_images,
    verify_packed,
)
from ambigan.data.images import parallel_decoding as decoding
from ambigan.data.packed import prepare as packing

SIZE = (6, 5)
FILES = ("images.npy", "index.parquet", "manifest.json")
SIDES = ("margins.npy", "sizes.npy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures of two classes and two sizes, and three files that are none."""
    root = tmp_path_factory.mktemp("pictures")
    draw = np.random.default_rng(0)
    for number in range(40):
        side = 8 if number % 3 else 12
        pixels = draw.integers(0, 256, (side, side, 3), np.uint8)
        path = root / ("cat" if number < 20 else "dog") / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    for name in ("cat/05x.png", "cat/19x.png", "dog/30x.png"):
        (root / name).write_text("no image")
    return root


def settings_of(folder: Path, **values: Any) -> DataSettings:
    given: dict[str, Any] = {"size": SIZE, "max_corrupt": 0.2} | values
    return DataSettings(f"folder:{folder}", **given)


def packed(settings: DataSettings, out: Path, **given: Any) -> Manifest:
    return prepare_images(settings, find_image_source(settings), out, **given)[0]


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_it_is_the_folder_that_it_came_from(folder: Path, tmp_path: Path) -> None:
    settings = settings_of(folder, split_seed=3, test_fraction=0.25)
    packed(settings, tmp_path / "out")
    ours, theirs = open_dataset(DataSettings(f"packed:{tmp_path / 'out'}")), open_dataset(settings)
    assert ours.sha256 == theirs.sha256
    assert (ours.spec, ours.label_names) == (theirs.spec, theirs.label_names)
    assert ours.skipped == theirs.skipped
    assert len(ours.skipped) == 3
    for one, other in ((ours.train, theirs.train), (ours.test, theirs.test)):
        assert one.files == other.files
        assert one.labels is not None
        assert other.labels is not None
        assert np.array_equal(one.values, other.values)
        assert one.labels.tolist() == other.labels.tolist()


def test_other_tools_read_it(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = packed(settings_of(folder), out)
    assert sorted(contents(out)) == sorted(FILES)
    images = np.load(out / "images.npy", mmap_mode="r")
    assert images.shape == (40, 3, *SIZE)
    assert images.dtype == np.uint8
    table = pq.read_table(out / "index.parquet").to_pylist()
    assert len(table) == 40
    assert {row["split"] for row in table[manifest.test[0] : manifest.test[1]]} == {"test"}
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    for row in table:
        assert row["label"] == row["file"].split("/")[0]
        assert row["code"] == ("cat", "dog").index(row["label"])
        assert row["file"] == files[row["place"]]
    said = json.loads((out / "manifest.json").read_text())
    assert said["num_skipped"] == 3
    assert said["skipped"][0] == "cat/05x.png: text, not an image of a known format"
    assert said["asked"]["size"] == list(SIZE)


def test_published_splits_and_grays(tmp_path: Path) -> None:
    for number in range(9):
        path = tmp_path / "in" / ("train" if number < 6 else "test") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 6), number).save(path)
    settings = DataSettings(f"folder:{tmp_path / 'in'}")
    manifest = packed(settings, tmp_path / "out")
    assert (manifest.shape, manifest.train, manifest.test) == ((1, 6, 4), (0, 6), (6, 9))
    data = open_dataset(DataSettings(f"packed:{tmp_path / 'out'}"))
    assert data.sha256 == open_dataset(settings).sha256
    assert data.train.labels is None


def test_arrays_keep_their_order_and_can_be_resized(tmp_path: Path) -> None:
    digits = open_dataset(DataSettings("digits"))
    packed(DataSettings("digits"), tmp_path / "same")
    assert open_dataset(DataSettings(f"packed:{tmp_path / 'same'}")).sha256 == digits.sha256
    packed(DataSettings("digits", size=(16, 12)), tmp_path / "larger")
    larger = open_dataset(DataSettings(f"packed:{tmp_path / 'larger'}"))
    assert larger.spec.shape == (1, 16, 12)
    assert larger.test.labels is not None
    assert digits.test.labels is not None
    assert larger.test.labels.tolist() == digits.test.labels.tolist()
    packed(DataSettings(f"packed:{tmp_path / 'larger'}", size=(8, 8)), tmp_path / "again")
    assert open_dataset(DataSettings(f"packed:{tmp_path / 'again'}")).spec.shape == (1, 8, 8)


def test_a_finished_folder_whose_index_is_damaged_is_not_finished(tmp_path: Path) -> None:
    settings = DataSettings("digits")
    packed(settings, tmp_path / "out")
    (tmp_path / "out" / "index.parquet").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"index\.parquet is torn or altered"):
        packed(settings, tmp_path / "out")


KILLED = """
import os, signal, sys
from pathlib import Path
from ambigan.data import DataSettings, find_image_source, prepare_images
from ambigan.data.images import parallel_decoding as decoding
from ambigan.data.packed import prepare as packing
folder, out, stage = sys.argv[1:]
decoding._BLOCK, packing._COMMIT_SECONDS = 4, 0.0

def die(*_given, **_named):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(done, _total):
    if stage.isdecimal() and done >= int(stage):
        die()

if stage == "hash": packing.data_fingerprint = die
if stage == "index": packing.write_index = die
if stage == "manifest": packing.Manifest.write = die
if stage == "progress": Path.unlink = die
settings = DataSettings(f"folder:{folder}", size=(6, 5), max_corrupt=0.2)
prepare_images(settings, find_image_source(settings), Path(out), workers=2, progress=progress)
"""


SLOW_STAGES = [
    pytest.param(stage, marks=pytest.mark.slow)
    for stage in ("0", "4", "43", "hash", "manifest", "progress")
]


@pytest.mark.parametrize("stage", ["24", "index", *SLOW_STAGES])
def test_killed_and_repeated_gives_the_same_bytes(
    folder: Path, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(folder), str(out), stage]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    decoded = list[int]()
    monkeypatch.setattr(decoding, "_BLOCK", 4)
    packed(settings_of(folder), out, progress=lambda done, _total: decoded.append(done))
    if stage.isdecimal():
        # What the last commit says is done is not done again; one block may lie in between.
        assert decoded[1] >= max(0, int(stage) - 4)
    packed(settings_of(folder), tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


KILLED_SCALING = """
import os, signal, sys
from pathlib import Path
from ambigan.data import DataSettings, find_image_source, prepare_images
from ambigan.data.packed import margin_files, prepare as packing
folder, out, stage = sys.argv[1:]
packing._SCALED_AT_ONCE, margin_files._SCALED_AT_ONCE = 4, 16
calls = []

def die(*_given, **_named):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return own(*_given, **_named)

module, name = {
    "images": (packing, "to_range"),
    "sides": (margin_files, "pixels_to_range"),
    "commit": (packing.MarginFiles, "sync"),
}[stage]
own = getattr(module, name)
setattr(module, name, die)
packing._COMMIT_SECONDS = 0.0
packing.decode_blocks.__globals__["_BLOCK"] = 4
settings = DataSettings(f"folder:{folder}", size=(6, 6), max_corrupt=0.2)
prepare_images(settings, find_image_source(settings), Path(out), workers=1, keeps_sides=True)
"""


@pytest.mark.parametrize(
    "stage",
    ["sides", *(pytest.param(stage, marks=pytest.mark.slow) for stage in ("images", "commit"))],
)
def test_killed_while_deep_images_are_scaled_gives_the_same_bytes(
    tmp_path: Path, stage: str
) -> None:
    folder, out = tmp_path / "deep", tmp_path / "killed"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(24):
        pixels = draw.integers(0, 4096, (12, 12 + number), np.uint16)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    command = [sys.executable, "-c", KILLED_SCALING, str(folder), str(out), stage]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (out / "manifest.json").exists()
    settings = settings_of(folder, size=(6, 6), max_corrupt=0.2)
    packed(settings, out, keeps_sides=True)
    packed(settings, tmp_path / "whole", keeps_sides=True)
    for name in (*FILES, *SIDES):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert sorted(path.name for path in out.iterdir()) == sorted((*FILES, *SIDES))


def stopped(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preparation that was broken off after twenty pictures."""
    monkeypatch.setattr(decoding, "_BLOCK", 4)
    monkeypatch.setattr(packing, "_COMMIT_SECONDS", 0)

    def stop(done: int, _total: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packed(settings_of(folder), out, progress=stop)


@pytest.mark.parametrize("harm", ["torn progress", "torn data", "no data", "garbage at the end"])
def test_what_a_crash_of_the_machine_leaves_is_mended(
    folder: Path, tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "torn"
    stopped(folder, out, monkeypatch)
    part, record = out / packing.PART_SUFFIX, out / "progress.json"
    if harm == "torn progress":
        record.write_bytes(record.read_bytes()[:-9])
    elif harm == "torn data":
        part.write_bytes(part.read_bytes()[: 128 + 10 * 90 + 17])
    elif harm == "no data":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes() + b"\x07" * 1000)
        record.write_bytes(record.read_bytes() + b'{"tried": 4')
    packed(settings_of(folder), out)
    packed(settings_of(folder), tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


def test_another_command_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    stopped(folder, out, monkeypatch)
    with pytest.raises(ConfigError, match=r"was begun in .*out \(size: \[6, 5\] there, \[7, 7\]"):
        packed(settings_of(folder, size=(7, 7)), out)
    packed(settings_of(folder, max_corrupt=0.3), out, workers=1)  # these change no byte
    with pytest.raises(ConfigError, match=r"another command packed \(split_seed: 0 there, 1 here"):
        packed(settings_of(folder, split_seed=1), out)
    before = contents(out)
    settings = settings_of(folder)
    assert prepare_images(settings, find_image_source(settings), out)[1]
    assert contents(out) == before


def test_a_source_that_has_changed_is_another(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    packed(settings_of(copy), tmp_path / "out")
    (copy / "cat" / "00.png").unlink()
    with pytest.raises(ConfigError, match="num_pictures: 43 there, 42 here"):
        packed(settings_of(copy), tmp_path / "out")


def test_a_folder_that_holds_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match=r"not empty \(it holds letter\.txt\)"):
        packed(settings_of(folder), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_two_at_once_are_refused(folder: Path, tmp_path: Path) -> None:
    with hold_lock(tmp_path / ".lock"), pytest.raises(ConfigError, match="another process"):
        packed(settings_of(folder), tmp_path)


def test_too_many_unreadable_stop_it_and_more_may_be_allowed(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"3 of 43 images cannot be read.*--data\.max-corrupt"):
        packed(settings_of(folder, max_corrupt=0.04), tmp_path / "out")
    packed(settings_of(folder, max_corrupt=0.1), tmp_path / "out")
    packed(settings_of(folder), tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_different_sizes_need_a_size(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images differ in size"):
        packed(settings_of(folder, size=None), tmp_path / "out")
    packed(settings_of(folder), tmp_path / "out")  # nothing was begun


def test_a_full_disk_is_told_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(9, 9, 9))
    with pytest.raises(DataError, match=r"43 images need [0-9.]+ MiB and [0-9.]+ MiB are free"):
        packed(settings_of(folder), tmp_path / "out")


def test_vectors_are_not_prepared(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(ConfigError, match=r"a\.csv holds vectors; only images are prepared"):
        find_image_source(DataSettings(f"csv:{tmp_path}/a.csv"))


@pytest.mark.parametrize("kind", ["uint16", "float32", "bands", "range"])
def test_deeper_images_are_those_of_the_folder(tmp_path: Path, kind: str) -> None:
    draw = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    shape = (13, 9, 8) if kind == "bands" else (9, 8)
    for number in range(20):
        pixels = draw.normal(500, 100, shape).astype("f4" if kind == "float32" else "u2")
        pixels = pixels.astype(np.uint8) if kind == "range" else pixels
        planar: Any = {"planarconfig": "separate"} if kind == "bands" else {}
        path = tmp_path / "in" / f"{number:02}.tif"
        tifffile.imwrite(path, pixels, photometric="minisblack", **planar)
    given: dict[str, Any] = {"range": (0, 200)} if kind == "range" else {}
    settings = DataSettings(f"folder:{tmp_path / 'in'}", **given)
    out = tmp_path / "out"
    manifest = packed(settings, out)
    assert sorted(contents(out)) == sorted(FILES)
    ours, theirs = open_dataset(DataSettings(f"packed:{out}")), open_dataset(settings)
    assert ours.sha256 == theirs.sha256 == verify_packed(out).sha256
    assert ours.scaling is not None
    assert theirs.scaling is not None
    assert torch.equal(ours.scaling.scale, theirs.scaling.scale)
    assert np.load(out / "images.npy", mmap_mode="r").dtype == np.float32
    assert prepare_images(settings, find_image_source(settings), out)[1]
    again = DataSettings(f"packed:{out}")
    if kind != "range":
        packed(again, tmp_path / "again")
        assert open_dataset(DataSettings(f"packed:{tmp_path / 'again'}")).spec == ours.spec
    split = open_examples(again, ours.spec, theirs.scaling)
    whole = open_examples(settings, theirs.spec, theirs.scaling)
    by_file = dict(zip(whole.files, whole.values, strict=True))
    for name, image in zip(split.files, split.values, strict=True):
        assert torch.allclose(image, by_file[name], atol=1e-6)
    assert manifest.num_images == 20


def test_folders_of_the_first_format_are_still_read(folder: Path, tmp_path: Path) -> None:
    settings = settings_of(folder)
    sha256 = packed(settings, tmp_path / "out").sha256
    path = tmp_path / "out" / "manifest.json"
    content = json.loads(path.read_text()) | {"format": 1}
    for name in ("dtype", "shift", "scale", "left_alone", "facts", "warnings"):
        del content[name]
    path.write_text(json.dumps(content))
    assert open_dataset(DataSettings(f"packed:{tmp_path / 'out'}")).sha256 == sha256
    assert prepare_images(settings, find_image_source(settings), tmp_path / "out")[1]
    assert verify_packed(tmp_path / "out").sha256 == sha256


def test_what_was_left_alone_is_kept(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(4):
        frames = [Image.new("L", (4, 4), 9 * number + page) for page in range(3)]
        path = tmp_path / "in" / f"{number}.gif"
        frames[0].save(path, save_all=True, append_images=frames[1:])
    (tmp_path / "in" / "a.txt").write_text("dear")
    settings = DataSettings(f"folder:{tmp_path / 'in'}")
    packed(settings, tmp_path / "out")
    whole = open_dataset(settings).inventory
    kept = open_dataset(DataSettings(f"packed:{tmp_path / 'out'}")).inventory
    assert kept.left_alone == whole.left_alone
    assert sum(kept.left_alone.values()) == 9
    everything = DataSettings(f"folder:{tmp_path / 'in'}", pages="all", group="file")
    packed(everything, tmp_path / "all")
    opened = open_dataset(DataSettings(f"packed:{tmp_path / 'all'}"))
    assert opened.sha256 == open_dataset(everything).sha256
