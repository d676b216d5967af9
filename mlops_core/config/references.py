"""Interpolation of references such as `${var.schema}`, as the bundle CLI does it.

What only a workspace knows stays unknown: the current user, deployed resources, lookups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_core.config.errors import TargetError, listed
from mlops_core.config.scalars import within_text
from mlops_core.config.yaml_reader import Moment

NAME = r"[^\W\d_](?:[\w-]*[^\W_])?"
REFERENCE = re.compile(rf"\$\{{({NAME}(?:\.{NAME}(?:\[\d+\])*)*(?:\[\d+\])*)\}}")
SHORTHAND = re.compile(r"variables\.([^.]+)\.value")


@dataclass(frozen=True)
class Value:
    """A raw value, and its place: `databricks.yml: targets.dev.variables.catalog`."""

    raw: Any
    where: str


def names_in(content: Any) -> set[str]:
    """Every reference in a value, as its path: `var.schema`."""
    if isinstance(content, Mapping):
        return set().union(*map(names_in, content.values()))
    if isinstance(content, list):
        return set().union(*map(names_in, content))
    return {_path(found) for found in REFERENCE.findall(content)} if isinstance(content, str) else set()


def _path(reference: str) -> str:
    return SHORTHAND.sub(r"var.\1", reference)


@dataclass(frozen=True)
class References:
    """`variable` gives the value of a variable by its name, `settings` what the files say of bundle and workspace."""

    names: Iterable[str]
    variable: Callable[[str], Value]
    settings: Mapping[str, Any]

    def resolved(self, name: str) -> Value:
        """The value of a variable with every reference in it replaced."""
        value = self.variable(name)
        return Value(self._referred(f"var.{name}", value.where, ()), value.where)

    def _replaced(self, value: Any, where: str, through: tuple[str, ...]) -> Any:
        """A value that consists of one reference takes the type of its target."""
        if isinstance(value, dict):
            return {key: self._replaced(item, f"{where}.{key}", through) for key, item in value.items()}
        if isinstance(value, list):
            return [self._replaced(item, f"{where}[{index}]", through) for index, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        if whole := REFERENCE.fullmatch(value):
            return self._referred(whole[1], where, through)
        if "${" in REFERENCE.sub("", value):
            fault = "has no closing brace" if "}" not in value.rpartition("${")[2] else "is not one of the bundle CLI"
            raise TargetError(f"{where} is {value!r}, but a reference in it {fault}.")
        return REFERENCE.sub(lambda match: self._within(match[1], where, through), value)

    def _within(self, reference: str, where: str, through: tuple[str, ...]) -> str:
        value = self._referred(reference, where, through)
        if isinstance(value, Moment):
            raise TargetError(f"{where} has the date ${{{reference}}} within a text: put the date into quotes.")
        if isinstance(value, dict | list | None):
            raise TargetError(f"{where} has ${{{reference}}} within a text, but it is {value!r}, not one value.")
        return str(within_text(value))

    def _referred(self, reference: str, where: str, through: tuple[str, ...]) -> Any:
        path = _path(reference)
        if path in through:
            raise TargetError(f"{where} refers to itself: {' > '.join((*through, path))}.")
        found = self._find(path)
        if found is None:
            known = listed([*(f"var.{name}" for name in self.names), "bundle.name", "bundle.target"])
            raise TargetError(f"{where} refers to ${{{reference}}}; without a workspace, only {known} are known.")
        return self._replaced(found.raw, found.where, (*through, path))

    def _find(self, path: str) -> Value | None:
        """The value at a path such as `var.compute.tags[0]` or `bundle.name`; None when the files don't have it."""
        section, *keys = re.findall(r"[^.\[\]]+", path)
        if section == "var" and keys:
            name = keys.pop(0)
            if name not in self.names:
                return None
            value = self.variable(name)
        else:
            value = Value(self.settings.get(section), section)
        raw = value.raw
        for key in keys:
            raw = _item(raw, key)
        return None if raw is None else Value(raw, ".".join([value.where, *keys]))


def _item(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return value[int(key)] if key.isdecimal() and int(key) < len(value) else None
    return value.get(key) if isinstance(value, dict) else None
