"""What is asked of a file before it is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ambigan.core.errors import DataError
from ambigan.data.files import check_file, first_line


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(DataError, match=r"pipe\.npy is not a regular file; a \.npy file was"):
        check_file(tmp_path / "pipe.npy", "a .npy file")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("cut.\nmore"), "cut"),
        (EOFError(), "EOFError"),
        (ValueError("\n"), "ValueError"),
    ],
)
def test_one_line_is_kept_of_an_error(error: Exception, line: str) -> None:
    assert first_line(error) == line
