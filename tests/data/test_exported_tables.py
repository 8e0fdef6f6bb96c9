"""Tables as spreadsheets, shops and instruments export them: right, or refused, never shifted."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ambigan.core.errors import DataError
from ambigan.data import DataSettings, open_dataset

NUM = 30
A, B = np.arange(NUM) + 0.5, np.arange(NUM) % 7 * 2.25
ROWS = [*zip(A.tolist(), B.tolist(), strict=True)]


def comma(value: float) -> str:
    return f"{value}".replace(".", ",")


def values_of(path: Path, **settings: Any) -> tuple[tuple[str, ...], np.ndarray[Any, Any]]:
    """Names of the columns, and values in the order of the file."""
    dataset = open_dataset(DataSettings(f"csv:{path}", scaling="none", **settings))
    assert dataset.train.rows is not None
    assert dataset.test.rows is not None
    assert dataset.scaling is not None
    order = torch.cat([dataset.train.rows, dataset.test.rows]).argsort()
    values = torch.cat([dataset.train.values, dataset.test.values])[order]
    return dataset.scaling.columns, values.numpy()


TEXTS = {
    "names without the separator that ends rows": "a,b\n" + "".join(f"{a},{b},\n" for a, b in ROWS),
    "a line for Excel": "sep=;\na;b\n" + "".join(f"{comma(a)};{comma(b)}\n" for a, b in ROWS),
    "percent": "a,b\n" + "".join(f"{a} %,{b}\n" for a, b in ROWS),
    "euros": "a;b\n" + "".join(f"{comma(a)} \u20ac;{comma(b)}\n" for a, b in ROWS),
    "dollars": "a,b\n" + "".join(f"${a},{b}\n" for a, b in ROWS),
    "lines of an instrument": "Instrument: X\nOperator: Y\n\na,b\n"
    + "".join(f"{a},{b}\n" for a, b in ROWS),
    "lines of an instrument in four columns": "Instrument;X;;\nDate;2024;;\n;;;\na;b;c;d\n"
    + "".join(f"{comma(a)};{comma(b)};1;{n}\n" for n, (a, b) in enumerate(ROWS)),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_exported_tables(tmp_path: Path, kind: str) -> None:
    (tmp_path / "t.csv").write_text(TEXTS[kind], encoding="utf-8-sig")
    settings = {"drop": ("c", "d")} if "four" in kind else {}
    names, values = values_of(tmp_path / "t.csv", **settings)
    assert names == ("a", "b")
    np.testing.assert_allclose(values, np.stack([A, B], 1), rtol=1e-6)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(TEXTS["lines of an instrument"])
    assert open_dataset(DataSettings(f"csv:{path}")).inventory.left_alone == {
        "lines above the names": 2 + 1
    }
    path.write_text(TEXTS["percent"])
    facts = open_dataset(DataSettings(f"csv:{path}")).inventory.facts
    assert "% left out next to numbers" in facts


def test_packed_tables_with_decimal_commas(tmp_path: Path) -> None:
    text = "a;b\n" + "".join(f"{comma(a)};{comma(b)}\n" for a, b in ROWS)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode("cp1252")))
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as file:
        file.writestr("inner.csv", text)
    for name in ("t.csv.gz", "t.zip"):
        names, values = values_of(tmp_path / name)
        assert names == ("a", "b")
        np.testing.assert_allclose(values, np.stack([A, B], 1), rtol=1e-6)


def test_spreadsheets_truths_are_numbers_and_texts_with_signs_are_not(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;on\n" + "".join(f"{n};{('FALSCH', 'WAHR')[n % 2]}\n" for n in range(NUM)))
    assert values_of(path)[1][:, 1].tolist() == [n % 2 for n in range(NUM)]
    for cells in (("yes", "no"), ("grew 5 %", "fell 3 %"), ("5 %", "3")):
        path.write_text("a;on\n" + "".join(f"{n};{cells[n % 2]}\n" for n in range(NUM)))
        with pytest.raises(DataError, match=r"column 'on' holds text.*--data\.one-hot on"):
            values_of(path)


def test_rows_of_a_ragged_table_are_no_preamble(tmp_path: Path) -> None:
    lines = ["id,a,b"] + [f"r{n},{n}.5,{n % 3}" for n in range(NUM)]
    lines[5] = "r4,1"
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="Expected 3 columns, got 2"):
        values_of(tmp_path / "t.csv", id_column="id")


def test_dates_as_numbers_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "t.csv"
    lines = [f"202401{n % 28 + 1:02},{a},{b}" for n, (a, b) in enumerate(ROWS)]
    path.write_text("\n".join(["date,a,b", *lines]) + "\n")
    values_of(path)
    assert "column 'date' may be a date" in caplog.text
    assert "--data.id-column date" in caplog.text


def test_the_row_of_a_message_is_that_of_outputs(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = [f"{n},{'' if n == 17 else n % 5}.5".replace(",.5", ",") for n in range(NUM)]
    path.write_text("\n".join(["a,b", *lines]) + "\n")
    with pytest.raises(DataError, match=r"column 'b', row 17 \(counted from 0\)"):
        values_of(path)
    dataset = open_dataset(DataSettings(f"csv:{path}", missing="drop"))
    assert dataset.train.rows is not None
    assert dataset.test.rows is not None
    rows = sorted(torch.cat([dataset.train.rows, dataset.test.rows]).tolist())
    assert rows == [n for n in range(NUM) if n != 17]
