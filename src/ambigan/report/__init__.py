"""A run's folder as one page: what was learned, how it compares with baselines, how it went."""

from __future__ import annotations

from .page import write_report

__all__ = ["write_report"]
