"""Published settings, as complete configs; flags only override.

`paper` is as printed, `official` as the authors' code does where it differs, `modern` what measured
best, `table` for vectors, `small` for a few thousand examples on two CPU cores, `features` for
their retrieval, `images` for pictures there. Each says what it reached, or that nothing was
reproduced yet. A method without any has one, `default`; one that derives from a published method
has that method's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..core.errors import unknown_name
from ..core.plugins import load_installed
from ..engine.config import RunConfig
from ..game import Method
from ..methods import METHODS, find_method, registered_name
from .bigbigan import BIGBIGAN_PRESETS
from .images import IMAGE_PRESETS
from .mnist import MNIST_PRESETS
from .preset import Preset
from .structural import STRUCTURAL_PRESETS
from .tables import TABLE_PRESETS

_PUBLISHED: dict[str, dict[str, Preset]] = {}
for _preset in (
    *MNIST_PRESETS,
    *TABLE_PRESETS,
    *IMAGE_PRESETS,
    *STRUCTURAL_PRESETS,
    *BIGBIGAN_PRESETS,
):
    _PUBLISHED.setdefault(_preset.method, {})[_preset.name] = _preset


class _Presets(Mapping[str, Mapping[str, Preset]]):
    """The presets of every registered method."""

    def __getitem__(self, method: str) -> Mapping[str, Preset]:
        return _presets_of(method, METHODS[method])

    def __iter__(self) -> Iterator[str]:
        load_installed()
        return iter(METHODS)

    def __len__(self) -> int:
        return len(METHODS)


PRESETS: Mapping[str, Mapping[str, Preset]] = _Presets()
"""Presets by method and name."""


def find_preset(
    method: str, name: str | None, source: str | None = None, *, is_vectors: bool = False
) -> RunConfig:
    """The config of a preset.

    Args:
        method: A registered name, or `module:Class`.
        name: The preset's name. If None, it is `official` on the data that it was published for,
            unless it was never trained here, being for large machines; `table` on vectors and
            `small` on the digits, or on both, if there is one; `images` on all else; and the first
            where there is no `images`.
        source: The data, if they are known.
        is_vectors: Whether the data are vectors.

    Raises:
        ConfigError: There is no such method or preset.
    """
    cls, method = find_method(method), registered_name(method)
    presets = _presets_of(method, cls)
    if name is None:
        base = _published_base(cls)
        known = _PUBLISHED[base] if base else presets
        name = _usual(known, source, is_vectors)
    if name not in presets:
        raise unknown_name(f"preset of {method}", name, presets)
    return presets[name].make()


def _usual(presets: Mapping[str, Preset], source: str | None, is_vectors: bool) -> str:
    """The preset for data of which the name and the kind are known."""
    official = presets.get("official")
    if official and official.time != "-" and source in (None, official.data.source):
        return "official"
    wanted = ["table"] if is_vectors else []
    wanted += ["small"] if is_vectors or source == "digits" else []
    return next((name for name in (*wanted, "images") if name in presets), next(iter(presets)))


def _presets_of(method: str, cls: type[Method]) -> Mapping[str, Preset]:
    """The presets published for a method, those of the method it derives from, or its defaults."""
    if method in _PUBLISHED:
        return _PUBLISHED[method]
    base = _published_base(cls)
    if base is None:
        source = "the defaults of its settings"
        return {"default": Preset(method, "default", cls.Settings(), source=source)}
    return {
        name: dataclasses.replace(
            preset,
            method=method,
            settings_class=cls.Settings,
            score="not reproduced",
            time="-",
            hardware="-",
            source=f"{base}: {preset.source}",
        )
        for name, preset in _PUBLISHED[base].items()
    }


def _published_base(cls: type[Method]) -> str | None:
    """The nearest published method that a class is or derives from, with its settings or more."""
    names: dict[type[Any], str] = {METHODS[name]: name for name in _PUBLISHED}
    return next(
        (
            names[base]
            for base in cls.__mro__
            if base in names and issubclass(cls.Settings, cast(type[Method], base).Settings)
        ),
        None,
    )
