"""The table for Embedding Atlas, read back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ambigan.cli import main
from ambigan.run import Run


def test_a_table_of_images(
    image_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "atlas.parquet"
    words = ["embed", str(image_run.path), "--out", str(tmp_path / "f.npy"), "--map", "pca"]
    assert main([*words, "--atlas", str(path)]) == 0
    assert f"embedding-atlas {path} --x projection_x" in capsys.readouterr().out
    table = pq.read_table(path).to_pydict()
    assert table["row"] == list(range(300))
    assert np.isfinite(table["projection_x"]).all()
    assert Image.open(io.BytesIO(table["image"][7]["bytes"])).size == (8, 8)
    features = np.load(tmp_path / "f.npy")
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosines = directions @ directions[7]
    ids, distances = table["neighbors"][7]["ids"], table["neighbors"][7]["distances"]
    assert len(ids) == 15
    assert 7 not in ids
    np.testing.assert_allclose(distances, 1 - cosines[ids], atol=1e-4)
    np.testing.assert_allclose(distances, np.sort(1 - np.delete(cosines, 7))[:15], atol=1e-4)


def test_a_table_of_vectors_holds_their_columns(vector_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "atlas.parquet"
    words = ["embed", str(vector_run.path), "--out", str(tmp_path / "f.csv"), "--map", "pca"]
    assert main([*words, "--atlas", str(path), "--num", "20"]) == 0
    table = pq.read_table(path).to_pydict()
    assert len(table["alcohol"]) == 20
    assert table["alcohol"][0] == pytest.approx(14.23, rel=1e-5)
    assert table["image"][0]["bytes"].startswith(b"<svg")
    assert max(max(each["ids"]) for each in table["neighbors"]) < 20


def test_a_name_that_cannot_be_written_says_so(
    image_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["embed", str(image_run.path), "--atlas", "atlas.csv"]) == 2
    assert "--atlas names a .parquet file" in capsys.readouterr().err
