"""What the docstrings of settings say of each field, read without importing their module."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def attribute_descriptions(docstring: str | None) -> dict[str, str]:
    """The descriptions in the `Attributes:` section of a docstring, each as one line of text."""
    described: dict[str, str] = {}
    name, is_inside = "", False
    for line in inspect.cleandoc(docstring or "").splitlines():
        if line and not line.startswith(" "):
            is_inside = line == "Attributes:"
        elif is_inside and (found := re.fullmatch(r" {4}(\w+): (.*)", line)):
            name = found[1]
            described[name] = found[2]
        elif is_inside and name and line.strip():
            described[name] += " " + line.strip()
    return described


@cache
def docstring_in_package(module: str, name: str) -> str | None:
    """The docstring of a class of this package, whose module is not imported.

    Args:
        module: Dotted name below `ambigan`, such as `methods.bigan`.
        name: Name of the class.
    """
    source = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    if not source.is_file():
        source = source.with_suffix("") / "__init__.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    found = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return next((ast.get_docstring(node) for node in found), None)
