"""Names of data as they appear in Markdown: as text, whatever signs they are made of."""

from __future__ import annotations

import html
import re

_SIGNS = re.compile(r"([\\`*_\[\]#|~$])")


def escape(text: str) -> str:
    """The text on one line, in which nothing is markup, HTML, a link or the end of a table cell."""
    return _SIGNS.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
