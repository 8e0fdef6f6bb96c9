"""Methods by name, and what is checked of a method before it is trained.

`@register_method("name")` over a class is all there is to adding one. What the class lacks is said
in one line: when it is registered, as far as the class alone shows it, and else before training.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast, get_args

from torch import Tensor, nn

from ..core.errors import ConfigError, unknown_name
from ..core.plugins import Plugin, find_loaded, load_plugin
from ..core.registry import Registry
from ..core.settings import checked, plain
from ..game import Capability, Method, Terms

M = TypeVar("M", bound=type[Method])

METHODS: Registry[type[Method]] = Registry("method")
"""Every method that was registered, of the package and of plugins."""


def register_method(name: str) -> Callable[[M], M]:
    """Registers the class below it as a method, to be trained by name.

    Args:
        name: The name in commands and in `config.json`.

    Raises:
        ConfigError: Another method has the name, or the class lacks what a method needs.
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigError("write @register_method('name'), with the method's name.")

    def register(cls: M) -> M:
        check_class(cls)
        METHODS.add(name, cls)
        return cls

    return register


def is_external(name: str) -> bool:
    """Whether a name is of the form `module:Class`, which needs no decorator."""
    return ":" in name


def find_method(name: str) -> type[Method]:
    """The class of a method.

    Args:
        name: A registered name; or `module:Class`, which loads the module as a plugin first.

    Raises:
        ConfigError: There is no such method, module or class, or the class is no method.
    """
    if not is_external(name):
        return METHODS.find(name)
    plugin, class_name = _split(name)
    load_plugin(plugin.name)
    found = getattr(sys.modules[plugin.name], class_name, None)
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise ConfigError(f"method '{name}': {plugin.name} has no Method class '{class_name}'.")
    check_class(found)
    return found


def registered_name(name: str) -> str:
    """The name by which runs know a method: of a decorated class, also for its `module:Class`."""
    if not is_external(name):
        return name
    found = find_method(name)
    return next((known for known, cls in METHODS.items() if cls is found), name)


def origin_of_method(name: str) -> Plugin | None:
    """The plugin from which a method comes, as far as it is loaded; None for the package."""
    if not is_external(name):
        return METHODS.origin(name)
    plugin, _ = _split(name)
    return find_loaded(plugin.name) or plugin


def _split(name: str) -> tuple[Plugin, str]:
    module, _, class_name = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), class_name)):
        raise ConfigError(f"method '{name}' is not of the form module:Class, such as mine:MyGAN.")
    return Plugin(module), class_name


def check_class(cls: Any) -> None:
    """Checks what a method's class alone shows.

    Raises:
        ConfigError: It is no `Method`, lacks `losses`, `run` or `Settings`, its settings are no
            frozen dataclass with a default for every field, or it declares what it cannot do.
    """
    if not (isinstance(cls, type) and issubclass(cls, Method)):
        raise ConfigError(f"{cls!r} is no method: derive the class from ambigan.game.Method.")
    missing = sorted(cast(Any, cls).__abstractmethods__)
    if missing:
        raise ConfigError(f"{cls.__name__} does not define {' and '.join(missing)}.")
    _check_settings(cls)
    known = get_args(Capability)
    for capability in cls.capabilities:
        if capability not in known:
            raise unknown_name(f"capability of {cls.__name__}", capability, known)
    if "sample" in cls.capabilities and "decode" not in cls.capabilities:
        raise ConfigError(f"{cls.__name__} declares 'sample', which needs 'decode' as well.")
    names = ("decode", "encode", "reconstruct")
    # `Method` refuses all three, except that it reconstructs where a class encodes and decodes.
    defined = {name for name in names if getattr(cls, name) is not getattr(Method, name)}
    if defined >= {"decode", "encode"}:
        defined.add("reconstruct")
    for name in names:
        if name in cls.capabilities - defined:
            raise ConfigError(
                f"{cls.__name__} declares the capability '{name}' and does not define {name}();"
                " define it or take it out of capabilities."
            )


def _check_settings(cls: type[Method]) -> None:
    settings: Any = getattr(cls, "Settings", None)
    name = cls.__name__
    if settings is None:
        raise ConfigError(f"{name} has no Settings: set Settings to a frozen dataclass.")
    parameters: Any = getattr(settings, "__dataclass_params__", None)
    if not isinstance(settings, type) or parameters is None or not parameters.frozen:
        raise ConfigError(
            f"{name}.Settings is no frozen dataclass: write @dataclass(frozen=True) above it."
        )
    settings = cast(Any, settings)
    for field in dataclasses.fields(settings):
        defaults = (field.default, field.default_factory)
        if field.init and all(default is dataclasses.MISSING for default in defaults):
            raise ConfigError(
                f"{name}.Settings has no default for '{field.name}'; every setting needs one,"
                " since the defaults are a method's first preset."
            )
    try:
        plain(checked(settings(), f"{name}.Settings."))
    except (NameError, TypeError) as error:
        raise ConfigError(f"{name}.Settings cannot be kept as JSON: {error}.") from error


def check_game(method: Method) -> None:
    """Checks the players, turns and other parts that a method's `__init__` must have set.

    Raises:
        ConfigError: One is missing, names what does not exist, or a network has two owners.
    """
    name = type(method).__name__
    for part, what in (
        ("players", "the sides of the game, as a tuple of Player"),
        ("turns", "the players that move together, such as (('critic', 'autoencoder'),)"),
        ("prior", "the distribution of latents, such as NormalPrior(dim)"),
        ("default_layer", "the layer that features are read from, such as 'encoder.2'"),
    ):
        if not getattr(method, part, None):
            raise ConfigError(f"{name} has no {part}: set self.{part} to {what}.")
    names = [player.name for player in method.players]
    if len(set(names)) < len(names):
        raise ConfigError(f"{name} has two players of one name: {', '.join(names)}.")
    for turn in method.turns:
        if isinstance(turn, str):
            raise ConfigError(f"{name}.turns holds the text '{turn}'; a turn is a tuple of names.")
        for player in turn:
            if player not in names:
                raise unknown_name(f"player in {name}.turns", player, names)
    if idle := [player for player in names if not any(player in turn for turn in method.turns)]:
        raise ConfigError(f"player '{idle[0]}' of {name} moves in no turn; name it in self.turns.")
    _check_networks(name, method)


def _check_networks(name: str, method: Method) -> None:
    owner_of: dict[nn.Parameter, tuple[str, str]] = {}
    modules = [known for known, _ in method.named_children()]
    for player in method.players:
        for network in player.networks:
            kind = f"network of player '{player.name}' of {name}"
            try:
                parameters = list(method.get_submodule(network).parameters())
            except AttributeError as error:
                raise unknown_name(kind, network, modules) from error
            if not parameters:
                raise ConfigError(
                    f"network '{network}' of player '{player.name}' of {name} has no parameters to"
                    " learn."
                )
            for parameter in parameters:
                owner, other = owner_of.setdefault(parameter, (player.name, network))
                if (owner, other) != (player.name, network):
                    shared = f"'{network}'" if network == other else f"'{other}' and '{network}'"
                    raise ConfigError(
                        f"{name}: the parameters of {shared} belong to both '{owner}' and"
                        f" '{player.name}'; a network has one owner."
                    )


def check_losses(losses: Mapping[str, Terms], players: Sequence[str]) -> None:
    """Checks what `losses` gave: each player's terms, each one number that gradients flow from.

    Raises:
        ConfigError: A player or its terms are missing, or a term is no scalar tensor.
    """
    if not isinstance(losses, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        given = type(losses).__name__
        raise ConfigError(f"losses gave {given}, not a dictionary of each player's terms.")
    for player in players:
        terms: Any = losses.get(player)
        if not terms or not isinstance(terms, Mapping):
            raise ConfigError(f"losses gave no terms for player '{player}', who moves in the turn.")
        for term, value in cast(Mapping[str, Any], terms).items():
            if not isinstance(value, Tensor) or value.ndim:
                form = getattr(value, "shape", None) or type(value).__name__
                raise ConfigError(
                    f"the term '{term}' of player '{player}' is no scalar tensor but {form};"
                    " take its mean."
                )
