"""Plugins: modules outside the package whose decorators register methods, sources and the rest.

A plugin is given by the name of a module, by the path of a `.py` file, or by being installed: the
entry points in the group `ambigan.plugins` each name a module. Nothing else is ever imported; what
a run's `config.json` says of its plugins is compared, and never acted upon.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import shlex
import sys
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from .errors import AmbiganError, ConfigError

GROUP = "ambigan.plugins"
"""The group of entry points by which an installed package names its plugins."""


@dataclass(frozen=True)
class Plugin:
    """A plugin as a run remembers it.

    Attributes:
        name: The dotted name of a module, or the absolute path of a file.
        sha256: The hash of its source; of a package, the hash of all Python files in its folder.
            Empty for code that lies in no file, such as a notebook's.
    """

    name: str
    sha256: str = ""

    @property
    def key(self) -> str:
        """What stays the same when a file moves or a package grows: stem or top-level module."""
        return Path(self.name).stem if self.name.endswith(".py") else self.name.partition(".")[0]

    def has_changed(self, there: Plugin) -> bool:
        """Whether two plugins of one key hold different code, as far as that is known."""
        both_files = self.name.endswith(".py") and there.name.endswith(".py")
        is_comparable = self.sha256 and there.sha256 and (both_files or self.name == there.name)
        return bool(is_comparable) and self.sha256 != there.sha256


_loaded: dict[str, Plugin] = {}
"""Plugins of this process, by the name of their module."""

_loading: list[str] = []
"""Names of the plugins whose modules are being imported, innermost last."""


def load_plugin(plugin: str | Path) -> Plugin:
    """Imports a plugin, so that what it registers can be used by name.

    Args:
        plugin: The name of a module, found in the current folder or on the path, or the path of a
            `.py` file. A file may import modules of its own folder.

    Raises:
        ConfigError: There is no such module or file, or importing it fails.
    """
    name = str(plugin)
    if isinstance(plugin, Path) or name.endswith(".py"):
        return _load_file(Path(name).expanduser().absolute())
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"plugin '{name}' is no module, such as my_method, and no .py file.")
    if "" not in sys.path:
        sys.path.append("")  # the current folder, last: it must not hide an installed module
    return _load_module(name)


def load_plugins(plugins: Sequence[str | Path]) -> None:
    """Imports several plugins; see `load_plugin`."""
    for plugin in plugins:
        load_plugin(plugin)


@functools.cache
def load_installed() -> None:
    """Imports the plugins of installed packages, once; one that fails is a warning."""
    for entry in entry_points(group=GROUP):
        try:
            _load_module(entry.module)
        except AmbiganError as error:
            package = entry.dist.name if entry.dist else "an unknown package"
            warnings.warn(f"'{entry.name}' of {package} cannot be used: {error}", stacklevel=2)


def is_installed(plugin: Plugin) -> bool:
    """Whether a plugin needs no flag, since an installed package names it."""
    return any(Plugin(entry.module).key == plugin.key for entry in entry_points(group=GROUP))


def find_loaded(name: str) -> Plugin | None:
    """The loaded plugin of that name or module, or None."""
    return next((p for module, p in _loaded.items() if name in (module, p.name)), None)


def plugin_flags(plugins: Sequence[Plugin]) -> str:
    """What a command needs to be given these plugins: flags that begin with a space, or nothing."""
    return "".join(f" --plugin {shlex.quote(p.name)}" for p in plugins if not is_installed(p))


def origin_of(definition: object) -> Plugin | None:
    """The plugin to which a class or function belongs; None for the package itself."""
    name = str(getattr(definition, "__module__", None) or "ambigan")
    if name.partition(".")[0] == "ambigan":
        return None
    return Plugin(_loading[-1]) if _loading else _describe(name, sys.modules.get(name))


def _load_module(name: str) -> Plugin:
    with _importing(name):
        module = importlib.import_module(name)
    _loaded[name] = _describe(name, module)
    return _loaded[name]


def _load_file(path: Path) -> Plugin:
    if not path.is_file():
        raise ConfigError(f"plugin '{path}': there is no such file.")
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"ambigan_plugin_{path.stem}_{place}"  # no module is called so
    plugin = Plugin(str(path), _hash_of([path]))
    if _loaded.get(name) == plugin:
        return plugin
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a path that ends in .py has a loader"
    assert spec.loader is not None, "a path that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their annotations up there
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        with _importing(str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _loaded[name] = plugin
    return plugin


@contextmanager
def _importing(name: str) -> Generator[None]:
    """Whatever a plugin's code raises becomes one line."""
    _loading.append(name)
    try:
        yield
    except AmbiganError as error:
        raise type(error)(f"plugin '{name}': {error}") from error
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"plugin '{name}': no module '{error.name}' in the current folder or on the path;"
                " give its name, or the path of a .py file."
            ) from error
        raise ConfigError(f"plugin '{name}' needs the module '{error.name}': {error}.") from error
    except (Exception, SystemExit) as error:  # the code is the user's; it may fail in any way
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(f"importing the plugin '{name}' fails: {reason}") from error
    finally:
        _loading.pop()


def _describe(name: str, module: ModuleType | None) -> Plugin:
    """A module as a plugin; a script that is run is known by its file."""
    known = _loaded.get(name)
    if known is not None:
        return known
    file = getattr(module, "__file__", None)
    path = None if file is None else Path(file).absolute()
    if path is None or not path.is_file():
        return Plugin(name)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    return Plugin(str(path) if name == "__main__" else name, _hash_of(files))


def _hash_of(files: Sequence[Path]) -> str:
    """The hash of the names and contents of files."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()
