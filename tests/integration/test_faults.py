"""What a system does to files: no permission, no end, no space, signals; each is one line."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from test_kill import heed_signals, start, stop, training_of_vectors, wait_for_training

import ambigan
from ambigan.cli import main
from ambigan.core.errors import CheckpointError, ConfigError
from ambigan.core.files import (
    check_writable,
    open_regular,
    read_json,
    sha256_of,
    sweep,
    write_bytes,
    write_text,
)
from ambigan.core.machine import num_launched_processes
from ambigan.engine.checkpoint import list_checkpoints, load_newest
from ambigan.hub.card import escape_markdown


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a run, in the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished_run, tmp_path / "run")
    return Path("run")


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    *before, told = capsys.readouterr().err.strip().splitlines()
    assert told.startswith("ambigan: ")
    assert not any(line.startswith("ambigan: ") for line in before)  # what was read, say
    return told


@pytest.fixture
def without_privileges() -> Iterator[None]:
    """A common user's rights over files: root may read and write whatever their modes say.

    Of root's capabilities, those that override modes are put down and taken up again, since the
    interpreter may lie where another user cannot reach it.
    """
    if os.geteuid() != 0:
        yield
        return
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    before, fewer = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "capset") or libc.capget(header, before):
        pytest.skip("root's rights over files cannot be put down here")
    ctypes.memmove(fewer, before, ctypes.sizeof(before))
    fewer[0] &= ~0b110  # of the effective ones: DAC_OVERRIDE and DAC_READ_SEARCH
    assert libc.capset(header, fewer) == 0
    yield
    assert libc.capset(header, before) == 0


@pytest.mark.parametrize(
    "name",
    ["config.json", "data.json", "model", "model/config.json", "model/ema.safetensors", "."],
)
def test_files_that_may_not_be_read(
    run: Path, name: str, capsys: pytest.CaptureFixture[str], without_privileges: None
) -> None:
    mode = (run / name).stat().st_mode
    (run / name).chmod(0)
    told = refusal(capsys, "report" if name == "data.json" else "sample", run)
    (run / name).chmod(mode)
    assert "ermission denied" in told


def test_a_checkpoint_that_may_not_be_read_counts_as_damaged(
    run: Path, without_privileges: None
) -> None:
    older, newest = list_checkpoints(run / "checkpoints")[-2:]
    newest.chmod(0)
    with pytest.warns(UserWarning, match=f"Permission denied. Going on from {older.name}"):
        assert load_newest(run / "checkpoints") is not None
    (run / "checkpoints").chmod(0)
    with pytest.raises(PermissionError):  # that there are none would be a guess
        load_newest(run / "checkpoints")
    (run / "checkpoints").chmod(0o755)


def test_folders_that_may_not_be_written(
    run: Path, capsys: pytest.CaptureFixture[str], without_privileges: None
) -> None:
    run.chmod(0o555)
    for words in (("report", run), ("sample", run), ("embed", run), ("train", "--resume", run)):
        assert "cannot write" in refusal(capsys, *words)
    words = ("train", "bigan", "--data", "digits", "--device", "cpu", "--out", run / "new")
    assert "cannot write" in refusal(capsys, *words)
    run.chmod(0o755)


@pytest.mark.parametrize("path", ["x" * 256, "a\0b", "file/below", "loop", "x/" * 3000, "\udcff"])
def test_paths_that_cannot_be(path: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    Path("loop").symlink_to("loop")
    for words in (
        ("sample", path),
        ("sample", run, "--out", f"{path}.npy"),
        ("embed", run, "--data", f"folder:{path}"),
        ("train", "--resume", path),
        ("train", "bigan", "--data", f"csv:{path}"),
        ("prepare", "digits", path),
        ("search", run, "--query", path),
    ):
        if words[0] == "prepare" and path == "\udcff":
            continue  # a name that the disk takes
        if words[1] == run and words[2] == "--out" and path in ("loop", "\udcff"):
            continue  # a name beside it
        refusal(capsys, *words)


SPECIAL = ("config.json", "data.json", "model/config.json", "model/ema.safetensors", "stats.jsonl")


@pytest.mark.parametrize("kind", ["pipe", "zero"])
@pytest.mark.parametrize("name", SPECIAL)
def test_files_without_an_end(
    run: Path, name: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).unlink()
    if kind == "pipe":
        os.mkfifo(run / name)
    else:
        (run / name).symlink_to("/dev/zero")
    used = "report" if name in ("data.json", "stats.jsonl") else "sample"
    assert "regular file" in refusal(capsys, used, run) or name == "config.json"


def test_a_pipe_in_place_of_a_checkpoint(run: Path) -> None:
    older, newest = list_checkpoints(run / "checkpoints")[-2:]
    newest.unlink()
    os.mkfifo(newest)
    with pytest.warns(UserWarning, match=f"no regular file. Going on from {older.name}"):
        assert load_newest(run / "checkpoints") is not None
    with pytest.raises(OSError, match="no regular file"):
        open_regular(Path("/dev/zero"))


def checkpoint_of(content: bytes, run: Path) -> None:
    for path in list_checkpoints(run / "checkpoints"):
        path.write_bytes(content)
        path.with_name(path.name + ".sha256").write_text(sha256_of(content))


@pytest.mark.parametrize("content", [b"", b"\0", b"\x80", b"{" * 9, b"PK\3\4", b"]" * 5000])
def test_checkpoints_of_nothing_with_a_right_hash(
    content: bytes, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint_of(content, run)
    assert "no usable checkpoint" in refusal(capsys, "train", "--resume", run)


@pytest.mark.parametrize("key", ["images_seen", "iterations", "method", "optimizers", "meters"])
def test_checkpoints_without_a_key(key: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = list_checkpoints(run / "checkpoints")[-1]
    state = torch.load(path, weights_only=True)
    for harm in (lambda: state.pop(key), lambda: state.update({key: float("nan")})):
        harm()
        torch.save(state, "harmed")
        checkpoint_of(Path("harmed").read_bytes(), run)
        assert f"it has no '{key}'" in refusal(capsys, "train", "--resume", run)


@pytest.mark.parametrize("name", ["config.json", "data.json", "model/config.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "", "\0", "\xff"])
def test_json_that_is_none(
    name: str, text: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).write_text(text, encoding="latin-1")
    assert "JSON" in refusal(capsys, "report", run)


@pytest.mark.parametrize(
    ("file", "keys", "value"),
    [
        ("model/config.json", ("data", "shape"), [1, 8, 9]),
        ("model/config.json", ("data", "bounded"), False),
        ("model/config.json", ("images_seen",), 7),
        ("config.json", ("settings", "term_weight"), 0.5),
        ("config.json", ("train", "seed"), 5),
        ("config.json", ("settings", "network", "hidden"), [100_000, 100_000]),
    ],
)
def test_settings_that_were_changed_are_found(
    file: str, keys: tuple[str, ...], value: object, run: Path
) -> None:
    content = read_json(run / file)
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    (run / file).write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"config\.json is not as it was"):
        ambigan.load(run)
    if file == "config.json":  # nor is the checkpoint of an unfinished run taken for it
        (run / "model" / "config.json").unlink()
        with pytest.warns(UserWarning, match="not finished"), pytest.raises(CheckpointError):
            ambigan.load(run)


def test_changed_data_of_an_unfinished_run_are_found(run: Path) -> None:
    (run / "model" / "config.json").unlink()
    content = read_json(run / "data.json")
    (run / "data.json").write_text(json.dumps(content | {"bounded": False}))
    changed = pytest.raises(CheckpointError, match=r"data\.json was changed")
    with pytest.warns(UserWarning, match="not finished"), changed:
        ambigan.load(run)


def test_huge_networks_over_small_weights_take_no_memory(run: Path) -> None:
    """Weights of an older version carry no digest of the settings; their shapes are compared."""
    from safetensors.torch import load_file, save

    about = read_json(run / "model" / "config.json")
    for kind in about["sha256"]:
        content = save(load_file(run / "model" / f"{kind}.safetensors"))
        (run / "model" / f"{kind}.safetensors").write_bytes(content)
        about["sha256"][kind] = sha256_of(content)
    (run / "model" / "config.json").write_text(json.dumps(about))
    ambigan.load(run)
    config = read_json(run / "config.json")
    config["settings"]["network"]["hidden"] = [1_000_000, 1_000_000]
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="other networks than the settings describe"):
        ambigan.load(run)


def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    for mask, mode in ((0o077, 0o600), (0o027, 0o640), (0o002, 0o664)):
        before = os.umask(mask)
        try:
            write_text(tmp_path / "a", "text")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


def test_what_killed_writes_left_is_removed(tmp_path: Path) -> None:
    for name in (".a.json.0123abcd", ".b.json.0123abcd", ".a.json", ".settings.profiles"):
        (tmp_path / name).write_text("half")
    write_text(tmp_path / "a.json", "{}")
    names = {".b.json.0123abcd", ".a.json", ".settings.profiles", "a.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == names - {".b.json.0123abcd"}


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path: Path) -> None:
    write_bytes(tmp_path / ("x" * 255), b"content")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"content"


@pytest.mark.parametrize(
    "given",
    [
        {"WORLD_SIZE": "2"},
        {"WORLD_SIZE": "many"},
        {"WORLD_SIZE": "2", "RANK": "0"},
        {"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"},
        {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "x"},
    ],
)
def test_half_of_what_torchrun_sets(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"start several processes with torchrun, or unset"):
        num_launched_processes()
    refusal(capsys, "train", "bigan", "--data", "digits", "--device", "cpu")


def test_names_of_data_are_no_markup() -> None:
    assert escape_markdown("a|b\n# <b>*x*</b> [l](u) `c`") == (
        r"a\|b \# &lt;b&gt;\*x\*&lt;/b&gt; \[l\](u) \`c\`"
    )


def test_a_full_disk_is_found_before_the_figures(tmp_path: Path, monkeypatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        check_writable(tmp_path)


def test_output_that_cannot_be_written_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        told = subprocess.run(
            [sys.executable, "-m", "ambigan", "presets"], stdout=full, stderr=subprocess.PIPE
        )
    assert told.returncode == 2
    assert told.stderr.decode().count("\n") == 1
    assert b"No space left" in told.stderr


def test_a_closed_terminal_leaves_a_checkpoint(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(*training_of_vectors(tmp_path), "--epochs", "400", "--out", str(run))
    wait_for_training(run, process)
    told = stop(process, signal.SIGHUP)
    assert process.returncode == 128 + signal.SIGHUP
    assert f"ambigan train --resume {run}" in told
    assert list_checkpoints(run / "checkpoints")


INTERRUPTED = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "torch":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from ambigan.cli import main
sys.exit(main(["sample", "."]))
"""


def test_an_interrupt_during_imports_is_one_line() -> None:
    command = [sys.executable, "-c", INTERRUPTED]
    told = subprocess.run(command, capture_output=True, text=True, preexec_fn=heed_signals)
    assert told.returncode == 130
    assert told.stderr == (
        "stopped; no file is left half written; repeat the command to begin again\n"
    )


@pytest.mark.usefixtures("quick_pages")
def test_a_second_demo_says_where_the_first_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["demo", "--epochs", "1", "--settings.network.hidden", "8,8", "--device", "cpu"]
    words += ["--data.max-train", "200"]
    assert main(words) == 0
    page = Path("runs/demo/report.html").resolve().as_uri()
    written = Path("runs/demo/report.html").read_bytes()
    assert page in capsys.readouterr().out
    for more in ([], ["--out", "runs/demo"]):
        assert main([*words, *more]) == 0
        assert page in capsys.readouterr().out
    assert Path("runs/demo/report.html").read_bytes() == written
    assert main([*words, "--seed", "5"]) == 0
    assert Path("runs/demo-2/report.html").is_file()


def test_large_vectors_take_twice_their_file_at_most(tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    file = np.lib.format.open_memmap(path, "w+", np.float32, (150_000, 200))
    file[:] = np.random.default_rng(0).normal(size=(1, 200))
    file[::2] += 1
    file.flush()
    code = (
        "import resource, sys, torch; from ambigan.data import DataSettings, open_dataset\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = peak(); kept = open_dataset(DataSettings('npy:' + sys.argv[1]))\n"
        "print(peak() - before)"
    )
    told = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    assert int(told.stdout) < 2.6 * path.stat().st_size  # of a file this small, parts count too
