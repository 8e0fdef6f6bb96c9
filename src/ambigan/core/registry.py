"""Names that stand for methods, protocols, sources and experiments, and how one is added."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from .errors import ConfigError, unknown_name
from .plugins import Plugin, find_loaded, load_installed, origin_of

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from names to entries, in the order in which they were added.

    Args:
        kind: The word for an entry in messages, such as `method`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._definitions: dict[str, object] = {}
        self._origins: dict[str, Plugin | None] = {}

    def add(self, name: str, entry: T, definition: object = None) -> T:
        """Adds an entry and returns it.

        What is defined a second time, as a notebook does that runs a cell again, takes the place
        of what it was. The definition is the class or function that the entry was made of, if that
        is not the entry itself.

        Raises:
            ConfigError: The name cannot be typed, or another entry has it.
        """
        if not name or any(letter in " \t\n:,/\\" for letter in name):
            raise ConfigError(
                f"'{name}' cannot name a {self.kind}: take letters, digits, - and _ alone."
            )
        ours = entry if definition is None else definition
        theirs = self._definitions.get(name, ours)
        if _place(ours) != _place(theirs):
            raise ConfigError(
                f"two {self.kind}s are named '{name}': {theirs!r} and {ours!r}; rename one of them."
            )
        self._entries[name], self._definitions[name] = entry, ours
        self._origins[name] = origin_of(ours)
        return entry

    def find(self, name: str) -> T:
        """The entry of that name, of the package, of a loaded plugin or of an installed one.

        Where there is none, the error suggests the nearest name.
        """
        if name not in self:
            raise unknown_name(self.kind, name, self._entries)
        return self._entries[name]

    def origin(self, name: str) -> Plugin | None:
        """The plugin that registered an entry; None for the package itself, or no entry."""
        plugin = self._origins[name] if name in self else None
        return plugin and (find_loaded(plugin.name) or plugin)

    def __contains__(self, name: object) -> bool:
        """Whether there is such an entry, if need be after installed plugins are loaded."""
        if name not in self._entries:
            load_installed()
        return name in self._entries

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _place(definition: object) -> object:
    """Where something is defined, by which it is known when that code runs a second time."""
    name = getattr(definition, "__qualname__", "<lambda>")
    if name.endswith("<lambda>"):
        return id(definition)
    module = getattr(definition, "__module__", None)
    return getattr(sys.modules.get(str(module)), "__file__", None) or module, name
