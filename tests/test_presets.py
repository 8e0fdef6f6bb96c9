"""Which settings a method has where none are named."""

from __future__ import annotations

import pytest

from ambigan.presets import PRESETS, find_preset


@pytest.mark.parametrize(
    ("method", "source", "preset"),
    [
        ("bigan", None, "official"),
        ("bigan", "mnist", "official"),
        ("bigan", "digits", "small"),
        ("bigan", "csv:rows.csv", "small"),
        ("bigan", "cifar10", "images"),
        ("bigbigan", "cifar10", "images"),
        ("structural", "cifar10", "images"),
        ("structural", None, "images"),
        ("structural", "digits", "small"),
        ("simclr", "packed:photographs", "images"),
    ],
)
def test_the_usual_preset_is_one_that_this_machine_can_train(
    method: str, source: str | None, preset: str
) -> None:
    assert find_preset(method, None, source).preset == preset


@pytest.mark.parametrize(
    ("method", "name"), [(method, name) for method, named in PRESETS.items() for name in named]
)
def test_every_preset_is_allowed_and_knows_its_name(method: str, name: str) -> None:
    config = find_preset(method, name).check()
    assert (config.method, config.preset) == (method, name)
