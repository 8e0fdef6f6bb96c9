"""Descriptions of settings are read from docstrings."""

from __future__ import annotations

from ambigan.core.settings import attribute_descriptions


class Base:
    """What it is.

    Attributes:
        first: One line: with a colon.
        second: Two lines,
            joined.

    Raises:
        ValueError: never.
    """


class Derived(Base):
    """What it is beside.

    Attributes:
        second: Another meaning.
        third: One more.
    """


class Bare:
    pass


def test_attributes_are_read_on_one_line_each() -> None:
    described = attribute_descriptions(Base)
    assert described == {"first": "One line: with a colon.", "second": "Two lines, joined."}


def test_a_class_has_the_descriptions_of_its_bases() -> None:
    described = attribute_descriptions(Derived)
    assert list(described) == ["first", "second", "third"]
    assert described["second"] == "Another meaning."


def test_a_class_without_a_docstring_describes_nothing() -> None:
    assert attribute_descriptions(Bare) == {}
