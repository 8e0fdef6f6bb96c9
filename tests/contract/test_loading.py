"""Invariants 6 and 7: loading runs no code; what is torn or altered is found out."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import ambigan
from ambigan.core.errors import CheckpointError, ConfigError
from ambigan.core.files import StorageError, sha256_of, write_bytes
from ambigan.engine.checkpoint import list_checkpoints, read_checkpoint
from ambigan.training import resume, train
from games import toy_config


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_pickle_posing_as_a_checkpoint_is_refused_and_not_run(tmp_path: Path) -> None:
    bomb = tmp_path / "000000000100.pt"
    for content in (
        pickle.dumps(Bomb(tmp_path / "ran")),
        _torch_pickle(Bomb(tmp_path / "ran"), tmp_path),
    ):
        bomb.write_bytes(content)
        (tmp_path / "000000000100.pt.sha256").write_text(f"{sha256_of(content)}  {bomb.name}\n")
        with pytest.raises(CheckpointError, match="no checkpoint"):
            read_checkpoint(bomb)
    assert not (tmp_path / "ran").exists()


def _torch_pickle(content: object, folder: Path) -> bytes:
    path = folder / "bomb"
    torch.save({"images_seen": content}, path)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["raw.safetensors", "ema.safetensors"])
@pytest.mark.parametrize("damage", ["torn", "altered", "gone"])
def test_damaged_weights_are_found_out(
    finished_run: Path, tmp_path: Path, name: str, damage: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    path = run / "model" / name
    content = bytearray(path.read_bytes())
    if damage == "torn":
        path.write_bytes(content[:-5])
    elif damage == "altered":
        content[-1] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    with pytest.raises(CheckpointError, match=name):
        ambigan.load(run, weights=name.partition(".")[0])


def test_a_checkpoint_without_its_hash_was_never_finished(tmp_path: Path) -> None:
    run = train(toy_config("gan-paper"), tmp_path / "run")
    newest = list_checkpoints(run.checkpoints)[-1]
    newest.with_name(newest.name + ".sha256").unlink()
    with pytest.raises(CheckpointError, match="not finished"):
        read_checkpoint(newest)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        ambigan.load(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="not a run"):
        ambigan.load(tmp_path)
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(CheckpointError, match="not readable JSON"):
        ambigan.load(tmp_path)
    (tmp_path / "config.json").write_text('{"method": "bigan"}')
    with pytest.raises(ConfigError, match="not the config of a run"):
        ambigan.load(tmp_path)


def test_code_named_by_a_file_is_not_imported(finished_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    config = (run / "config.json").read_text().replace('"bigan"', '"evil_module:Evil"')
    (run / "config.json").write_text(config)
    (tmp_path / "evil_module.py").write_text("raise SystemExit('ran')")
    for use in (ambigan.load, resume):
        with pytest.raises(ConfigError, match=r"imports no code .* --plugin evil_module,"):
            use(run)


def test_data_that_changed_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.npy"
    values = np.random.default_rng(0).normal(size=(300, 3))
    np.save(table, values)
    config = toy_config("bigan-paper", data__source=f"npy:{table}")
    run = train(config, tmp_path / "run")
    np.save(table, values + 1)
    with pytest.raises(CheckpointError, match="not the data"):
        resume(run.path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "kept"
    write_bytes(path, b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"no space left to write .*kept"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
