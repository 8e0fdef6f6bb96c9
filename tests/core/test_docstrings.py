"""Descriptions of settings are read from docstrings, of imported classes and of source files."""

from __future__ import annotations

from ambigan.core.settings import attribute_descriptions, docstring_in_package
from ambigan.engine.config import TrainSettings


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


def test_source_and_class_say_the_same() -> None:
    source = docstring_in_package("engine.config", "TrainSettings")
    assert attribute_descriptions(source) == attribute_descriptions(TrainSettings.__doc__)
    assert docstring_in_package("engine.config", "Nothing") is None
