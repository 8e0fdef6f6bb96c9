"""Frozen dataclasses as settings: checked when built, changed by dotted name, kept as JSON.

pydantic checks types and bounds; this module turns its findings into one line each.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from .errors import ConfigError, suggestion

T = TypeVar("T")

_OF_TEXTS = re.compile(r"<class 'str'>|str \| None|tuple\[str, \.\.\.\]( \| None)?")
"""Types of settings whose values are texts, whatever they look like."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
"""Bounds for fields of settings; NaN and infinities are never allowed."""

Few = Annotated[int, Field(ge=1, le=1000)]
"""A count of what is built one by one, such as layers: a typing error may not take hours."""


def build(kind: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """Builds a settings dataclass from plain values by field name, and checks it.

    What is left out takes its default; nested dataclasses are built from mappings. Error messages
    put the prefix, such as `settings.`, before a setting's name.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    if not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigError(f"{prefix.rstrip('.')} cannot be {values!r}: it holds settings by name.")
    hints = _hints_of(kind)
    fields = {field.name for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            raise _unknown_setting(prefix + name, [prefix + field for field in fields])
        hint = _chosen(hints[name], value, f"{prefix}{name}.")
        if dataclasses.is_dataclass(value):
            checked[name] = value
        elif dataclasses.is_dataclass(hint):
            checked[name] = build(cast(type[Any], hint), value, f"{prefix}{name}.")
        else:
            checked[name] = _check(hint, value, prefix + name)
    try:
        return kind(**checked)
    except TypeError as error:
        raise ConfigError(f"{prefix.rstrip('.') or kind.__name__}: {error}.") from error


def _chosen(hint: Any, value: Any, prefix: str) -> Any:
    """The dataclass that the values name by their `kind`, where a field may hold one of several."""
    if not isinstance(value, Mapping) or not (kinds := kinds_of(hint)):
        return hint
    named = cast(Mapping[str, Any], value).get("kind", next(iter(kinds)))
    return _of_kind(kinds, named, prefix)


def kinds_of(hint: Any) -> dict[str, type[Any]]:
    """The dataclasses that a field may hold, by the default of their field `kind`.

    There are none if the field holds one dataclass alone.
    """
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
    kinds: list[Any] = [member for member in members if dataclasses.is_dataclass(member)]
    return {kind.kind: kind for kind in kinds}


def _of_kind(kinds: Mapping[str, type[Any]], named: Any, prefix: str) -> type[Any]:
    if named not in kinds:
        raise ConfigError(f"{prefix}kind cannot be {named!r}: it is {' or '.join(kinds)}.")
    return kinds[named]


def merge(settings: Any, values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Plain values of settings with some replaced, as a file holds them that leaves others out.

    Where the values name another `kind` of nested settings, what they leave out takes that kind's
    defaults.

    Raises:
        ConfigError: A name is unknown, or nested settings are no mapping.
    """
    tree = plain(settings)
    hints = _hints_of(cast(Any, type(settings)))
    for name, value in values.items():
        if name not in tree:
            raise _unknown_setting(prefix + name, [prefix + known for known in tree])
        inner = getattr(settings, name)
        if dataclasses.is_dataclass(inner):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{prefix}{name} cannot be {value!r}: it holds settings by name.")
            named = cast(Mapping[str, Any], value)
            inner = _switched(inner, hints[name], named, f"{prefix}{name}.")
            value = merge(inner, named, f"{prefix}{name}.")
        tree[name] = value
    return tree


def _switched(settings: Any, hint: Any, values: Mapping[str, Any], prefix: str) -> Any:
    """The settings, or the defaults of another kind if the values ask for that."""
    kinds = kinds_of(hint)
    if not kinds or values.get("kind", settings.kind) == settings.kind:
        return settings
    return _of_kind(kinds, values["kind"], prefix)()


def checked(settings: T, prefix: str = "") -> T:
    """The same settings, checked as if they had been read from a file."""
    return _rebuild(settings, {}, prefix)


def override(settings: T, values: Mapping[str, Any]) -> T:
    """Settings with some changed by dotted name, as on the command line.

    Args:
        settings: A dataclass, nested or not.
        values: Values by dotted name, such as `{"train.seed": "3", "settings.network.hidden":
            "512,512"}`; hyphens may stand for underscores. Texts are read as on the command line;
            other values are taken as they are.

    Raises:
        ConfigError: A name is unknown (the nearest is suggested) or a value is not allowed.
    """
    changes = {name.replace("-", "_"): value for name, value in values.items()}
    changed = _rebuild(settings, changes, "")
    known = dotted(changed)
    for name in changes:
        if name not in known:
            raise _unknown_setting(name, known)
    return changed


def _rebuild(settings: T, changes: Mapping[str, Any], prefix: str) -> T:
    """Settings built again with changes by dotted name.

    Nested ones are of the types present, since fields may be declared loosely, or of the kinds
    asked for, at their defaults.
    """
    hints = _hints_of(cast(Any, type(settings)))
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cast(Any, settings)):
        value, name = getattr(settings, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(value):
            asked = {"kind": changes[f"{name}.kind"]} if f"{name}.kind" in changes else {}
            value = _switched(value, hints[field.name], asked, f"{name}.")
            value = _rebuild(value, changes, f"{name}.")
        elif name in changes:
            value = changes[name]
            value = _parsed(value, str(hints[field.name])) if isinstance(value, str) else value
        values[field.name] = value
    return build(type(settings), values, prefix)


def from_strings(text: str) -> Any:
    """A value typed on a command line: JSON, a list with commas, or plain text."""
    try:
        return json.loads(text.lower() if text.lower() in ("true", "false") else text)
    except (ValueError, RecursionError):
        return [from_strings(part) for part in text.split(",")] if "," in text else text


def typed_value(value: Any) -> str:
    """A value as it is typed on a command line, which `from_strings` reads again."""
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)) and value:
        return ",".join(typed_value(part) for part in cast(Sequence[Any], value))
    return value if isinstance(value, str) and value else json.dumps(value)


def _parsed(text: str, hint: str) -> Any:
    """A typed value; for a setting of texts the text itself: a column called 1.50 is not 1.5."""
    if not _OF_TEXTS.fullmatch(hint):
        return from_strings(text)
    if "tuple[" not in hint:
        return text
    try:
        return json.loads(text if text[:1] == "[" else "", parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return text.split(",")


def plain(settings: Any) -> dict[str, Any]:
    """Settings as JSON would hold them: nested dictionaries, lists for tuples."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))


def dotted(settings: Any) -> dict[str, Any]:
    """Every setting by its dotted name, in order."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            flat |= {f"{field.name}.{name}": inner for name, inner in dotted(value).items()}
        else:
            flat[field.name] = value
    return flat


def differences(ours: Any, theirs: Any) -> list[str]:
    """One `name: ours here, theirs there` for each setting that differs."""
    left, right = dotted(ours), dotted(theirs)
    return [
        f"{name}: {left.get(name)!r} against {right.get(name)!r}"
        for name in left | right
        if left.get(name) != right.get(name)
    ]


def _check(hint: Any, value: Any, name: str) -> Any:
    try:
        if isinstance(value, str) and value.lower() == "none" and type(None) in get_args(hint):
            return None
        if isinstance(value, str) and re.fullmatch(r"\d+x\d+", value) and "tuple[" in str(hint):
            value = value.split("x")  # 64x48 is 64,48
        if isinstance(value, (str, int, float)) and "tuple[" in str(hint):
            value = [value]  # one width is a list of one
        return _adapter_of(hint).validate_python(value)
    except ValidationError as error:
        reason = _reason(hint, error)
        raise ConfigError(f"{name} cannot be {value!r}: {reason}.") from error


@cache
def _hints_of(kind: type[Any]) -> dict[str, Any]:
    """The types of a dataclass's fields; evaluating annotations takes longer than a check."""
    return get_type_hints(kind, include_extras=True)


@cache
def _adapter_of(hint: Any) -> TypeAdapter[Any]:
    """What checks values of a type; building it takes far longer than a check."""
    return TypeAdapter[Any](hint, config=ConfigDict(coerce_numbers_to_str=True))


def _reason(hint: Any, error: ValidationError) -> str:
    """What is wrong with a value and what is allowed, in a few words."""
    first = error.errors()[0]
    pair = next((part for part in (hint, *get_args(hint)) if get_origin(part) is tuple), None)
    if first["type"] in ("missing", "too_long", "too_short") and pair and ... not in get_args(pair):
        return f"it takes {len(get_args(pair))} values with a comma between, such as 64,64"
    if first["type"].startswith("bool"):
        return "it is true or false"
    return first["msg"][0].lower() + first["msg"][1:]


def _unknown_setting(name: str, known: Iterable[str]) -> ConfigError:
    return ConfigError(f"unknown setting '{name}'.{suggestion(name, known)}")


def attribute_descriptions(kind: type[Any]) -> dict[str, str]:
    """The descriptions of a class's attributes, its bases' among them, each as one line."""
    described: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        described |= _described_in(base.__doc__)
    return described


def _described_in(docstring: str | None) -> dict[str, str]:
    """The descriptions in the `Attributes:` section of a docstring."""
    described: dict[str, str] = {}
    name, is_inside = "", False
    for line in inspect.cleandoc(docstring or "").splitlines():
        if line and not line.startswith(" "):
            is_inside = line == "Attributes:"
        elif is_inside and (found := re.fullmatch(r" {4}(\w+): (.*)", line)):
            name = found[1]
            described[name] = found[2]
        elif is_inside and name and line.strip():
            described[name] += " " + line.strip()
    return described
