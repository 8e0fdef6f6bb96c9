"""Every command and every line of Python in docs/howto/transfer.md runs, on miniatures of VOC."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ambigan
from ambigan.cli import main
from voc_folder import write_image, write_voc2007, write_voc2012

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "transfer.md").read_text()
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TOY = ["--network", "encoder", "--epochs", "1", "--task.width", "8", "--starts", "trained,kmeans"]


def toy(command: str) -> list[str]:
    """The words of a command, at a budget for tests."""
    program, *words = shlex.split(command)
    assert program == "ambigan"
    words = [each for each in words if each not in ("--epochs", "4")]
    places = [place for place, word in enumerate(words) if word == "--task.width"]
    for place in places:
        del words[place : place + 2]
    if "detection" in words and "--task.short-side" not in words:
        words += ["--task.short-side", "48"]
    return [*words, *TOY]


@pytest.fixture
def folders(conv_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page names, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(conv_run, "RUN")
    root = write_voc2007(Path("VOCdevkit"))
    write_voc2012(Path("VOCdevkit"))
    shutil.copytree(root, "cells")
    rows = [f"{path.stem},{x},{x},40,40" for path in root.glob("Annotations/*") for x in (1, 9, 20)]
    Path("boxes.csv").write_text("\n".join(["image,xmin,ymin,xmax,ymax", *rows]))
    camvid = Path("camvid")
    (camvid / "masks").mkdir(parents=True)
    for name in ("train", "test"):
        write_image(camvid, name, [])
        (camvid / f"{name}.txt").write_text(name)
        mask = np.repeat(np.array([0, 1, 11], dtype=np.uint8), 1024).reshape(48, 64)
        Image.fromarray(mask).save(camvid / "masks" / f"{name}.png")
    (camvid / "JPEGImages").rename(camvid / "images")


@pytest.mark.slow
@pytest.mark.usefixtures("folders")
def test_the_page_runs_as_it_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def whole_images(example: object) -> np.ndarray:
        return np.array([[0.0, 0, 39, 39], [5, 5, 20, 20]])

    monkeypatch.setattr("ambigan.transfer.voc.proposals._search", whole_images)
    monkeypatch.setattr("ambigan.transfer.voc.proposals.import_extra", lambda *_: None)
    for language, block in BLOCKS:
        if language == "python":
            exec(block, {"run": ambigan.load("RUN")})
            continue
        for command in block.splitlines():
            assert main(toy(command)) == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    assert told.count("written: RUN/results/transfer_") == 6
    assert "kmeans encoder, fc6-8" in told
    assert len([*Path("RUN").glob("proposals--cells-*.npz")]) == 1
