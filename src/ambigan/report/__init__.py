"""A run folder as one page: what was learned, what it is worth beside baselines, how it went."""

from __future__ import annotations

from .page import write_report

__all__ = ["write_report"]
