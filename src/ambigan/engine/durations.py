"""Durations in words, as progress, pages and estimates show them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Formats a duration in at most two units: `0.5 s`, `45 s`, `3 h 20 min`, `42 d`.

    Args:
        seconds: Duration in seconds, not negative.
    """
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if (whole := round(seconds)) < 60:
        return f"{whole} s"
    if whole < 600:
        return _two_units(whole, 60, "min", "s")
    if (minutes := round(seconds / 60)) < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return _two_units(minutes, 60, "h", "min")
    if (hours := round(seconds / 3600)) < 240:
        return _two_units(hours, 24, "d", "h")
    return f"{seconds / 86400:,.0f} d"


def _two_units(count: int, size: int, large: str, small: str) -> str:
    """Formats a count of small units, of which `size` make a large one; zeros are left out."""
    whole, rest = divmod(count, size)
    return f"{whole} {large}" + (f" {rest} {small}" if rest else "")
