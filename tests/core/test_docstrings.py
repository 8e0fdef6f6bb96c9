"""Descriptions of settings are read from docstrings."""

from __future__ import annotations

from ambigan.core.settings import attribute_descriptions


def test_attributes_are_read_on_one_line_each() -> None:
    described = attribute_descriptions(
        """What it is.

        Attributes:
            first: One line: with a colon.
            second: Two lines,
                joined.

        Raises:
            ValueError: never.
        """
    )
    assert described == {"first": "One line: with a colon.", "second": "Two lines, joined."}


def test_a_class_without_a_docstring_describes_nothing() -> None:
    assert attribute_descriptions(None) == {}
