"""`ambigan prepare` and what can be done with what it leaves, as typed."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ambigan.cli import main
from data.mixed_folder import BOMB, DAMAGED, make_mixed_folder

TOY = [
    *("--settings.latent-dim", "4", "--settings.network.hidden", "16,16"),
    *("--device", "cpu", "--batch-size", "10", "--epochs", "1"),
]

CONV = [
    *("--preset", "images", "--settings.network.width", "4", "--epochs", "1"),
    *("--device", "cpu", "--precision", "fp32"),
]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "pictures" / ("a", "b")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (20, 16, 3), np.uint8)).save(path)
    return tmp_path / "pictures"


def test_prepared_trained_measured_and_embedded(
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["prepare", "folder:pictures", "out", "--size", "8x6"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "prepared: out, 36 + 4 images of 3x8x6" in told.out
    assert "ambigan train bigan --data packed:out" in told.out
    assert main(words) == 0
    assert "out is finished already" in capsys.readouterr().err
    train = ["train", "bigan", "--preset", "small", "--data", "packed:out", *TOY]
    assert main([*train, "--out", "run"]) == 0
    assert main(["evaluate", "run", "--protocol", "knn1_euclidean"]) == 0
    assert main(["embed", "run", "--out", "features.parquet"]) == 0
    table = pq.read_table("features.parquet").to_pylist()
    index = pq.read_table("out/index.parquet").to_pylist()
    assert [row["file"] for row in table] == [row["file"] for row in index]
    assert main(["report", "run"]) == 0


def test_a_packed_folder_is_verified(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["prepare", f"folder:{pictures}", str(out), "--size", "8x6"]) == 0
    assert main(["prepare", "--verify", str(out)]) == 0
    assert "verified: 40 images, SHA-256 " in capsys.readouterr().out
    for more in (["--size", "8"], ["--workers", "2"], ["--data.size", "8,8"]):
        assert main(["prepare", "--verify", str(out), *more]) == 2
        assert "leave out the rest" in capsys.readouterr().err
    values = np.load(out / "images.npy", mmap_mode="r+")
    values[0] ^= 1
    values.flush()
    assert main(["prepare", "--verify", str(out)]) == 2
    assert "is altered: its hash does not match" in capsys.readouterr().err


@pytest.mark.parametrize("packs", [True, False])
def test_images_like_those_that_were_made_smaller_go_in(
    packs: bool, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """New photographs are as large as those were that the run was trained on."""
    resized = ["--data", f"folder:{pictures}", "--data.size", "4,4"]
    if packs:
        assert main(["prepare", f"folder:{pictures}", str(tmp_path / "out"), "--size", "4x4"]) == 0
        resized = ["--data", f"packed:{tmp_path / 'out'}"]
    run = str(tmp_path / "run")
    assert main(["train", "bigan", "--preset", "small", *resized, *TOY, "--out", run]) == 0
    for name, factor in (("new", 2), ("tiny", 0)):
        (tmp_path / name).mkdir()
        for path in sorted(pictures.rglob("*.*"))[:3]:
            with Image.open(path) as image:
                size = (24 * factor or 1, 24 * factor or 1)
                image.resize(size).save(tmp_path / name / f"{path.stem}.png")
    words = ["embed", run, "--out", str(tmp_path / "x.npy"), "--data"]
    capsys.readouterr()
    assert main([*words, f"folder:{tmp_path / 'new'}"]) == 0
    assert "resized and cropped to 4x4" in capsys.readouterr().err
    assert main([*words, f"folder:{tmp_path / 'tiny'}"]) == 0, "within a factor of four"
    assert (
        main(
            [
                "train",
                "bigan",
                "--preset",
                "small",
                "--data",
                f"folder:{pictures}",
                "--data.size",
                "8,8",
                *TOY,
                "--out",
                run + "8",
            ]
        )
        == 0
    )
    words[1] = run + "8"
    assert main([*words, f"folder:{tmp_path / 'tiny'}"]) == 2
    assert "give --framing run" in capsys.readouterr().err


def test_a_path_holds_from_any_folder(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "bigan", "--preset", "small", "--data", "folder:pictures", *TOY]
    assert main([*words, "--data.size", "8,8", "--out", "run"]) == 0
    assert main(["train", "--resume", "run", "--data", "folder:pictures"]) == 0
    monkeypatch.chdir(pictures)
    assert main(["embed", str(tmp_path / "run")]) == 0
    assert main(["train", "--resume", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "big"], "--size 'big' is no height and width; write for instance 64x64."),
        (["--size", "0"], "data.size is 0,0; height and width must be 1 or more"),
        (["--size", "8", "--data.size", "8,8"], "--size and --data.size are one; give one."),
        (["--data.crop", "8,8"], "'data.crop' has no part in preparing. "),
        (["--train.seed", "8"], "'train.seed' has no part in preparing. Give it to `train`."),
        (["--max-corrupt", "x"], "max_corrupt cannot be 'x'"),
        (["--worker", "2"], "unknown flag '--worker'. Did you mean '--workers'?"),
        (["--workers", "0"], "--workers is 0; it counts threads: 1 or more."),
        ([], "images differ in size"),
    ],
)
def test_what_is_refused_is_one_line(
    words: list[str],
    said: str,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Image.new("RGB", (5, 5)).save(pictures / "a" / "odd.png")
    assert main(["prepare", f"folder:{pictures}", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.long
@pytest.mark.data
def test_a_thousand_mixed_photographs_damaged_ones_and_a_bomb(
    data_root: Path, tmp_path: Path
) -> None:
    """Acceptance 3 of the data path: all is done, what was skipped is named, memory stays small."""
    make_mixed_folder(data_root, tmp_path / "mixed", 1000)
    for words in (
        ["prepare", f"folder:{tmp_path / 'mixed'}", "out", "--size", "64x64"],
        ["train", "bigan", "--preset", "small", "--data", "packed:out", "--out", "run", *TOY],
        ["embed", "run", "--out", "own.parquet"],
        ["embed", "run", "--data", f"folder:{tmp_path / 'mixed'}", "--out", "folder.parquet"],
        ["train", "gan", "--data", "packed:out", "--out", "conv", *CONV],
        ["search", "conv", "--query", "mixed/0002.jpg", "--split", "all", "--out", "found.json"],
        ["search", "conv", "--query", "mixed/0003.png", "--out", "found.png"],
    ):
        command = [sys.executable, "-m", "ambigan", *words]
        subprocess.run(command, cwd=tmp_path, check=True, env=os.environ)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < 4e9
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [line.split(": ")[0] for line in manifest["skipped"]] == sorted((*DAMAGED, BOMB))
    assert any("400,000,000 pixels" in line for line in manifest["skipped"])
    found = json.loads((tmp_path / "found.json").read_text())["found"]
    assert found[0]["file"] == "0002.jpg", "a picture is most like itself, of CMYK too"
    assert found[0]["similarity"] > 0.999 > found[1]["similarity"]
    for name in ("own", "folder"):
        assert pq.read_table(tmp_path / f"{name}.parquet").num_rows == 1000
