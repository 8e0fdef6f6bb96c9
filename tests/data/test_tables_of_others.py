"""Real tables are opened by what messages say, each flag taken from the message before."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from ambigan.core.errors import DataError
from ambigan.core.settings import override
from ambigan.data import Dataset, DataSettings, open_dataset

pytestmark = pytest.mark.data

ROOT = Path(os.environ.get("AMBIGAN_TEST_DATA") or Path(__file__).parents[2] / "shared/data")

TABLES = {
    "tables/nir_coffee_classification.csv.gz": (["--data.label-column 'Coffee Type'"], 601, 7),
    "tables/nir_peach_spectra_brix.csv.gz": (["--data.target-column Brix"], 600, 0),
    "tables/nir_NIRplums_brix_firmness.csv.gz": (
        ["--data.drop '[\"\"]'", "--data.target-column Brix,Firmness"],
        600,
        0,
    ),
    "tables/od_wdbc.csv.gz": (["--data.header false", "--data.label-column column_31"], 30, 2),
    "tables/kdd_head.csv.gz": (
        [
            "--data.header false",
            "--data.one-hot column_2,column_3,column_4",  # and column_42, which is the label
            "--data.label-column column_42",
            "--data.drop-constant true",
        ],
        112,
        15,
    ),
    "anomaly/adbench/17_InternetAds.npz": (["--data.drop-constant true"], 1542, 2),
    "anomaly/adbench/24_mnist.npz": (["--data.drop-constant true"], 77, 2),
    "anomaly/adbench/26_optdigits.npz": (["--data.drop-constant true"], 62, 2),
}


@pytest.mark.parametrize("name", TABLES)
def test_messages_lead_to_the_command(name: str, caplog: pytest.LogCaptureFixture) -> None:
    path, (flags, width, num_classes) = ROOT / name, TABLES[name]
    if not path.is_file():
        pytest.skip("AMBIGAN_TEST_DATA does not name a folder with real tables")
    caplog.set_level(logging.INFO, "ambigan")
    typed: dict[str, str] = {}
    dataset: Dataset | None = None
    said = ""
    for flag in ["", *flags]:
        if flag.endswith("column_42"):
            assert "column_42" in said
        elif flag:
            assert flag in said
        if flag:
            key, _, value = flag.removeprefix("--data.").partition(" ")
            typed[key] = value.strip("'")
            if "drop-constant" not in flag and typed[key] == "column_42":
                typed["one_hot"] = typed.pop("one-hot")
        caplog.clear()
        try:
            dataset = open_dataset(override(DataSettings(str(path)), typed))
            said = caplog.text
        except DataError as error:
            said += str(error)
            dataset = None
    assert dataset is not None
    assert dataset.spec.shape == (width,)
    assert len(dataset.label_names or ()) == num_classes
