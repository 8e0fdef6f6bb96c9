"""How numbers are written in a table: decimal mark, thousands, and marks of missing values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.errors import DataError
from ...settings import DataSettings

MISSING = (
    *("", "?", "-", "--", ".", "*", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "na", "n.a."),
    *("nan", "NaN", "NAN", "-nan", "-NaN", "null", "NULL", "Null", "None", "none", "NONE", "NaT"),
    *("missing", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#N/A N/A", "#NULL!"),
    *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
"""Marks of missing values that spreadsheets, pandas, R and repositories of data sets write."""

_GROUPS = (" ", "\u00a0", "\u202f", "\u2009", "'", "\u2019", "_", ",", ".")
"""Marks between groups of three digits."""

_TRUTHS = (("true", "false"), ("wahr", "falsch"), ("vrai", "faux"), ("verdadero", "falso"))
"""Words for 1 and 0, as programs and spreadsheets write them."""

_UNITS = ("%", "\u20ac", "$", "\u00a3", "\u00a5", "EUR", "USD", "CHF", "GBP")
"""Marks of percent and currency, before or after numbers."""

_RARE = "\u2019\u00a0\u202f\u2009"
_EXPONENT = r"([eE][+-]?\d+)?"
_NUMBER_LIKE = rf"^[+-]?[\d.,][\d.,'_{_RARE} ]*{_EXPONENT}$"
_COMMA_DECIMAL = rf"^[+-]?(\d*|\d{{1,3}}([.' _{_RARE}]\d{{3}})+),\d*{_EXPONENT}$"
_COMMA_DOUBT = r"^[+-]?[1-9]\d{0,2},\d{3}$"
_POINT_GROUPS = rf"^[+-]?[1-9]\d{{0,2}}((\.\d{{3}}){{2,}}(,\d*)?|(\.\d{{3}})+,\d*){_EXPONENT}$"
_COMMA_GROUPS = rf"^[+-]?[1-9]\d{{0,2}}((,\d{{3}}){{2,}}(\.\d*)?|(,\d{{3}})+\.\d*){_EXPONENT}$"


@dataclass(frozen=True)
class Notation:
    """How numbers are written.

    Attributes:
        decimal: Decimal mark, a point or a comma.
        thousands: Mark between groups of three digits; empty for none.
        missing: Texts that stand for missing values.
        units: Marks of percent and currency that were found with numbers and left out.
    """

    decimal: str = "."
    thousands: str = ""
    missing: tuple[str, ...] = MISSING
    units: set[str] = field(default_factory=set[str], compare=False)

    @classmethod
    def of(cls, settings: DataSettings) -> Notation:
        """Returns the notation that the settings name, and the usual one where they name none."""
        thousands = settings.thousands or ""
        decimal = settings.decimal or ("," if thousands == "." else ".")
        return cls(decimal, thousands, (*MISSING, *settings.missing_marks))

    @property
    def is_usual(self) -> bool:
        """Whether numbers are written as in programs."""
        return self.decimal == "." and self.thousands in ("", " ")

    def described(self) -> str:
        """Returns what is unusual, in words; empty for nothing."""
        words = ["decimal comma"] if self.decimal == "," else []
        words += [f"thousands by '{self.thousands}'"] if self.thousands else []
        words += [f"{mark} left out next to numbers" for mark in sorted(self.units)]
        return ", ".join(words)

    def without_units(self, texts: Any) -> Any:
        """Returns an Arrow array without the mark of percent or currency that all texts have."""
        compute = import_module("pyarrow.compute")
        for mark in _UNITS:
            sign = re.escape(mark)
            number = r"[-+]?\s*[\d.,][\d.,'_\s]*"
            pattern = rf"^([-+]?{sign}\s*{number}|{number}{sign})$"
            if compute.all(compute.match_substring_regex(texts.drop_null(), pattern)).as_py():
                self.units.add(mark)
                return compute.utf8_trim_whitespace(compute.replace_substring(texts, mark, ""))
        return texts

    def without_missing(self, texts: Any) -> Any:
        """Returns an Arrow array of texts, without blanks around them and null for missing ones."""
        compute, arrow = import_module("pyarrow.compute"), import_module("pyarrow")
        trimmed = compute.utf8_trim_whitespace(texts)
        marks = arrow.array(self.missing, trimmed.type)
        is_missing = compute.is_in(trimmed, value_set=marks)
        return compute.if_else(is_missing, arrow.scalar(None, trimmed.type), trimmed)

    def numbers(self, texts: Any) -> NDArray[np.float64] | None:
        """Reads an Arrow array of texts as float64, NaN for missing ones; None if one is no number.

        Texts of true and false alone are read as ones and zeros.
        """
        if self.is_usual:
            read = _cast(texts)
            if read is not None:
                return read
        compute = import_module("pyarrow.compute")
        left = self.without_missing(texts)
        if left.null_count == len(left):
            return np.full(len(left), np.nan)
        lower = compute.utf8_lower(left)
        for pair in _TRUTHS:
            levels = import_module("pyarrow").array(pair, lower.type)
            if compute.all(compute.is_in(lower.drop_null(), value_set=levels)).as_py():
                return compute.equal(lower, pair[0]).cast("float64").to_numpy(zero_copy_only=False)
        left = self.without_units(left)
        left = compute.replace_substring(left, "\u2212", "-")
        left = compute.replace_substring_regex(left, r"^\+", "")
        if self.thousands:
            groups = rf"^-?\d{{1,3}}({re.escape(self.thousands)}\d{{3}})+([^\d].*)?$"
            has_mark = compute.match_substring(left, self.thousands)
            grouped = compute.match_substring_regex(left, groups)
            if compute.any(compute.and_(has_mark, compute.invert(grouped))).as_py():
                return None
            left = compute.replace_substring(left, self.thousands, "")
        if self.decimal == ",":
            if compute.any(compute.match_substring(left, ".")).as_py():
                return None
            left = compute.replace_substring(left, ",", ".")
        return _cast(left)


def _cast(texts: Any) -> NDArray[np.float64] | None:
    try:
        return texts.cast("float64").to_numpy(zero_copy_only=False)
    except import_module("pyarrow").ArrowInvalid:
        return None


def recognised_notation(
    columns: Iterable[tuple[str, Any]], notation: Notation, settings: DataSettings, where: str
) -> Notation:
    """Returns the notation that columns which are no plain numbers reveal; the given one for none.

    Args:
        columns: Names and Arrow arrays of columns of text.
        notation: The usual notation.
        settings: Settings, whose `decimal` and `thousands` hold where they are given.
        where: The file, for messages.

    Raises:
        DataError: Numbers such as 1,234 alone do not tell whether the comma is a decimal mark.
    """
    compute: Any = import_module("pyarrow.compute")

    def found(texts: Any, pattern: str) -> bool:
        return bool(compute.any(compute.match_substring_regex(texts, pattern)).as_py())

    decimal, thousands, doubt = set[str](), set[str](), ""
    for name, column in columns:
        texts = Notation().without_units(notation.without_missing(column))
        is_like = compute.all(compute.match_substring_regex(texts, _NUMBER_LIKE)).as_py()
        if not is_like or texts.null_count == len(texts):
            continue
        if found(texts, _POINT_GROUPS):
            decimal.add(",")
            thousands.add(".")
        if found(texts, _COMMA_GROUPS):
            decimal.add(".")
            thousands.add(",")
        unclear = compute.match_substring_regex(texts, _COMMA_DOUBT)
        comma = compute.match_substring_regex(texts, _COMMA_DECIMAL)
        if compute.any(compute.and_(comma, compute.invert(unclear))).as_py():
            decimal.add(",")
        elif compute.any(unclear).as_py():
            doubt = doubt or name
        for mark in _GROUPS[:-2]:
            if found(texts, rf"^[+-]?\d{{1,3}}({mark}\d{{3}})+([.,]\d*)?$"):
                thousands.add(mark)
    if len(decimal) > 1 or len(thousands) > 1:
        return notation
    if doubt and not decimal and settings.decimal is None and settings.thousands is None:
        raise DataError(
            f"{where}: numbers in column '{doubt}' are written as 1,234; say whether the comma is a"
            " decimal mark (--data.decimal ,) or groups thousands (--data.thousands ,)."
        )
    return Notation(
        settings.decimal or next(iter(decimal), notation.decimal),
        settings.thousands or next(iter(thousands), notation.thousands),
        notation.missing,
    )
