"""`ambigan invert`: what it writes and prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ambigan.cli import main


def test_examples_are_inverted_and_completed(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["invert", str(finished_run), "--num", "4", "--steps", "5"]
    assert main([*flags, "--out", str(tmp_path / "whole"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["num"], found["steps"]) == (4, 5)
    assert list(found["errors"]) == ["encoder", "inverted", "pca", "mean"]
    assert found["errors"]["inverted"]["known"] <= found["errors"]["encoder"]["known"]
    written = {path.name for path in (tmp_path / "whole").iterdir()}
    assert written == {"latents.npy", "reconstructions.npy", "inversion.png"}

    assert main([*flags, "--out", str(tmp_path / "part"), "--mask-box", "0,4,8,4"]) == 0
    assert "hidden values" in capsys.readouterr().out
    completed = np.load(tmp_path / "part" / "completed.npy")
    assert completed.shape == (4, 1, 8, 8)
    mask = np.ones((8, 8))
    mask[4:] = 0
    np.save(tmp_path / "mask.npy", mask)
    by_file = ["--out", str(tmp_path / "file"), "--mask", str(tmp_path / "mask.npy")]
    assert main([*flags, *by_file]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "file" / "completed.npy"), completed)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mask-box", "0,4,8"], "write X,Y,WIDTH,HEIGHT"),
        (["--mask-box", "9,9,2,2"], "hides nothing of images 8 wide, 8 high"),
        (["--mask-box", "0,0,8,8"], "nothing known of example 0"),
        (["--mask", "none.npy"], "--mask none.npy cannot be read as a .npy file"),
        (["--mask", "none.npy", "--mask-box", "0,4,8,4"], "give one"),
        (["--steps", "0"], "steps is 0; an inversion takes 1 or more"),
        (["--num", "0"], "cannot take 0 examples; ask for 1 or more"),
    ],
)
def test_wrong_flags_are_refused(
    finished_run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["invert", str(finished_run), *words]) == 2
    assert message in capsys.readouterr().err
