from __future__ import annotations

import pytest

from ambigan.engine.durations import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.5, "0.5 s"),
        (9.96, "10 s"),
        (45.4, "45 s"),
        (59.96, "1 min"),
        (125, "2 min 5 s"),
        (599.7, "10 min"),
        (3599, "1 h"),
        (12_000, "3 h 20 min"),
        (86_399, "1 d"),
        (100_000, "1 d 4 h"),
        (3_707_713, "43 d"),
        (1e10, "115,741 d"),
    ],
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
