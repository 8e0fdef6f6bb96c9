"""Invariant 8: `features` is deterministic and does not change the method."""

from __future__ import annotations

import pytest
import torch

from ambigan.core.errors import ConfigError
from games import SPEC, toy_config, toy_method


def test_features_are_deterministic_and_change_nothing(variant: str) -> None:
    method = toy_method(toy_config(variant)).train()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    x = torch.rand(7, *SPEC.shape) * 2 - 1
    first, again = method.features(x), method.features(x)
    assert torch.equal(first, again)
    assert first.shape[0] == 7
    assert first.shape[1] >= 16
    assert first.dtype == torch.float32
    assert all(module.training for module in method.modules())
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())


def test_features_of_one_example_do_not_depend_on_the_others(variant: str) -> None:
    method = toy_method(toy_config(variant)).train()
    x = torch.rand(7, *SPEC.shape) * 2 - 1
    torch.testing.assert_close(method.features(x)[3:4], method.features(x[3:4]))


def test_every_layer_is_read_or_says_why_not(variant: str) -> None:
    method = toy_method(toy_config(variant))
    x = torch.rand(3, *SPEC.shape)
    read = 0
    for layer in method.layers:
        if layer.startswith("generator") and "encode" not in method.capabilities:
            with pytest.raises(ConfigError, match="never sees data"):
                method.features(x, layer)
        else:
            assert method.features(x, layer).shape[0] == 3
            read += 1
    assert read >= 4


def test_what_is_suggested_can_be_read(variant: str) -> None:
    method = toy_method(toy_config(variant))
    for network in method.latent_networks:
        with pytest.raises(ConfigError, match="such as ") as told:
            method.find_layer(f"{network}.hidden1")
        suggested = str(told.value).rpartition(" ")[2].rstrip(".")
        assert method.features(torch.rand(3, *SPEC.shape), suggested).shape[0] == 3


def test_an_unknown_layer_suggests_the_nearest(variant: str) -> None:
    method = toy_method(toy_config(variant))
    wrong = method.default_layer
    for word, typed in (("hidden", "hiden"), ("conv", "cnv"), ("pool", "pol")):
        wrong = wrong.replace(word, typed)
    meant = method.default_layer.partition("@")[0]
    with pytest.raises(ConfigError, match=f"Did you mean '{meant}'"):
        method.features(torch.rand(3, *SPEC.shape), wrong)


def test_what_a_method_cannot_do_it_says(variant: str) -> None:
    method = toy_method(toy_config(variant))
    uses = {"decode": torch.rand(2, 4), "encode": torch.rand(2, *SPEC.shape)}
    for capability, argument in uses.items():
        if capability in method.capabilities:
            assert len(getattr(method, capability)(argument)) == 2
        else:
            with pytest.raises(ConfigError, match=f"cannot {capability}"):
                getattr(method, capability)(argument)


def test_unit_features_have_length_one_and_the_same_directions() -> None:
    x = torch.rand(5, *SPEC.shape) * 2 - 1
    plain = toy_method(toy_config("bigan-official")).features(x)
    unit = toy_method(toy_config("bigan-official", settings__unit_features="true")).features(x)
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(unit * plain.norm(dim=1, keepdim=True), plain)
