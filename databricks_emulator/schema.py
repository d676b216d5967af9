"""Checks what a client sends against the SDK's own dataclasses and method signatures.

Stricter than Databricks in one respect: an unknown field is refused here, and ignored there.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from databricks_emulator.api import ApiError, invalid

RENAMED = {"import_": "import", "_from": "from"}


@dataclasses.dataclass(frozen=True)
class Argument:
    type: Any
    required: bool


@cache
def arguments_of(function: Callable[..., Any]) -> dict[str, Argument]:
    """The arguments of an SDK method; those that may be None are optional."""
    hints = get_type_hints(function)
    return {name: Argument(hint, not _is_optional(hint)) for name, hint in hints.items() if name != "return"}


@cache
def fields_of(model: type) -> dict[str, Argument]:
    hints = get_type_hints(model)
    return {
        field.name: Argument(hints[field.name], not _is_optional(hints[field.name]))
        for field in dataclasses.fields(model)
    }


def check_call(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call with its numbers and truth values parsed.

    Raises:
        ApiError: an argument is unknown, missing or of another type.
    """
    return _checked(arguments_of(function), given, "")


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _checked(expected: Mapping[str, Argument], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    for name, argument in expected.items():
        if argument.required and given.get(name) is None:
            raise invalid(f"Missing required field: {where}{name}")
    for name in given:
        if name not in expected:
            raise invalid(f"Unknown field: {where}{name}")
    return {name: _value(expected[name].type, value, where + name) for name, value in given.items()}


def _value(hint: Any, value: Any, where: str) -> Any:
    if _is_optional(hint):
        hint = next(part for part in get_args(hint) if part is not type(None))
    if value is None or hint is Any:
        return value
    origin = get_origin(hint)
    if origin is list:
        return [_value(get_args(hint)[0], item, f"{where}[{i}]") for i, item in enumerate(_of(list, value, where))]
    if origin is dict:
        return {key: _value(get_args(hint)[1], item, f"{where}.{key}") for key, item in _of(dict, value, where).items()}
    if dataclasses.is_dataclass(hint):
        return _checked(fields_of(hint), _of(dict, value, where), f"{where}.")
    if issubclass(hint, Enum):
        return _member(hint, value, where)
    return _scalar(hint, value, where)


def _of(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        expected = "START_ARRAY" if kind is list else "START_OBJECT"
        raise ApiError(400, "MALFORMED_REQUEST", f"Could not parse request object: Expected '{expected}' in {where}.")
    return value


def _member(hint: type[Enum], value: Any, where: str) -> Any:
    if value not in {member.value for member in hint}:
        valid = ", ".join(str(member.value) for member in hint)
        raise invalid(f"Invalid value '{value}' of {where}, expected one of {valid}")
    return value


def _scalar(hint: type, value: Any, where: str) -> Any:
    """A number or truth value may come as text, as it does in a query."""
    if hint is bool and value in ("true", "false"):
        return value == "true"
    if hint in (int, float) and isinstance(value, str) and value.removeprefix("-").replace(".", "", 1).isdecimal():
        return hint(value)
    accepted = {int: (int,), float: (int, float), str: (str,), bool: (bool,)}.get(hint, (object,))
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint in (int, float)):
        raise ApiError(400, "MALFORMED_REQUEST", f"Invalid value {value!r} of {where}: expected a {hint.__name__}.")
    return value
