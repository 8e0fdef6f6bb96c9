"""Packed images in shards at a URL: the same set as in a folder, and refused where it is not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ambigan.cli import main
from ambigan.core.errors import ConfigError, DataError
from ambigan.data import (
    Dataset,
    DataSettings,
    find_image_source,
    open_dataset,
    prepare_images,
    prepare_shards,
)
from ambigan.data.packed import sharded

NUM, SIDE = 50, 6
EACH = 3 * SIDE * SIDE
PER_SHARD = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty pictures of two classes."""
    root, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(NUM):
        path = root / ("a", "b")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(path)
    return root


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new place in memory, and a folder of downloads of its own."""
    monkeypatch.setenv("AMBIGAN_DATA", str(tmp_path / "downloads"))
    return f"memory://{uuid.uuid4().hex}/set"


def pack(folder: Path, url: str, **values: Any) -> bool:
    settings = DataSettings(f"folder:{folder}")
    given = {"shard_bytes": PER_SHARD * EACH + 5} | values
    return prepare_shards(settings, find_image_source(settings), url, **given)[1]


def forget(tmp_path: Path) -> None:
    """As on another machine, where nothing was fetched."""
    shutil.rmtree(tmp_path / "downloads", ignore_errors=True)


def files_at(url: str) -> dict[str, bytes]:
    files, root = fsspec.core.url_to_fs(url)
    return {path.rpartition("/")[2]: files.cat_file(path) for path in files.ls(root, detail=False)}


def put(url: str, name: str, content: bytes | None) -> None:
    files, root = fsspec.core.url_to_fs(url)
    if content is None:
        files.rm(f"{root}/{name}")
    else:
        files.pipe_file(f"{root}/{name}", content)


def same(one: Dataset, other: Dataset) -> None:
    assert (one.sha256, one.spec, one.label_names) == (other.sha256, other.spec, other.label_names)
    for ours, theirs in ((one.train, other.train), (one.test, other.test)):
        assert torch.equal(ours.values, theirs.values)
        assert ours.labels is not None
        assert theirs.labels is not None
        assert torch.equal(ours.labels, theirs.labels)
        assert ours.files == theirs.files


def test_shards_are_the_set_in_order(folder: Path, url: str, tmp_path: Path) -> None:
    settings = DataSettings(f"folder:{folder}")
    prepare_images(settings, find_image_source(settings), tmp_path / "out")
    assert pack(folder, url) is False
    found = files_at(url)
    shards = [f"images-{n:05}-of-00005.npy" for n in range(5)]
    assert sorted(found) == [*shards, "index.parquet", "manifest.json"]
    for name in shards:
        (tmp_path / name).write_bytes(found[name])
    arrays = [np.load(tmp_path / name) for name in shards]
    assert [len(array) for array in arrays] == [12, 12, 12, 12, 2]
    assert np.array_equal(np.concatenate(arrays), np.load(tmp_path / "out" / "images.npy"))
    own = open_dataset(DataSettings(f"packed:{tmp_path / 'out'}"))
    same(open_dataset(DataSettings(f"packed:{url}")), own)
    forget(tmp_path)
    same(open_dataset(DataSettings(f"packed:{url}")), own)
    same(open_dataset(DataSettings(url)), own)
    assert pack(folder, url) is True


def test_deep_images_keep_their_scaling(url: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    np.save(tmp_path / "deep.npy", draw.integers(0, 4096, (40, 5, 4, 4), np.uint16))
    words = [f"npy:{tmp_path / 'deep.npy'}", "--data.layout", "NCHW"]
    assert main(["prepare", *words, str(tmp_path / "out")]) == 0
    assert main(["prepare", *words, url]) == 0
    forget(tmp_path)
    one, other = (
        open_dataset(DataSettings(f"packed:{place}")) for place in (url, tmp_path / "out")
    )
    assert one.sha256 == other.sha256
    assert torch.equal(one.train.values, other.train.values)


def test_a_copy_on_a_disk_and_a_url_of_files(folder: Path, tmp_path: Path, url: str) -> None:
    place = tmp_path / "disk" / "set"
    pack(folder, place.as_uri())
    own = open_dataset(DataSettings(f"folder:{folder}"))
    for source in (place.as_uri(), place):
        forget(tmp_path)
        opened = open_dataset(DataSettings(f"packed:{source}"))
        assert opened.sha256 == own.sha256


TOY = [
    *("--preset", "small", "--settings.latent-dim", "4", "--settings.network.hidden", "8,8"),
    *("--device", "cpu", "--batch-size", "9", "--epochs", "4"),
]


def test_it_is_prepared_trained_and_resumed(
    folder: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights are bit for bit those of a local folder."""
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", f"folder:{folder}", "out"]) == 0
    assert main(["prepare", f"folder:{folder}", url]) == 0
    train = ["train", "bigan", *TOY, "--train.checkpoint-every", "10"]
    assert main([*train, "--data", "packed:out", "--out", "one"]) == 0
    forget(tmp_path)
    assert main([*train, "--data", f"packed:{url}", "--out", "two"]) == 0
    forget(tmp_path)
    shutil.rmtree("two/model")
    newest = sorted(Path("two/checkpoints").glob("*.pt"))[-1]
    newest.unlink()
    newest.with_suffix(".pt.sha256").unlink(missing_ok=True)
    assert main(["train", "--resume", "two"]) == 0
    for kind in ("raw", "ema"):
        one, two = (load_file(f"{run}/model/{kind}.safetensors") for run in ("one", "two"))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one)
    assert main(["evaluate", "two", "--protocol", "knn1_euclidean"]) == 0
    assert main(["embed", "one", "--data", url, "--out", "one.npy"]) == 0


def altered(content: bytes) -> bytes:
    return content[:-7] + bytes([content[-7] ^ 1]) + content[-6:]


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("images-00002-of-00005.npy", altered, r"images-00002-of-00005\.npy is damaged: its hash"),
        ("images-00002-of-00005.npy", lambda c: c[:-9], r"00002-of-00005\.npy is damaged"),
        ("images-00002-of-00005.npy", lambda c: c + b"0", r"00002-of-00005\.npy is damaged"),
        ("images-00002-of-00005.npy", lambda c: None, r"no images-00002-of-00005\.npy in memory"),
        ("index.parquet", altered, r"index\.parquet is damaged: its hash"),
        ("index.parquet", lambda c: None, r"has no index\.parquet; put it back"),
        ("manifest.json", lambda c: c[:-9], r"manifest\.json is damaged"),
        ("manifest.json", lambda c: None, r"holds no manifest\.json: `ambigan prepare` did not"),
    ],
)
def test_what_is_damaged_is_named_and_mended(
    name: str, harm: Any, said: str, folder: Path, url: str, tmp_path: Path
) -> None:
    pack(folder, url)
    whole = files_at(url)[name]
    put(url, name, harm(whole))
    forget(tmp_path)
    settings = DataSettings(f"packed:{url}")
    for _ in range(2):
        with pytest.raises(DataError, match=said) as caught:
            open_dataset(settings)
        assert "\n" not in str(caught.value)
    put(url, name, whole)
    assert open_dataset(settings).sha256 == open_dataset(DataSettings(f"folder:{folder}")).sha256


def test_shards_at_a_url_are_verified(
    folder: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(folder, url)
    assert main(["prepare", "--verify", url]) == 0
    assert "verified: 50 images" in capsys.readouterr().out
    name = "images-00004-of-00005.npy"
    put(url, name, altered(files_at(url)[name]))
    assert main(["prepare", "--verify", url]) == 2
    assert "00004-of-00005.npy is damaged" in capsys.readouterr().err


class Killed(Exception):
    """As if the process had been killed."""


@pytest.mark.parametrize("after", range(4))
def test_a_fetch_that_is_killed_goes_on(
    after: int, folder: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(folder, url)
    forget(tmp_path)
    read, asked = sharded._read_shard, list[int]()

    def cut(place: Any, manifest: Any, number: int, take: Any) -> None:
        asked.append(number)
        if number == after and asked.count(number) == 1:
            take(b"torn")
            raise Killed
        read(place, manifest, number, take)

    monkeypatch.setattr(sharded, "_read_shard", cut)
    with pytest.raises(Killed):
        open_dataset(DataSettings(f"packed:{url}"))
    opened = open_dataset(DataSettings(f"packed:{url}"))
    assert opened.sha256 == open_dataset(DataSettings(f"folder:{folder}")).sha256
    assert asked == [*range(after + 1), *range(after, 5)]
    values = torch.cat([opened.train.values, opened.test.values])
    whole = open_dataset(DataSettings(f"folder:{folder}"))
    assert torch.equal(values, torch.cat([whole.train.values, whole.test.values]))


KILLED = """
import os, signal, sys
from ambigan.data import DataSettings, open_dataset
from ambigan.data.packed.pixel_file import PixelFile
write, calls = PixelFile.append_bytes, []
def cut(self, content):
    calls.append(len(content))
    if len(calls) == 4:
        write(self, content[:50])
        self._file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, content)
PixelFile.append_bytes = cut
open_dataset(DataSettings(sys.argv[1]))
"""


def test_kill_9_amid_a_shard(folder: Path, url: str, tmp_path: Path) -> None:
    there = (tmp_path / "set").as_uri()
    pack(folder, there)
    forget(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED, there], env=os.environ)
    assert done.returncode == -signal.SIGKILL
    (copy,) = (path for path in (tmp_path / "downloads" / "packed").iterdir() if path.is_dir())
    assert json.loads((copy / "progress.json").read_text()) == {"kept": 3}
    same(open_dataset(DataSettings(there)), open_dataset(DataSettings(f"folder:{folder}")))
    files = sorted(path.name for path in copy.iterdir())
    assert files == ["images.npy", "index.parquet", "manifest.json"]


@pytest.mark.parametrize("after", range(5))
def test_a_preparation_that_is_killed_goes_on(
    after: int, folder: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, written = sharded.Place.open, list[str]()

    def cut(self: Any, name: str, mode: str = "rb") -> Any:
        if mode == "wb" and name.startswith("images"):
            written.append(name)
            if len(written) == after + 1:
                raise Killed
        return opened(self, name, mode)

    monkeypatch.setattr(sharded.Place, "open", cut)
    with pytest.raises(Killed):
        pack(folder, url)
    with pytest.raises(DataError, match="is not finished; repeat the `ambigan prepare`"):
        open_dataset(DataSettings(f"packed:{url}"))
    with pytest.raises(ConfigError, match=r"another preparation was begun in memory.*shard_bytes"):
        pack(folder, url, shard_bytes=10 * EACH)
    assert pack(folder, url) is False
    assert len(written) == len(set(written)) + 1
    assert "progress.json" not in files_at(url)
    forget(tmp_path)
    own = open_dataset(DataSettings(f"folder:{folder}"))
    assert open_dataset(DataSettings(f"packed:{url}")).sha256 == own.sha256


def test_another_set_is_not_written_over(folder: Path, url: str, tmp_path: Path) -> None:
    pack(folder, url)
    settings = DataSettings(f"folder:{folder}", split_seed=3)
    with pytest.raises(ConfigError, match="already holds what another command packed"):
        prepare_shards(settings, find_image_source(settings), url)
    put(url + "2", "notes.txt", b"mine")
    with pytest.raises(ConfigError, match=r"is not empty \(it holds notes.txt\)"):
        pack(folder, url + "2")


def test_one_line_says_what_is_missing(
    folder: Path, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["prepare", f"folder:{folder}"]
    for place, said in (
        ("nowhere://set", "nowhere://set cannot be opened: Protocol not known: nowhere."),
        ("memory://set --shard-megabytes 0", "--shard-megabytes is 0; it may be 1 or more."),
        ("set --shard-megabytes 5", "file:///PATH writes shards to a disk."),
    ):
        assert main([*words, *place.split()]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for typed in ([*words, url], ["train", "bigan", "--data", f"packed:{url}"]):
        assert main(typed) == 2
        assert capsys.readouterr().err == (
            f"ambigan: {url} needs the extra: pip install 'ambigan[remote]'.\n"
        )


def test_a_folder_without_shards_at_a_url_says_what_to_do(
    folder: Path, url: str, tmp_path: Path
) -> None:
    settings = DataSettings(f"folder:{folder}")
    prepare_images(settings, find_image_source(settings), tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        put(url, path.name, path.read_bytes())
    with pytest.raises(DataError, match=r"is one file, images\.npy, and no shards: copy the"):
        open_dataset(DataSettings(f"packed:{url}"))
    assert main(["prepare", f"packed:{tmp_path / 'out'}", f"{url}-shards"]) == 0
    shards = open_dataset(DataSettings(f"packed:{url}-shards"))
    assert len(shards.train) + len(shards.test) == NUM


@pytest.mark.parametrize(
    "change",
    [
        {"shards": []},
        {"images_per_shard": 0},
        {"images_per_shard": -3},
        {"images_per_shard": 5},
        {"images_per_shard": 50},
        {"shards": "all"},
    ],
)
def test_a_manifest_whose_shards_cannot_be(
    change: dict[str, Any], folder: Path, url: str, tmp_path: Path
) -> None:
    pack(folder, url)
    forget(tmp_path)
    content = json.loads(files_at(url)["manifest.json"]) | change
    put(url, "manifest.json", json.dumps(content).encode())
    with pytest.raises(DataError, match=r"manifest\.json is damaged"):
        open_dataset(DataSettings(f"packed:{url}"))


def test_a_folder_at_a_url_is_a_source(folder: Path, url: str, tmp_path: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        put(url, path.relative_to(folder).as_posix(), path.read_bytes())
    put(url, "a/notes.txt", b"words")
    own = open_dataset(DataSettings(f"folder:{folder}"))
    there = open_dataset(DataSettings(f"folder:{url}"))
    same(there, own)
    assert there.inventory.left_alone == {".txt": 1}
    assert main(["prepare", f"folder:{url}", f"{url}-packed"]) == 0
    same(open_dataset(DataSettings(f"packed:{url}-packed")), own)
    with pytest.raises(DataError, match=r"there is no file below memory://.*-none"):
        open_dataset(DataSettings(f"folder:{url}-none"))


def test_downloads_lie_where_they_are_asked_for(folder: Path, url: str, tmp_path: Path) -> None:
    pack(folder, url)
    forget(tmp_path)
    open_dataset(DataSettings(f"packed:{url}", root=str(tmp_path / "elsewhere")))
    assert len(os.listdir(tmp_path / "elsewhere" / "packed")) == 1
    assert not (tmp_path / "downloads").exists()
