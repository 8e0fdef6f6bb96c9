from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambigan.core.errors import ConfigError
from ambigan.core.settings import differences, dotted, from_strings, override
from ambigan.engine.config import RunConfig, TrainSettings, choose_device
from ambigan.presets import find_preset
from games import toy_config


def test_configs_survive_json(variant: str) -> None:
    config = toy_config(variant)
    assert RunConfig.from_json(config.to_json()) == config


def test_override_by_dotted_name() -> None:
    config = override(
        toy_config("bigan-paper"),
        {
            "settings.network.hidden": "8,8,8",
            "settings.optimizer.betas": "0,0.9",
            "train.ema-decay": "0",
            "data.size": "none",
            "data.drop": "a,3",
            "data.scaling": "none",
            "data.label_column": "none",
            "settings.network.generator_norm": "none",
            "settings.simultaneous": "False",
        },
    )
    assert config.settings.network.hidden == (8, 8, 8)
    assert config.settings.optimizer.betas == (0.0, 0.9)
    assert config.train.ema_decay == 0
    assert config.data.drop == ("a", "3")
    assert config.settings.simultaneous is False
    assert config.data.scaling == config.settings.network.generator_norm == "none"
    assert config.data.label_column is None
    assert override(config, {"settings.network.hidden": "7"}).settings.network.hidden == (7,)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("train.epohs", "3", "Did you mean 'train.epochs'"),
        ("settings.latent_dims", "3", "Did you mean 'settings.latent_dim'"),
        ("train.epochs", "0", "train.epochs cannot be 0.*greater than 0"),
        ("train.batch_size", "-5", "train.batch_size cannot be -5"),
        ("train.batch_size", "many", "train.batch_size cannot be 'many'"),
        ("train.precision", "fp8", "'auto', 'fp32' or 'bf16'"),
        ("settings.network.hidden", "16,0", "settings.network.hidden"),
        ("settings.prior", "cauchy", "'uniform' or 'normal'"),
        ("train.ema_decay", "1", "train.ema_decay cannot be 1"),
        ("settings.optimizer.learning_rate", "-1", "settings.optimizer.learning_rate"),
        ("settings.optimizer.learning_rate", "nan", "settings.optimizer.learning_rate"),
        ("settings.network.init_std", "inf", "settings.network.init_std"),
    ],
)
def test_bad_settings_are_named(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        override(toy_config("bigan-paper"), {name: value})


def test_differences_are_listed_by_name() -> None:
    ours = toy_config("bigan-paper")
    theirs = dataclasses.replace(ours, train=dataclasses.replace(ours.train, seed=9))
    assert differences(ours, theirs) == ["train.seed: 0 against 9"]
    assert differences(ours, ours) == []


def test_dotted_names_reach_every_leaf() -> None:
    names = dotted(toy_config("gan-paper"))
    assert "settings.network.hidden" in names
    assert "train.seed" in names
    assert not any(dataclasses.is_dataclass(value) for value in names.values())


@given(st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False)))
def test_plain_values_parse_to_themselves(value: object) -> None:
    assert from_strings(str(value)) == value or value in (float("inf"), float("-inf"))


def test_devices() -> None:
    assert choose_device("cpu").type == "cpu"
    for name in ("gpu", "mps", "cuda:x", "meta"):
        with pytest.raises(ConfigError, match="none of: auto, cpu, cuda"):
            choose_device(name)


def test_no_cuda_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="no CUDA device"):
        choose_device("cuda")


def test_defaults_are_allowed_values() -> None:
    assert override(TrainSettings(), {}) == TrainSettings()


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("crop", "16", "data.crop cannot be \\[16\\]: it takes 2 values with a comma between"),
        ("size", "16,16,3", "data.size cannot be .*: it takes 2 values with a comma between"),
        ("flip", "vertical", "data.flip cannot be 'vertical': it is true or false"),
    ],
)
def test_what_a_setting_takes_is_said(name: str, typed: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        override(find_preset("bigan", "small"), {f"data.{name}": typed})


def test_height_and_width_as_they_are_written() -> None:
    assert override(find_preset("bigan", "small"), {"data.size": "16x12"}).data.size == (16, 12)
