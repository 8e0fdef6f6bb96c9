"""A run is pushed and fetched by the real client, and what a hostile hub sends is refused."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ambigan
from ambigan.cli import main
from ambigan.core.errors import CheckpointError, ConfigError
from ambigan.evaluation.result_file import read_results
from ambigan.hub import local_folder, name_of, push, repository
from fake_hub import FakeHub, Repository, serving

NAME = "hf:ann/digits"


@pytest.fixture(scope="module")
def measured_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("hub") / "run"
    shutil.copytree(finished_run, run)
    assert main(["evaluate", str(run), "--protocol", "knn1_euclidean", "--quiet"]) == 0
    return run


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", "hf_of_tests")
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield hub


def published(hub: FakeHub, run: Path) -> Repository:
    """A repository with the files of a run's model."""
    names = ["config.json", *(f"model/{path.name}" for path in (run / "model").iterdir())]
    files = {name: (run / name).read_bytes() for name in names}
    hub.repositories["ann/digits"] = found = Repository(files)
    return found


def with_weights(found: Repository, content: bytes, kind: str = "ema") -> None:
    """Puts other weights in the place of one kind, with the hash that belongs to them."""
    about = json.loads(found.files["model/config.json"])
    about["sha256"] = {kind: hashlib.sha256(content).hexdigest()}
    found.files["model/config.json"] = json.dumps(about).encode()
    found.files[f"model/{kind}.safetensors"] = content


def test_a_run_is_pushed_with_its_card_and_loaded_again(
    measured_run: Path, hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", str(measured_run), "ann/digits", "--private"]) == 0
    assert "pushed: " in capsys.readouterr().out
    kept = hub.repositories["ann/digits"]
    assert kept.private
    weights = {path for path in kept.files if path.endswith(".safetensors")}
    assert weights == {"model/ema.safetensors", "model/raw.safetensors"}
    assert set(kept.files) - weights == {"README.md", "config.json", "model/config.json"}
    card = kept.files["README.md"].decode()
    assert card.startswith("---\nlibrary_name: ambigan\n")
    assert 'ambigan.load("hf:ann/digits")' in card
    for result in read_results(measured_run / "results" / "knn1_euclidean.json"):
        assert f"| {result.headline.text} |" in card
    for heading in ("## Data", "## Scores", "## Limits", "## How it was made", "(baseline)"):
        assert heading in card

    run, own = ambigan.load(NAME), ambigan.load(measured_run)
    x = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), np.uint8)
    assert np.array_equal(run.features(x), own.features(x))
    assert not any(path.is_symlink() for path in run.path.rglob("*"))
    assert (name_of(run.path), name_of(own.path)) == ("ann/digits", measured_run.resolve().name)
    asked = len([line for line in hub.asked if "/resolve/" in line])
    out = tmp_path / "samples.npy"
    assert main(["sample", NAME, "--num", "3", "--out", str(out)]) == 0
    assert np.array_equal(np.load(out), own.sample(3))
    assert len([line for line in hub.asked if "/resolve/" in line]) == asked, "fetched once"


def test_other_entrances_take_the_name(measured_run: Path, hub: FakeHub) -> None:
    published(hub, measured_run)
    config = ambigan.make_config(run=NAME)
    assert config == ambigan.make_config(run=measured_run)
    (result, *_) = ambigan.evaluate(NAME, protocols=["knn1_euclidean"], baselines=())
    assert result.subject.name == "encoder.hidden2"
    assert main(["train", "--resume", NAME]) == 2


def test_what_else_lies_in_a_repository_is_left_alone(
    measured_run: Path, hub: FakeHub, tmp_path: Path
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    found = published(hub, measured_run)
    names = ("model.py", "model/config.py", "pytorch_model.bin", "checkpoints/000000000100.pt")
    found.files |= dict.fromkeys((*names, "../../evil", "data.json"), pickle.dumps(Bomb()))
    run = ambigan.load(NAME)
    kept = {str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file()}
    kept = {name for name in kept if not name.startswith(".cache/")}
    model = {f"model/{name}" for name in ("config.json", "ema.safetensors", "raw.safetensors")}
    assert kept == {"config.json", *model}
    assert not (tmp_path / "ran").exists()
    assert not [line for line in hub.asked if "evil" in line or ".py" in line or ".pt" in line]


def test_pickles_and_huge_headers_are_refused(
    measured_run: Path, hub: FakeHub, tmp_path: Path
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    found = published(hub, measured_run)
    huge = (20 << 20).to_bytes(8, "little") + b"{" + b" " * (20 << 20)
    beyond = (1 << 62).to_bytes(8, "little") + b"{}"
    deep = (200_000).to_bytes(8, "little") + b"[" * 200_000
    for content, said in (
        (pickle.dumps(Bomb()), "safetensors"),
        (huge, "header of 20971520 bytes"),
        (beyond, "header of 4611686018427387904 bytes"),
        (deep, "not a safetensors file"),
    ):
        with_weights(found, content)
        with pytest.raises(CheckpointError, match=said):
            ambigan.load(NAME)
    assert not (tmp_path / "ran").exists()


def test_code_that_is_named_is_not_imported(measured_run: Path, hub: FakeHub) -> None:
    found = published(hub, measured_run)
    plain = found.files["config.json"]
    found.files["config.json"] = plain.replace(b'"bigan"', b'"evil:Evil"', 1)
    found.files["evil.py"] = b"raise SystemExit('ran')"
    with pytest.raises(ConfigError, match="imports no code"):
        ambigan.load(NAME)
    config = json.loads(plain)
    config |= {"method": "evil", "plugins": [{"name": "evil.py", "sha256": ""}]}
    found.files["config.json"] = json.dumps(config).encode()
    with pytest.raises(ConfigError, match="--plugin"):
        ambigan.load(NAME)


def test_sizes_are_bounded(
    measured_run: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "LARGEST_SETTINGS", 1 << 20)
    found = published(hub, measured_run)
    found.claimed_sizes["config.json"] = 1 << 40
    with pytest.raises(CheckpointError, match=r"config.json has 1099511627776 bytes"):
        ambigan.load(NAME)
    found.claimed_sizes, found.endless = {"config.json": 1000}, "config.json"
    with pytest.raises(CheckpointError, match="more than 1048576 bytes"):
        ambigan.load(NAME)
    found.endless, found.claimed_sizes = "", {}
    ambigan.load(NAME)


def test_links_in_the_cache_are_not_followed(
    measured_run: Path, hub: FakeHub, tmp_path: Path
) -> None:
    found = published(hub, measured_run)
    folder = tmp_path / "cache/ambigan/hub/ann--digits" / found.sha
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.mkdir(parents=True)
    (folder / "model").symlink_to(elsewhere)
    with pytest.raises(CheckpointError, match="is a link"):
        ambigan.load(NAME)
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize(
    "name", ["hf:", "hf:ann", "hf:ann/..", "hf:../ann", "hf:a/b/c", "hf:a b/c", "hf:ann/x@../y"]
)
def test_names_that_no_repository_has_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="names no repository; write hf:USER/NAME"):
        local_folder(name)


def test_what_is_not_there_is_said_in_one_line(
    measured_run: Path, hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", "hf:ann/nothing"]) == 2
    assert "the hub has no ann/nothing that you may use" in capsys.readouterr().err
    found = published(hub, measured_run)
    assert main(["sample", f"{NAME}@other"]) == 2
    assert "the hub has no ann/digits" in capsys.readouterr().err
    found.commit = "../../../etc"
    with pytest.raises(CheckpointError, match="names no commit"):
        ambigan.load(NAME)
    found.commit = ""
    del found.files["model/raw.safetensors"]
    with pytest.raises(CheckpointError, match="lacks a file"):
        ambigan.load(NAME)
    del found.files["model/config.json"]
    with pytest.raises(CheckpointError, match="holds no model of ambigan"):
        ambigan.load(NAME)


def test_an_unreachable_hub_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="cannot be reached"):
        ambigan.load(NAME)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ConfigError, match=r"pip install 'ambigan\[hub\]'"):
        ambigan.load(NAME)


def test_what_cannot_be_pushed_is_refused(measured_run: Path, hub: FakeHub, tmp_path: Path) -> None:
    hub.repositories["ann/public"] = Repository()
    with pytest.raises(ConfigError, match="already and public"):
        push(measured_run, "ann/public", private=True)
    with pytest.raises(ConfigError, match="names no repository"):
        push(measured_run, "digits")
    run = tmp_path / "run"
    shutil.copytree(measured_run, run)
    path = run / "model" / "ema.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="torn or altered"):
        push(run, "ann/digits")
    shutil.rmtree(run / "model")
    with pytest.raises(CheckpointError, match="no finished model"):
        push(run, "ann/digits")
    assert "ann/digits" not in hub.repositories
