"""Invariant 8: `features` is deterministic and does not change the method."""

from __future__ import annotations

import pytest
import torch

from ambigan.core.errors import ConfigError
from ambigan.testing.checks import check_capabilities, check_features
from games import SPEC, subject, toy_config, toy_method

TYPING_ERRORS = {
    "hidden": "hiden",
    "conv": "cnv",
    "pool": "pol",
    "features": "featurs",
    "image": "imge",
    "whitening": "whitning",
}


def test_features_are_deterministic_and_change_nothing(variant: str) -> None:
    """Nor do those of one example depend on the others."""
    check_features(subject(variant))
    method = toy_method(toy_config(variant))
    assert method.features(torch.rand(7, *SPEC.shape) * 2 - 1).shape[1] >= 16


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
    for word, typed in TYPING_ERRORS.items():
        wrong = wrong.replace(word, typed)
    meant = method.default_layer.partition("@")[0]
    with pytest.raises(ConfigError, match=f"Did you mean '{meant}'"):
        method.features(torch.rand(3, *SPEC.shape), wrong)


def test_a_method_does_what_it_declares_and_refuses_the_rest(variant: str) -> None:
    check_capabilities(subject(variant))


def test_unit_features_have_length_one_and_the_same_directions() -> None:
    x = torch.rand(5, *SPEC.shape) * 2 - 1
    plain = toy_method(toy_config("bigan-official")).features(x)
    unit = toy_method(toy_config("bigan-official", settings__unit_features="true")).features(x)
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(unit * plain.norm(dim=1, keepdim=True), plain)
