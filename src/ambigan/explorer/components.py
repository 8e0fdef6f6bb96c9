"""Dash, which is installed with the extra `explore`, and what the parts of the page share."""

from __future__ import annotations

from typing import Any

from ..core.imports import import_extra

dash: Any = import_extra("dash", "explore", "ambigan explore")
dcc: Any = dash.dcc
html: Any = dash.html

CHOSEN, TERMS = "chosen", "terms"
"""Stores of the page: the place of the example that is looked at, and those of each term."""

TERM_NAMES = ("A", "B", "C")

PROBLEM = "problem"
"""Where the page shows what could not be answered."""


def labelled(text: str, control: Any) -> Any:
    """A control under the words that say what it is for, which a screen reader reads with it."""
    return html.Label([html.Span(text, className="name"), control], className="field")


def button(text: Any, identity: Any, **options: Any) -> Any:
    """A button that is known by its identity."""
    return html.Button(text, id=identity, n_clicks=0, **{"className": "button", **options})


def example_button(place: int, panel: str, picture: Any, caption: str) -> Any:
    """A picture of an example with its caption, which chooses that example.

    Args:
        place: Place of the example in the collection.
        panel: Part of the page that it is in, since each button of a page has a name of its own.
        picture: What shows the example.
        caption: Its name.
    """
    return html.Button(
        [picture, html.Span(caption, className="caption")],
        id={"type": "example", "panel": panel, "place": place},
        n_clicks=0,
        className="example",
        title=caption,
    )


def message(text: str) -> Any:
    """One line for the user, which a screen reader reads out when it appears."""
    return html.P(text, role="status", className="message")
