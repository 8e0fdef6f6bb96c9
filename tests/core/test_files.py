from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ambigan.core.errors import suggestion, unknown_name
from ambigan.core.files import (
    StorageError,
    check_writable,
    hold_lock,
    read_json,
    sha256_of,
    write_json,
    write_text,
)


def test_json_comes_back(tmp_path: Path) -> None:
    content = {"a": [1, 2.5, None], "b": {"c": "ü"}}
    write_json(tmp_path / "deep" / "down.json", content)
    assert read_json(tmp_path / "deep" / "down.json") == content


def test_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    for _ in range(2):
        write_text(tmp_path / "a", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        write_text(tmp_path / "file" / "below", "text")


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock") as first, hold_lock(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with hold_lock(tmp_path / "lock") as later:
        assert later


def test_a_disk_without_locks_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with hold_lock(tmp_path / "lock") as is_ours:
        assert is_ours


def test_a_folder_is_tried_before_it_is_needed(tmp_path: Path) -> None:
    check_writable(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        check_writable(tmp_path / "file" / "below")


def test_known_hash() -> None:
    assert sha256_of(b"").startswith("e3b0c44298fc1c14")


def test_written_files_can_be_read_by_others(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "text")
    assert os.stat(tmp_path / "a").st_mode & 0o044 == 0o044


def test_nearest_names() -> None:
    assert suggestion("bigam", ["gan", "bigan"]) == " Did you mean 'bigan'?"
    assert suggestion("zzz", ["gan", "bigan"]) == ""
    assert str(unknown_name("method", "bigam", ["gan", "bigan"])) == (
        "unknown method 'bigam'. Did you mean 'bigan'? Known: bigan, gan."
    )
