"""Which settings a method has where none are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import savemat

from ambigan.configuration import make_config
from ambigan.presets import PRESETS, find_preset


@pytest.mark.parametrize(
    ("method", "source", "preset"),
    [
        ("bigan", None, "official"),
        ("bigan", "mnist", "official"),
        ("bigan", "digits", "small"),
        ("bigan", "cifar10", "images"),
        ("bigbigan", "cifar10", "images"),
        ("structural", "cifar10", "images"),
        ("structural", None, "images"),
        ("structural", "digits", "small"),
        ("simclr", "packed:photographs", "images"),
    ],
)
def test_the_usual_preset_is_one_that_this_machine_can_train(
    method: str, source: str | None, preset: str
) -> None:
    assert find_preset(method, None, source).preset == preset


@pytest.mark.parametrize("ending", [".npy", ".mat", ".feather", ".xlsx", ".csv", ".parquet"])
def test_the_usual_preset_is_by_what_a_file_holds(tmp_path: Path, ending: str) -> None:
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 5)), columns=[*"abcde"])
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    images = np.zeros((9, 8, 8, 3), np.uint8)
    paths = pd.DataFrame({"path": ["0.png"] * 9})
    writers = {
        ".npy": lambda file, what: np.save(file, images if what is paths else what),
        ".mat": lambda file, what: savemat(file, {"X": images if what is paths else what}),
        ".feather": lambda file, what: what.to_feather(file),
        ".xlsx": lambda file, what: what.to_excel(file, index=False),
        ".csv": lambda file, what: what.to_csv(file, index=False),
        ".parquet": lambda file, what: what.to_parquet(file),
    }
    for name, what, preset in (("rows", table, "table"), ("images", paths, "images")):
        file = tmp_path / f"{name}{ending}"
        writers[ending](file, what)
        if name == "images" and ending in (".feather", ".xlsx"):
            continue  # these hold no images
        assert make_config("bigan", changes={"data.source": str(file)}).preset == preset


@pytest.mark.parametrize(
    ("method", "name"), [(method, name) for method, named in PRESETS.items() for name in named]
)
def test_every_preset_is_allowed_and_knows_its_name(method: str, name: str) -> None:
    config = find_preset(method, name).check()
    assert (config.method, config.preset) == (method, name)


@pytest.mark.parametrize("method", ["bigan", "bigbigan", "structural"])
def test_vectors_have_a_preset_of_their_own(method: str) -> None:
    assert find_preset(method, None, "digits", is_vectors=True).preset == "table"
