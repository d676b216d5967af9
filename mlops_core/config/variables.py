"""The variables of a target: ours, which must be complete, and a team's own, read only when ours refer to them.

Which value a variable has follows the CLI: the environment's, else what a lookup finds, else the target's, else the
default.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlops_core.config.errors import TargetError, closest, listed
from mlops_core.config.files import ROOT_FILE, BundleFiles
from mlops_core.config.references import Value, names_in
from mlops_core.outside_json import NotOfThisKindError, of_kind

ENVIRONMENT_PREFIX = "BUNDLE_VAR_"
DECLARATION_KEYS = ("description", "type", "default", "lookup")
ALIKE = 0.8
"""Similarity (0 to 1) from which an unused name is taken for a misspelling."""


@dataclass(frozen=True)
class Variables:
    """`expected` are ours."""

    files: BundleFiles
    target: str
    expected: Collection[str]
    environ: Mapping[str, str]

    @cached_property
    def declared(self) -> dict[str, Any]:
        return self.files.mapping("variables")

    @cached_property
    def overrides(self) -> dict[str, Any]:
        return self.files.mapping("targets", self.target, "variables")

    def check(self) -> None:
        """Find misspelt names: in declarations, under the target, in the environment.

        Raises:
            TargetError: says which name, and the one that it was probably meant to be.
        """
        for name in self.expected:
            self._check_ours(name)
        only(self.overrides, self.declared, self.files.where("targets", self.target, "variables"))
        referred = names_in(self.files.content)
        for name in self.declared:
            meant = closest(name, self.expected, ALIKE)
            if name not in self.expected and meant and not any(_speaks_of(path, name) for path in referred):
                raise TargetError(f"{self.files.where('variables', name)} is used nowhere: is {meant} meant?")
        for variable in self.environ:
            name = variable.removeprefix(ENVIRONMENT_PREFIX)
            if variable != name and name not in self.declared:
                raise TargetError(self._stray(name))

    def _check_ours(self, name: str) -> None:
        where = self.files.where("variables", name)
        if name not in self.declared:
            raise TargetError(self._undeclared(name))
        only(self.files.mapping("variables", name), DECLARATION_KEYS, where)

    def _undeclared(self, name: str) -> str:
        """Workflows have a file of their own; every other variable is in the root file."""
        own = closest(name, [other for other in self.declared if other not in self.expected], ALIKE)
        if own:
            return f"{self.files.where('variables', own)} is none of ours, and {name} is missing: is {name} meant?"
        file = f"resources/{name.replace('_', '-')}-resource.yml" if name.endswith("_workflow") else ROOT_FILE
        if not (self.files.folder / file).exists():
            return f"{file} is missing: it declares the variable {name}."
        return f"{file}: variables.{name} is missing: declare it, in a file that {ROOT_FILE} includes."

    def _stray(self, name: str) -> str:
        meant = closest(name, self.declared)
        fix = f"is {ENVIRONMENT_PREFIX}{meant} meant?" if meant else "unset it, or declare the variable."
        return f"The environment's {ENVIRONMENT_PREFIX}{name} sets a variable that the bundle does not declare: {fix}"

    def value(self, name: str) -> Value:
        """The value of a declared variable, references not yet replaced.

        Raises:
            TargetError: it has none, or only the workspace knows it.
        """
        value = self._from_environment(name) or self._from_files(name)
        if value.raw is None:
            key = f"targets.{self.target}.variables.{name}"
            fix = f"set {key} in {ROOT_FILE}, or {ENVIRONMENT_PREFIX}{name}"
            raise TargetError(f"{value.where} has no value for the target {self.target}: {fix}.")
        return value

    def check_shape(self, name: str, value: Value) -> None:
        """Refuse a mapping where one value is declared, or the other way round."""
        is_complex = self._is_complex(name)
        if isinstance(value.raw, dict) != is_complex:
            shape = "a mapping, because the variable is complex" if is_complex else "one value, not a mapping"
            raise TargetError(f"{value.where} is {value.raw!r}, but it should be {shape}.")

    def _is_complex(self, name: str) -> bool:
        return self.files.mapping("variables", name).get("type") == "complex"

    def from_environment(self, names: Iterable[str]) -> dict[str, str]:
        """The environment's variables among those that set `names`."""
        wanted = (f"{ENVIRONMENT_PREFIX}{name}" for name in names)
        return {variable: self.environ[variable] for variable in wanted if variable in self.environ}

    def _from_environment(self, name: str) -> Value | None:
        variable = ENVIRONMENT_PREFIX + name
        if variable not in self.environ:
            self._refuse_overrides_file(name)
            return None
        if self._is_complex(name):
            file, fix = self.files.file_of("variables", name), f"override it in {ROOT_FILE} under targets"
            raise TargetError(f"{variable} can't set {name}, a complex variable of {file}: {fix}.")
        return Value(self.environ[variable], f"The environment's {variable}")

    def _from_files(self, name: str) -> Value:
        for path in (("targets", self.target, "variables", name), ("variables", name)):
            stated = self.files.mapping(*path)
            if stated.get("lookup") is not None:
                fix = f"write the value, or set {ENVIRONMENT_PREFIX}{name}"
                raise TargetError(
                    f"{self.files.where(*path)} is looked up in the workspace, which only the bundle CLI does: {fix}."
                )
            if "default" in stated or (name in self.overrides and path[0] == "targets"):
                return Value(stated.get("default"), f"{self.files.file_of(*path, 'default')}: {'.'.join(path)}")
        return Value(None, self.files.where("variables", name))

    def _refuse_overrides_file(self, name: str) -> None:
        """Only the bundle CLI reads this file: it would provision other names than the code location looks for."""
        file = Path(".databricks", "bundle", self.target, "variable-overrides.json")
        if not (self.files.folder / file).exists():
            return
        try:
            sets_it = name in of_kind(dict[str, Any], (self.files.folder / file).read_bytes())
        except NotOfThisKindError:
            raise TargetError(f"{file.as_posix()} is no mapping in JSON: fix it or remove it.") from None
        if sets_it:
            fix = f"remove it and set {ENVIRONMENT_PREFIX}<name>"
            raise TargetError(f"{file.as_posix()} changes the bundle alone: {fix}.")


def _speaks_of(path: str, name: str) -> bool:
    return path == f"var.{name}" or path.startswith((f"var.{name}.", f"var.{name}["))


def only(keys: Iterable[object], valid: Collection[str], where: str) -> None:
    """Refuse a key that is not among the `valid` ones."""
    for key in keys:
        if key not in valid:
            raise TargetError(f"{where} has the unknown key {key}; valid keys are {listed(valid)}.")
