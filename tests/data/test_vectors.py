"""What messages about columns tell the user to type."""

from __future__ import annotations

import shlex

import pytest

from ambigan.core.settings import override
from ambigan.data import DataSettings
from ambigan.data.tables.raw_vectors import drop_flag, listed_columns


@pytest.mark.parametrize(
    "columns", [["a"], ["a", "b"], ["first name"], ["a,b"], [""], ["400", "1.50"]]
)
def test_the_flag_that_is_suggested_drops_these_columns(columns: list[str]) -> None:
    flag, value = shlex.split(drop_flag(columns))
    assert flag == "--data.drop"
    assert override(DataSettings(), {"drop": value}).drop == tuple(columns)


def test_columns_are_listed() -> None:
    assert listed_columns(["a"]) == "column 'a'"
    assert listed_columns(["a", "b"]) == "each of 2 columns ('a', 'b')"
    assert listed_columns(list("abcdefg")) == "each of 7 columns ('a', 'b', 'c', 'd', 'e', ...)"
