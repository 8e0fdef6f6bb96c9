"""Names that stand for methods, protocols, sources and experiments, and how one is added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from .errors import ConfigError, unknown_name

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from names to entries, in the order in which they were added.

    Args:
        kind: The word for an entry in messages, such as `method`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        """Adds an entry and returns it.

        Raises:
            ConfigError: Another entry has this name.
        """
        if self._entries.setdefault(name, entry) is not entry:
            raise ConfigError(
                f"two {self.kind}s are named '{name}': {self._entries[name]!r} and {entry!r};"
                " rename one of them."
            )
        return entry

    def find(self, name: str) -> T:
        """The entry of that name.

        Raises:
            ConfigError: There is none; the nearest name is suggested.
        """
        if name not in self._entries:
            raise unknown_name(self.kind, name, self._entries)
        return self._entries[name]

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
