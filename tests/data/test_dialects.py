"""Text tables in any dialect: each gives the data that the plain file gives, or one clear line."""

from __future__ import annotations

import bz2
import csv as csv_module
import io
import lzma
import shlex
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ambigan.core.errors import AmbiganError, DataError
from ambigan.core.settings import override
from ambigan.data import Dataset, DataSettings, open_dataset

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "width": RANDOM.normal(1000, 900, 40),
        "count": RANDOM.integers(0, 90_000, 40),
        "label": [f"class {n % 3}" for n in range(40)],
    }
)


def opened(path: Path, **named: Any) -> Dataset:
    return open_dataset(DataSettings(f"csv:{path}", **named))


def followed(path: Path, flag: str, kind: str = "csv", **named: Any) -> Dataset:
    """Opens a file by the flags of the message with which it is refused without them."""
    with pytest.raises(AmbiganError) as caught:
        open_dataset(DataSettings(f"{kind}:{path}", **named))
    said = str(caught.value)
    assert "\n" not in said
    assert flag in said
    words = shlex.split(flag)
    pairs = zip(words[::2], words[1::2], strict=True)
    values = {name.removeprefix("--data."): value for name, value in pairs}
    return open_dataset(override(DataSettings(f"{kind}:{path}", **named), values))


@pytest.fixture
def plain(tmp_path: Path) -> Dataset:
    FRAME.to_csv(tmp_path / "plain.csv", index=False)
    return opened(tmp_path / "plain.csv")


DIALECTS: dict[str, dict[str, Any]] = {
    "semicolons, decimal comma": {"sep": ";", "decimal": ","},
    "tabs, decimal comma": {"sep": "\t", "decimal": ","},
    "commas, decimal comma, quoted": {"decimal": ","},
    "bars": {"sep": "|"},
    "all quoted": {"quoting": csv_module.QUOTE_ALL},
    "apostrophes": {"quoting": csv_module.QUOTE_ALL, "quotechar": "'"},
    "UTF-16": {"encoding": "utf-16"},
    "byte order mark": {"encoding": "utf-8-sig"},
    "Windows line ends": {"lineterminator": "\r\n"},
    "old Macintosh line ends": {"lineterminator": "\r"},
    "gzip": {"compression": "gzip"},
    "bz2": {"compression": "bz2"},
    "xz": {"compression": "xz"},
    "zip": {"compression": "zip"},
    "zstd": {"compression": "zstd"},
}


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_what_is_certain_is_recognised(tmp_path: Path, plain: Dataset, dialect: str) -> None:
    if dialect == "zstd":
        pytest.importorskip("zstandard")
    path = tmp_path / "t.csv"
    FRAME.to_csv(path, index=False, **DIALECTS[dialect])
    assert opened(path).sha256 == plain.sha256
    assert opened(path).label_names == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize("mark", [" ", "'", "\u00a0", "_", "."])
def test_thousands(tmp_path: Path, plain: Dataset, mark: str) -> None:
    decimal = "," if mark == "." else "."

    def written(value: float) -> str:
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.17g}"
        return text.replace(",", "\0").replace(".", decimal).replace("\0", mark)

    exact = FRAME.assign(width=FRAME["width"].round(2))
    exact.to_csv(tmp_path / "exact.csv", index=False)
    texts = exact.assign(
        width=[written(float(v)) for v in exact["width"]],
        count=[written(int(v)) for v in exact["count"]],
    )
    texts.to_csv(tmp_path / "t.csv", index=False, sep=";")
    data, expected = opened(tmp_path / "t.csv"), opened(tmp_path / "exact.csv")
    assert data.sha256 == expected.sha256
    assert any("thousands" in fact for fact in data.inventory.facts)


def test_a_comma_in_doubt_is_asked_about_and_both_answers_work(tmp_path: Path) -> None:
    lines = [f"{n + 1},{100 + n};{n % 5}" for n in range(30)]
    (tmp_path / "t.csv").write_text("a;b\n" + "\n".join(lines))
    as_decimal = followed(tmp_path / "t.csv", "--data.decimal ,", scaling="none")
    as_groups = followed(tmp_path / "t.csv", "--data.thousands ,", scaling="none")
    assert as_decimal.train.values[:, 0].max() < 40
    assert torch.allclose(as_groups.train.values[:, 0], as_decimal.train.values[:, 0] * 1000)


def test_a_decimal_mark_that_shows_late(tmp_path: Path) -> None:
    lines = [f"{n % 7};{n % 5}" for n in range(2_000_000 // 4)] + ["1,5;2"]
    (tmp_path / "t.csv").write_text("a;b\n" + "\n".join(lines))
    data = opened(tmp_path / "t.csv", scaling="none")
    assert any(1.5 in split.values[:, 0] for split in (data.train, data.test))


def test_blanks_and_comments(tmp_path: Path, plain: Dataset) -> None:
    lines = [f"  {w!r}   {c}\t'{name}'" for w, c, name in FRAME.to_numpy().tolist()]
    lines.insert(7, "# a break")
    text = "# measured in May\n#\nwidth  count label\n" + "\n".join(lines)
    (tmp_path / "t.txt").write_text(text.replace("'", '"'))
    data = opened(tmp_path / "t.txt")
    assert data.sha256 == plain.sha256
    assert data.inventory.left_alone == {"comment lines": 3}


def test_names_in_a_comment_as_numpy_writes_them(tmp_path: Path) -> None:
    values = RANDOM.normal(size=(20, 3))
    np.savetxt(tmp_path / "t.txt", values, header="a b c")
    data = opened(tmp_path / "t.txt")
    assert data.scaling is not None
    assert data.scaling.columns == ("a", "b", "c")
    assert len(data.train) + len(data.test) == 20


def test_numpy_without_names_is_asked_about(tmp_path: Path) -> None:
    values = RANDOM.normal(size=(20, 3))
    np.savetxt(tmp_path / "t.txt", values)
    data = followed(tmp_path / "t.txt", "--data.header false", scaling="none")
    rows = torch.cat([data.train.rows, data.test.rows])  # type: ignore[list-item]
    found = torch.cat([data.train.values, data.test.values])[rows.argsort()]
    assert torch.equal(found, torch.as_tensor(values).float())


@pytest.mark.parametrize("width", [2, 5, 12, 40])
def test_sorted_data_are_no_names(tmp_path: Path, width: int) -> None:
    t = np.linspace(1, 5, 200)[:, None]
    np.savetxt(tmp_path / "t.csv", np.exp(-np.arange(1, width + 1) / t), delimiter=",")
    data = followed(tmp_path / "t.csv", "--data.header false")
    assert len(data.train) + len(data.test) == 200
    named = open_dataset(DataSettings(f"csv:{tmp_path / 't.csv'}", header=True))
    assert len(named.train) + len(named.test) == 199


def test_wavelengths_above_large_counts_are_names_when_said(tmp_path: Path) -> None:
    names = [str(400 + 10 * n) for n in range(20)]
    frame = pd.DataFrame(RANDOM.integers(0, 4000, (30, 20)), columns=names)
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = followed(tmp_path / "t.csv", "--data.header true")
    assert data.scaling is not None
    assert data.scaling.columns == tuple(names)


def test_units_and_two_lines_of_names(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    lines = (tmp_path / "t.csv").read_text().split("\n")
    lines.insert(1, "cm,1,")
    (tmp_path / "t.csv").write_text("\n".join(lines).replace("cm,1,", "cm,pieces,"))
    data = opened(tmp_path / "t.csv", label_column="label")
    assert data.scaling is not None
    assert data.scaling.columns == ("width cm", "count pieces")
    columns = pd.MultiIndex.from_product([["a", "b"], ["x", "y"]])
    pd.DataFrame(RANDOM.normal(size=(9, 4)), columns=columns).to_csv(
        tmp_path / "m.csv", index=False
    )
    data = opened(tmp_path / "m.csv")
    assert data.scaling is not None
    assert data.scaling.columns == ("a x", "a y", "b x", "b y")


def test_row_names_of_r_are_ids(tmp_path: Path) -> None:
    lines = [f'"r{n}" {n * n} {n % 4}' for n in range(12)]
    (tmp_path / "t.txt").write_text('"a" "b"\n' + "\n".join(lines))
    data = opened(tmp_path / "t.txt", scaling="none")
    assert data.spec.shape == (2,)
    for name, values in zip(data.train.ids, data.train.values.tolist(), strict=True):
        assert values[0] == int(name[1:]) ** 2


def test_trailing_separators_are_no_column(tmp_path: Path) -> None:
    lines = [f"{n},{n * n}," for n in range(12)]
    (tmp_path / "t.csv").write_text("a,b,\n" + "\n".join(lines))
    data = opened(tmp_path / "t.csv")
    assert data.spec.shape == (2,)
    assert data.inventory.left_alone == {"empty columns without a name": 1}


def test_blanks_after_commas(tmp_path: Path) -> None:
    lines = [f"{n}, {n * n}, {'ab'[n % 2]}" for n in range(12)]
    (tmp_path / "t.csv").write_text("a, b, label\n" + "\n".join(lines))
    data = opened(tmp_path / "t.csv")
    assert data.label_names == ("a", "b")
    assert data.spec.shape == (2,)


def test_an_encoding_by_name(tmp_path: Path) -> None:
    frame = FRAME.rename(columns={"width": "größe"})
    frame.to_csv(tmp_path / "t.csv", index=False, encoding="cp1252")
    data = followed(tmp_path / "t.csv", "--data.encoding cp1252")
    assert data.scaling is not None
    assert data.scaling.columns[0] == "größe"


def test_spectra_in_columns(tmp_path: Path) -> None:
    spectra = RANDOM.normal(size=(30, 8))
    frame = pd.DataFrame(spectra.T, columns=[f"s{n}" for n in range(30)])
    frame.insert(0, "wavelength", np.linspace(400, 470, 8))
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = followed(tmp_path / "t.csv", "--data.transpose true", scaling="none")
    assert data.spec.shape == (8,)
    assert data.scaling is not None
    assert data.scaling.columns == tuple(str(400 + 10 * n) for n in range(8))
    for name, values in zip(data.train.ids, data.train.values, strict=True):
        assert torch.equal(values, torch.as_tensor(spectra[int(name[1:])]).float())
    frame.to_parquet(tmp_path / "t.parquet")
    again = followed(tmp_path / "t.parquet", "--data.transpose true", "parquet", scaling="none")
    assert again.sha256 == data.sha256
    as_rows = followed(tmp_path / "t.csv", "--data.drop wavelength")
    assert as_rows.spec.shape == (30,)


def test_archives_of_several_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
        archive.writestr("b.csv", "x\n1\n")
    with pytest.raises(DataError, match="archive of 2 files"):
        opened(tmp_path / "t.zip")


def test_compressed_without_a_suffix(tmp_path: Path, plain: Dataset) -> None:
    content = (tmp_path / "plain.csv").read_bytes()
    for pack in (bz2.compress, lzma.compress):
        (tmp_path / "t").write_bytes(pack(content))
        assert opened(tmp_path / "t").sha256 == plain.sha256


NAMES = st.text("abcxyz ÄßΩ_.-", min_size=1, max_size=8).filter(
    lambda name: name.strip() == name and name not in (".", "-") and name != "label"
)
NUMBERS = st.floats(-1e30, 1e30, allow_nan=False, width=64) | st.integers(-(10**12), 10**12)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    rows = draw(st.integers(4, 12))
    columns = {
        name: [*draw(st.lists(NUMBERS, min_size=rows, max_size=rows)), 0.25, 7.5, -3.5]
        for name in names
    }
    frame = pd.DataFrame(columns)
    frame["label"] = [["no", "yes, it is", 'a "b"'][n % 3] for n in range(len(frame))]
    return frame


@given(
    tables(),
    st.sampled_from([",", ";", "\t", "|", "^"]),
    st.sampled_from([".", ","]),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
    st.sampled_from([csv_module.QUOTE_MINIMAL, csv_module.QUOTE_ALL, csv_module.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_dialect_of_pandas_gives_the_same_data(
    tmp_path_factory: pytest.TempPathFactory,
    frame: pd.DataFrame,
    separator: str,
    decimal: str,
    encoding: str,
    quoting: int,
    line_end: str,
) -> None:
    """Also the separator that is not recognised, by its name, and bits of every number."""
    path = tmp_path_factory.mktemp("dialect") / "t.csv"
    text = io.StringIO()
    frame.to_csv(
        text, index=False, sep=separator, decimal=decimal, quoting=quoting, lineterminator=line_end
    )
    path.write_bytes(text.getvalue().encode(encoding))
    parquet = path.with_suffix(".parquet")
    frame.to_parquet(parquet)
    named: dict[str, Any] = {"drop_constant": True, "scaling": "none"}
    marks: dict[str, Any] = {"decimal": decimal}
    if separator == "^":
        marks["separator"] = separator
    expected = open_dataset(DataSettings(f"parquet:{parquet}", **named))
    data = opened(path, **named, **marks)
    assert data.sha256 == expected.sha256
    assert data.scaling is not None
    assert expected.scaling is not None
    assert data.scaling.columns == expected.scaling.columns
    assert data.label_names == expected.label_names


def test_a_line_that_is_longer_than_the_first_ones(tmp_path: Path) -> None:
    lines = [f"{n},{n * n},x" for n in range(200)] + [f"7,9,{'y' * 3_000_000}"]
    (tmp_path / "t.csv").write_text("a,b,c\n" + "\n".join(lines))
    assert len(opened(tmp_path / "t.csv", drop=("c",)).train) == 181
