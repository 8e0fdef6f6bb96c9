"""Published settings, as functions that return a config; flags only override.

`paper` is as printed, `official` as the authors' code does where it differs, `modern` what measured
best, `small` for a few thousand examples on two CPU cores, `images` for pictures there. Each says
what it reached, or that nothing was reproduced yet.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..core.errors import unknown_name
from ..engine.config import RunConfig
from ..methods import METHODS, find_method, is_external
from . import bigbigan, images, mnist, structural
from .preset import Preset

PRESETS: dict[str, dict[str, Preset]] = {
    method: {
        name: preset
        for module in (mnist, images, structural, bigbigan)
        for name, preset in module.PRESETS.get(method, {}).items()
    }
    for method in METHODS
}

SMALL_SOURCES = ("digits", "npy", "npz", "csv", "parquet")


def find_preset(method: str, name: str | None, source: str | None = None) -> RunConfig:
    """The config of a preset.

    Args:
        method: a name of the package, or `module:Class`, whose one preset is its defaults.
        name: of the preset; if None, `official` on the data it was published for, unless it was
            never trained here, being for large machines; `small` on small data if there is one, and
            `images` on all else.
        source: of the data, if it is known.

    Raises:
        ConfigError: there is no such method or preset.
    """
    if is_external(method):
        if name not in (None, "default"):
            raise unknown_name(f"preset of {method}", name, ["default"])
        return RunConfig(method, "default", find_method(method).Settings())
    find_method(method)
    presets = PRESETS[method]
    name = name or _usual(presets, source)
    if name not in presets:
        raise unknown_name(f"preset of {method}", name, presets)
    return presets[name].make()


def _usual(presets: Mapping[str, Preset], source: str | None) -> str:
    """The preset for data of which the name is known."""
    official = presets.get("official")
    if official and official.is_measured and source in (None, official.make().data.source):
        return "official"
    is_small = source is not None and source.partition(":")[0] in SMALL_SOURCES
    return "small" if is_small and "small" in presets else "images"
