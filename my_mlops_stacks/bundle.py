"""What the bundle's files say about one target: every variable's value and the place that gave it.

A variable gets the value that the bundle CLI would give it: the declared default, replaced by the target's own value
(whole, also for a mapping: the CLI merges nothing), replaced by the environment's `BUNDLE_VAR_<name>`. What the CLI
would skip over is an error here: a blank value, a misspelt key, a key written twice. Reads nothing but the files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT_FILE = "databricks.yml"
ENVIRONMENT_PREFIX = "BUNDLE_VAR_"
DECLARATION_KEYS = ("description", "type", "default")
OVERRIDE_FORMS = ({"default"}, {"default", "type"}, {"default", "description"}, {"default", "type", "description"})
TARGET_KEYS = (  # the bundle CLI only warns about others, so that a misspelt `variables` would change nothing
    *("artifacts", "bundle", "cluster_id", "compute_id", "default", "git", "mode", "permissions", "presets"),
    *("resources", "run_as", "sync", "variables", "workspace"),
)
REFERENCE = re.compile(r"\$\{([^}]*)\}")


class TargetError(ValueError):
    """The files or the environment don't describe the target: one sentence with the file, the key and the fix."""


@dataclass(frozen=True)
class Value:
    """What was written, and where: `databricks.yml: targets.dev.variables.catalog`."""

    raw: Any
    where: str


def read_variables(
    folder: Path, target: str, expected: Collection[str], environ: Mapping[str, str]
) -> dict[str, Value]:
    """The value of each `expected` variable for a target, references replaced, and its `workspace_host`.

    Raises:
        TargetError: a file, the target or a variable is missing, unknown or malformed.
    """
    root = _read(folder, ROOT_FILE)
    section = _section(root, target)
    _refuse_overrides_file(folder, target)
    declared = _declarations(root, folder, expected)
    values = _values(declared, section, target, environ)
    known = {f"var.{name}": value for name, value in values.items()} | _bundle(root, target)
    resolved = {
        name: Value(_referred(f"var.{name}", value.where, known), value.where) for name, value in values.items()
    }
    return {**resolved, "workspace_host": _host(section, target)}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML that reads numbers as the bundle CLI does (1e-3) and refuses a key that is written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} is written twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _read(folder: Path, file: str) -> dict[str, Any]:
    try:
        content = yaml.load((folder / file).read_bytes(), _Loader)  # noqa: S506 - _Loader is a safe loader
    except OSError as error:
        raise TargetError(f"{file} can't be read from {folder}: {error.strerror}.") from error
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}," if error.problem_mark else ""
        raise TargetError(f"{file}{line} is not valid YAML: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise TargetError(f"{file} is not valid YAML: {' '.join(str(error).split())}.") from None
    return _mapping({file: content}, file, file)


def _mapping(parent: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """The mapping under `key`; an absent or blank one is empty."""
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TargetError(f"{where} is {value!r}, but it should be a mapping.")
    return value


def listed(names: Iterable[object]) -> str:
    """Names as the end of a sentence shows them."""
    return ", ".join(map(str, names))


def _only(keys: Iterable[object], valid: Collection[str], where: str) -> None:
    for key in keys:
        if key not in valid:
            raise TargetError(f"{where} has the unknown key {key}; valid keys are {listed(valid)}.")


def _bundle(root: dict[str, Any], target: str) -> dict[str, Value]:
    """What references may say of the bundle without asking a workspace."""
    name = Value(_mapping(root, "bundle", f"{ROOT_FILE}: bundle").get("name"), f"{ROOT_FILE}: bundle.name")
    if not name.raw:
        raise TargetError(f"{name.where} is missing: give the bundle a name.")
    return {"bundle.name": name, "bundle.target": Value(target, ROOT_FILE)}


def _section(root: dict[str, Any], target: str) -> dict[str, Any]:
    targets = _mapping(root, "targets", f"{ROOT_FILE}: targets")
    if target not in targets:
        raise TargetError(f"{ROOT_FILE} has no target {target!r}: MLOPS_TARGET should be one of {listed(targets)}.")
    section = _mapping(targets, target, f"{ROOT_FILE}: targets.{target}")
    _only(section, TARGET_KEYS, f"{ROOT_FILE}: targets.{target}")
    return section


def _refuse_overrides_file(folder: Path, target: str) -> None:
    """Only the bundle CLI would read this file, and provision other names than the code location looks for."""
    file = Path(".databricks", "bundle", target, "variable-overrides.json")
    if (folder / file).exists():
        raise TargetError(f"{file.as_posix()} changes the bundle alone: remove it and set {ENVIRONMENT_PREFIX}<name>.")


def _host(section: dict[str, Any], target: str) -> Value:
    where = f"{ROOT_FILE}: targets.{target}.workspace"
    host = _mapping(section, "workspace", where).get("host")
    if "${" in str(host):
        raise TargetError(f"{where}.host is {host!r}, but the bundle CLI resolves no reference there: write the URL.")
    return Value(host, f"{where}.host")


def _included(root: dict[str, Any], folder: Path) -> Iterable[str]:
    patterns = root.get("include") or []
    if not isinstance(patterns, list):
        raise TargetError(f"{ROOT_FILE}: include is {patterns!r}, but it should be a list of patterns.")
    for pattern in patterns:
        files = sorted(file.relative_to(folder).as_posix() for file in folder.glob(pattern))
        if not files:
            raise TargetError(f"{ROOT_FILE}: include has {pattern}, but no file of {folder} matches it.")
        yield from files


def _declarations(root: dict[str, Any], folder: Path, expected: Collection[str]) -> dict[str, Value]:
    """Each variable's declaration and the file that makes it."""
    contents = {ROOT_FILE: root} | {file: _read(folder, file) for file in _included(root, folder)}
    declared: dict[str, Value] = {}
    for file, content in contents.items():
        if file != ROOT_FILE and "targets" in content:
            raise TargetError(f"{file} has targets: move them to {ROOT_FILE}, the one table of targets.")
        variables = _mapping(content, "variables", f"{file}: variables")
        _only(variables, expected, f"{file}: variables")
        for name in variables:
            if name in declared:
                raise TargetError(f"{file}: variables.{name} is declared in {declared[name].where} too: keep one.")
            declared[name] = Value(_mapping(variables, name, f"{file}: variables.{name}"), file)
            _only(declared[name].raw, DECLARATION_KEYS, f"{file}: variables.{name}")
    for name in expected:
        if name not in declared:
            raise TargetError(_undeclared(name, folder))
    return declared


def _undeclared(name: str, folder: Path) -> str:
    """Workflows have a file of their own; every other variable is in the root file."""
    file = f"resources/{name.replace('_', '-')}-resource.yml" if name.endswith("_workflow") else ROOT_FILE
    if not (folder / file).exists():
        return f"{file} is missing: it declares the variable {name}."
    return f"{file}: variables.{name} is missing: declare it, in a file that {ROOT_FILE} includes."


def _values(
    declared: dict[str, Value], section: dict[str, Any], target: str, environ: Mapping[str, str]
) -> dict[str, Value]:
    where = f"{ROOT_FILE}: targets.{target}.variables"
    overrides = _mapping(section, "variables", where)
    _only(overrides, declared, where)
    values = {}
    for name, declaration in declared.items():
        override = Value(overrides[name], f"{where}.{name}") if name in overrides else None
        values[name] = _value(name, declaration, override, environ)
        if values[name].raw is None:
            fix = f"set {where.removeprefix(f'{ROOT_FILE}: ')}.{name} in {ROOT_FILE}, or {ENVIRONMENT_PREFIX}{name}"
            raise TargetError(f"{values[name].where} has no value for the target {target}: {fix}.")
        _check_shape(values[name], is_mapping=declaration.raw.get("type") == "complex")
    return values


def _value(name: str, declaration: Value, override: Value | None, environ: Mapping[str, str]) -> Value:
    variable = ENVIRONMENT_PREFIX + name
    if variable in environ:
        if declaration.raw.get("type") == "complex":
            fix = f"override it in {ROOT_FILE} under targets"
            raise TargetError(f"{variable} can't set {name}, a complex variable of {declaration.where}: {fix}.")
        return Value(environ[variable], f"The environment's {variable}")
    if override is None:
        return Value(declaration.raw.get("default"), f"{declaration.where}: variables.{name}")
    if isinstance(override.raw, dict) and override.raw.keys() in OVERRIDE_FORMS:
        return Value(override.raw["default"], override.where)
    return override


def _check_shape(value: Value, is_mapping: bool) -> None:
    if isinstance(value.raw, dict) != is_mapping:
        shape = "a mapping, because the variable is complex" if is_mapping else "one value, not a mapping"
        raise TargetError(f"{value.where} is {value.raw!r}, but it should be {shape}.")


def _resolve(value: Any, where: str, known: Mapping[str, Value], through: tuple[str, ...]) -> Any:
    """`value` with every reference in it replaced; one that is nothing but a reference takes the other's type."""
    if isinstance(value, dict):
        return {key: _resolve(item, f"{where}.{key}", known, through) for key, item in value.items()}
    if not isinstance(value, str) or "${" not in value:
        return value
    if whole := REFERENCE.fullmatch(value):
        return _referred(whole[1], where, known, through)
    text = REFERENCE.sub(lambda match: str(_referred(match[1], where, known, through)), value)
    if "${" in text:
        raise TargetError(f"{where} is {value!r}, but a reference in it has no closing brace.")
    return text


def _referred(reference: str, where: str, known: Mapping[str, Value], through: tuple[str, ...] = ()) -> Any:
    if reference in through:
        raise TargetError(f"{where} refers to itself: {' > '.join((*through, reference))}.")
    if reference not in known:
        raise TargetError(f"{where} refers to ${{{reference}}}; without a workspace, only {listed(known)} are known.")
    return _resolve(known[reference].raw, known[reference].where, known, (*through, reference))
