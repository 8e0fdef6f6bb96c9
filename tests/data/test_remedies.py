"""What a refusal advises works when it is followed, one remedy after the other."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from ambigan.core.errors import ConfigError, DataError
from ambigan.core.settings import override
from ambigan.data import Dataset, DataSettings, open_dataset

random = np.random.default_rng(0)


def first_remedy(said: str) -> tuple[str, str]:
    """The first setting that a message names with a value, as it would be typed."""
    found = re.search(r"--data\.([a-z-]+)(?:=|\s)(.*)", said)
    assert found, said
    if found[2].startswith("''"):
        return found[1].replace("-", "_"), ""
    lexer = shlex.shlex(found[2], posix=True)
    lexer.whitespace_split = True
    text = str(lexer.get_token())
    text = text.rstrip(".;)")
    return found[1].replace("-", "_"), text if text == "," else text.rstrip(",")


def follow(source: str, most: int = 5) -> tuple[Dataset, list[str]]:
    """Opens a source as a user does who types what each message says."""
    typed: dict[str, str] = {}
    for _ in range(most):
        try:
            return open_dataset(override(DataSettings(source), typed)), list(typed)
        except (DataError, ConfigError) as error:
            said = str(error)
            assert "\n" not in said
            name, value = first_remedy(said)
            assert name not in typed, f"{said} (after {typed})"
            typed[name] = value
    raise AssertionError(f"{source}: refused still after {typed}")


def numbers(width: int = 5) -> pd.DataFrame:
    return pd.DataFrame(random.normal(size=(30, width)).round(3), columns=[*"abcdefgh"[:width]])


def headless() -> str:
    kinds = random.choice(["tcp", "udp"], 30)
    frame = numbers().assign(kind=kinds, always=3, flag=random.choice(["SF", "S0", "RST"], 30))
    frame.to_csv("kdd.csv", index=False, header=False)
    return "kdd.csv"


def unnamed_index() -> str:
    numbers().to_csv("t.csv")
    return "t.csv"


def encoded() -> str:
    numbers().rename(columns={"a": "größe"}).to_csv("t.csv", index=False, encoding="cp1252")
    return "t.csv"


def doubtful_comma() -> str:
    rows = [";".join(f"{n},{random.integers(100, 999)}" for n in row) for row in range_of(30, 3)]
    Path("t.csv").write_text("a;b;c\n" + "\n".join(rows))
    return "t.csv"


def range_of(rows: int, columns: int) -> list[list[int]]:
    return random.integers(1, 99, (rows, columns)).tolist()


def missing() -> str:
    frame = numbers()
    frame.loc[3, "b"] = None
    frame.to_csv("t.csv", index=False)
    return "t.csv"


def transposed() -> str:
    frame = pd.DataFrame(random.random((40, 20)), columns=[f"s{n}" for n in range(20)])
    frame.insert(0, "wavelength", np.arange(900, 1100, 5))
    frame.to_csv("t.csv", index=False)
    return "t.csv"


def text_column() -> str:
    numbers().assign(**{"the kind": random.choice(["a", "b, c"], 30)}).to_parquet("t.parquet")
    return "t.parquet"


def constant() -> str:
    np.save("x.npy", np.column_stack([np.ones(30), random.random((30, 3))]))
    return "x.npy"


def doubtful_layout() -> str:
    np.save("x.npy", random.integers(0, 256, (20, 16, 16, 16)).astype("u1"))
    return "x.npy"


def matlab_layout() -> str:
    from scipy.io import savemat

    savemat("x.mat", {"X": random.integers(0, 256, (16, 16, 3, 30)).astype("u1")})
    return "x.mat"


def sizes() -> str:
    Path("d").mkdir()
    for number in range(12):
        side = 16 + 4 * number
        pixels = random.integers(0, 256, (side, side + number, 3)).astype("u1")
        Image.fromarray(pixels).save(f"d/{number}.png")
    return "d"


def unreadable() -> str:
    sizes()
    Path("d/torn.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(20))
    return "d"


def pages() -> str:
    frames = random.integers(0, 256, (12, 16, 16)).astype("u1")
    tifffile.imwrite("movie.tif", frames, photometric="minisblack")
    return "movie.tif"


def two_columns() -> str:
    sizes()
    content = [Path(f"d/{number}.png").read_bytes() for number in range(12)]
    pd.DataFrame({"left": content, "right": content}).to_parquet("t.parquet")
    return "t.parquet"


@pytest.mark.parametrize(
    ("make", "followed"),
    [
        (headless, ["header", "one_hot", "drop_constant"]),
        (unnamed_index, ["id_column"]),
        (encoded, ["encoding"]),
        (doubtful_comma, ["decimal"]),
        (missing, ["missing"]),
        (transposed, ["transpose"]),
        (text_column, ["one_hot"]),
        (constant, ["drop_constant"]),
        (doubtful_layout, ["layout"]),
        (matlab_layout, ["layout"]),
        (sizes, ["size"]),
        (unreadable, ["max_corrupt", "size"]),
        (pages, ["pages"]),
        (two_columns, ["image_column", "size"]),
    ],
)
def test_following_the_advice_opens_the_data(
    make: Callable[[], str],
    followed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    data, typed = follow(make())
    assert len(data.train) + len(data.test) >= 11
    assert sorted(typed) == sorted(followed)
