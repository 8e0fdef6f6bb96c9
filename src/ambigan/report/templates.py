"""Pages from templates, all in one way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def render_template(name: str, context: Mapping[str, Any], *folders: str) -> str:
    """A page as HTML that any file can hold.

    Args:
        name: of the template.
        context: what it is filled with.
        folders: of the package, where templates are looked for before `report`.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("ambigan", folder) for folder in (*folders, "report")]),
        autoescape=True,  # labels, paths and file names are anybody's text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(name).render(context)
    return page.replace("\0", "").encode(errors="replace").decode()  # file names hold anything
