"""Near copies by DCGAN's autoencoder codes, and the list of what was left out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambigan.cli import main
from ambigan.data.packed.manifest import read_manifest
from ambigan.retrieval import semantic_hashing


@pytest.mark.slow
def test_prepare_drops_images_of_one_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(semantic_hashing, "_STEPS", 300)
    folder, out = tmp_path / "pictures", tmp_path / "packed"
    folder.mkdir()
    for number in range(60):
        draw = np.random.default_rng(number)
        small = Image.fromarray(draw.integers(0, 256, (5, 5, 3), np.uint8))
        image = small.resize((48, 40), Image.Resampling.BICUBIC)
        image.save(folder / f"{number:02}.png")
        if number % 6 == 0:
            image.save(folder / f"{number:02}-copy.bmp")
    asked = ["prepare", f"folder:{folder}", str(out), "--size", "16x16", "--duplicates-by", "codes"]
    assert main(asked) == 2
    assert "add --drop-duplicates" in capsys.readouterr().err
    assert main([*asked, "--drop-duplicates"]) == 0
    with (out / "duplicates.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["dropped"][:2], row["kept"][:2]) for row in rows} == {
        (f"{number:02}", f"{number:02}") for number in range(0, 60, 6)
    }
    assert all(float(row["similarity"]) == 1 for row in rows)
    assert read_manifest(out).num_images == 60
