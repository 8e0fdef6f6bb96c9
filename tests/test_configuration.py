"""A configuration from presets, runs, files, functions and single changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import ambigan
from ambigan.core.errors import CheckpointError, ConfigError
from ambigan.core.settings import override
from ambigan.presets import find_preset

DIGITS = {"data.source": "digits"}


def written(path: Path, values: object) -> Path:
    path.write_text(json.dumps(values))
    return path


def test_a_preset_is_completed_by_what_is_given() -> None:
    config = ambigan.make_config("bigan", preset="small", changes={"train.epochs": 3, **DIGITS})
    assert config == override(find_preset("bigan", "small"), {"train.epochs": "3"})


def test_the_usual_preset_depends_on_the_data() -> None:
    assert ambigan.make_config("bigan", changes=DIGITS).preset == "small"
    assert ambigan.make_config("bigan", config={"data": {"source": "digits"}}).preset == "small"
    assert ambigan.make_config("bigan", config={"data": {"source": "cifar10"}}).preset == "images"


def test_what_is_written_is_read_back(tmp_path: Path, variant: str) -> None:
    """A whole configuration, as `--dry-run` prints it, is the same again."""
    from games import toy_config

    config = toy_config(variant)
    path = written(tmp_path / "config.json", config.to_json())
    assert ambigan.make_config(config=path) == config
    assert ambigan.make_config(config=config) == config


def test_each_source_overrides_those_before_it(tmp_path: Path) -> None:
    values = {"settings": {"latent_dim": 7, "prior": "normal"}, "train": {"epochs": 5}}
    path = written(tmp_path / "part.json", values)
    config = ambigan.make_config(
        "bigan", preset="small", config=path, changes={"settings.latent_dim": "9"}
    )
    small = find_preset("bigan", "small")
    settings = replace(small.settings, latent_dim=9, prior="normal")
    assert config == replace(small, settings=settings, train=replace(small.train, epochs=5))


def test_another_kind_of_networks_brings_its_own_defaults(tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", {"settings": {"network": {"kind": "conv", "width": 8}}})
    by_file = ambigan.make_config("bigan", preset="small", config=path)
    changes = {"settings.network.width": 8, "settings.network.kind": "conv"}
    assert by_file == ambigan.make_config("bigan", preset="small", changes=changes)
    assert type(by_file.settings.network).__name__ == "ConvSettings"
    again = ambigan.make_config(config=by_file, changes={"settings.network.width": 4})
    assert again.settings.network == replace(by_file.settings.network, width=4)


def test_another_kind_of_optimizer_keeps_what_was_set() -> None:
    """`kind` names an algorithm there, not other settings."""
    config = ambigan.make_config("bigan", config={"settings": {"optimizer": {"kind": "adamw"}}})
    usual = ambigan.make_config("bigan")
    assert config.settings.optimizer == replace(usual.settings.optimizer, kind="adamw")


def test_the_settings_of_another_run(finished_run: Path) -> None:
    theirs = ambigan.load(finished_run).config
    assert ambigan.make_config(run=finished_run) == theirs
    config = ambigan.make_config("bigan", run=finished_run, config={"train": {"epochs": 7}})
    assert config == replace(theirs, train=replace(theirs.train, epochs=7))


def test_a_function_returns_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_configs_of_tests.py").write_text(
        "import ambigan\n"
        "def part(): return {'method': 'gan', 'train': {'epochs': 2}}\n"
        "def whole(): return ambigan.make_config('gan', changes={'train.epochs': 2})\n"
        "def wrong(): return 3\n"
        "def broken(): raise KeyError('x')\n"
    )
    part = ambigan.make_config(config="my_configs_of_tests:part")
    assert part == ambigan.make_config(config="my_configs_of_tests:whole")
    assert (part.method, part.train.epochs) == ("gan", 2)
    for name, words in (
        ("my_configs_of_tests:wrong", "gives a int; a configuration is"),
        ("my_configs_of_tests:broken", "failed: KeyError: 'x'"),
        ("my_configs_of_tests:nothing", "no attribute 'nothing'"),
        ("no_module_of_tests:part", "No module named 'no_module_of_tests'"),
    ):
        with pytest.raises(ConfigError, match=words):
            ambigan.make_config(config=name)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"setting": {}}, "unknown setting 'setting'. Did you mean 'settings'?"),
        ({"train": {"epohs": 3}}, "unknown setting 'train.epohs'. Did you mean 'train.epochs'?"),
        ({"settings": 3}, "settings cannot be 3: it holds settings by name"),
        ({"settings": {"network": {"kind": "x"}}}, "network.kind cannot be 'x': it is mlp or conv"),
        ({"train": {"epochs": 0}}, "train.epochs cannot be 0"),
        ({"method": "gan"}, "two methods, 'gan' in .* and 'bigan' asked for; name one"),
        ({"preset": "paper"}, "two presets, 'paper' in .* and 'small' asked for; name one"),
    ],
)
def test_contradictions_and_mistakes_are_named(tmp_path: Path, values: object, words: str) -> None:
    path = written(tmp_path / "c.json", values)
    with pytest.raises(ConfigError, match=words):
        ambigan.make_config("bigan", preset="small", config=path)


def test_files_that_hold_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    for path, words in (
        (tmp_path / "c.json", "not readable JSON"),
        (tmp_path / "list.json", "holds no JSON object"),
        (tmp_path / "nothing.json", "cannot be read"),
        (tmp_path, "is a folder; give a JSON file, or the run by --from"),
    ):
        with pytest.raises(ConfigError, match=words):
            ambigan.make_config("bigan", config=path)
    with pytest.raises(CheckpointError, match="is not a run"):
        ambigan.make_config("bigan", run=tmp_path)
    with pytest.raises(ConfigError, match="names no method"):
        ambigan.make_config(config={"train": {"epochs": 3}})


def test_a_run_takes_the_place_of_a_preset(finished_run: Path) -> None:
    with pytest.raises(ConfigError, match="takes the place of a preset; leave out one"):
        ambigan.make_config(run=finished_run, preset="small")
    with pytest.raises(ConfigError, match="two methods"):
        ambigan.make_config("gan", run=finished_run)


def test_a_file_alone_imports_no_code(tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", {"method": "some_module_of_tests:Game"})
    with pytest.raises(ConfigError, match=r"name the method as well .* to let its code run"):
        ambigan.make_config(config=path)
