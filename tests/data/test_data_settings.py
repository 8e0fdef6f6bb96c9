"""What no source could use is refused when settings are built."""

from __future__ import annotations

from typing import Any

import pytest

from ambigan.core.errors import ConfigError
from ambigan.data import DataSettings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"holdout": -1}, "data.holdout is -1"),
        ({"test_fraction": 0.0}, "between 0 and 1"),
        ({"test_fraction": 1.0}, "between 0 and 1"),
        ({"test_fraction": float("nan")}, "between 0 and 1"),
        ({"size": (0, 32)}, "0,32; height and width must be 1 or more"),
        ({"size": (32, -1)}, "--data.size 32,32"),
        ({"max_corrupt": 1.5}, "from 0 to 1"),
        ({"scaling": "standart"}, "Did you mean 'standard'"),
        ({"label_column": "a", "drop": ("a",)}, "column 'a' is both"),
    ],
)
def test_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        DataSettings(**values)


def test_defaults_are_allowed() -> None:
    assert DataSettings().source == "digits"
