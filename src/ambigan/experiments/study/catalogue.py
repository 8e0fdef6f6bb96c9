"""The studies that can be made, by name."""

from __future__ import annotations

from ...core.errors import unknown_name
from . import bigbigan, sao
from .design import Study

STUDIES = {study.name: study for study in (*sao.STUDIES, *bigbigan.STUDIES)}


def find_study(name: str) -> Study:
    """The study of that name.

    Raises:
        ConfigError: there is none; the nearest name is suggested.
    """
    if name not in STUDIES:
        raise unknown_name("study", name, STUDIES)
    return STUDIES[name]
