"""Property: images are the same, to the bit, whatever holds them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from ambigan.data import DataSettings, find_image_source, open_dataset, prepare_images


@settings(max_examples=8, deadline=None)
@given(
    dtype=st.sampled_from(["u1", "u2", "f4", "i2"]),
    channels=st.sampled_from([1, 3, 5]),
    count=st.integers(4, 9),
    side=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    seed=st.integers(0, 99),
)
def test_every_container_gives_the_same_data(
    dtype: str, channels: int, count: int, side: tuple[int, int], seed: int
) -> None:
    draw = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "photos").mkdir()
        files = [f"photos/{number:02}.tif" for number in range(count)]
        for file in files:
            pixels = draw.normal(100, 40, (channels, *side)).clip(0, 250).astype(dtype)
            planar = "separate" if channels > 1 else None
            pixels = pixels if channels > 1 else pixels[0]
            tifffile.imwrite(root / file, pixels, photometric="minisblack", planarconfig=planar)
        for kind in ("zip", "tar", "gztar"):
            shutil.make_archive(str(root / "a"), kind, root / "photos")
        pd.DataFrame({"file": files}).to_csv(root / "a.csv", index=False)
        content = [(root / file).read_bytes() for file in files]
        pd.DataFrame({"image": content}).to_parquet(root / "a.parquet")
        whole = open_dataset(DataSettings(f"folder:{root / 'photos'}"))
        assert whole.spec.shape == (channels, *side)
        for held in ("photos", "a.zip", "a.tar", "a.tar.gz", "a.csv", "a.parquet"):
            data = open_dataset(DataSettings(str(root / held)))
            assert data.sha256 == whole.sha256
            assert data.inventory.num_read == count
        source = DataSettings(str(root / "a.zip"))
        prepare_images(source, find_image_source(source), root / "out")
        assert open_dataset(DataSettings(str(root / "out"))).sha256 == whole.sha256
