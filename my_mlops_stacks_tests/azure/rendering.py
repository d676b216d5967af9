"""A pipeline as Azure would expand it: templates included, `${{ }}` replaced. What Azure refuses is refused here too.

Read are template includes with checked parameters, `${{ if }}`, `${{ else }}`, `${{ insert }}` and expressions. Other
constructs (`each`, `extends`, YAML anchors) are errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from my_mlops_stacks_tests.azure.expressions import evaluate

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TYPES = {"string": str, "object": (dict, list), "boolean": bool}


class RenderError(ValueError):
    """A pipeline that Azure would not start."""


@dataclass(frozen=True)
class _Scope:
    """Where a text stands and what it may name."""

    file: Path
    parameters: Mapping[str, Any]
    variables: dict[str, Any] = field(default_factory=dict)

    def evaluate(self, expression: str) -> Any:
        return evaluate(expression, {"parameters": self.parameters, "variables": self.variables})


def render(file: Path, parameters: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The pipeline in `file`, started with `parameters`; `variables` replace those of the same name in its files."""
    pipeline = _read(file)
    scope = _Scope(file, _checked(pipeline.pop("parameters", []), parameters, file))
    declared = _mapping(_rendered(pipeline.pop("variables", []), scope))
    unknown = (variables or {}).keys() - declared.keys()
    if unknown:
        raise RenderError(f"{file.name} has no variable {', '.join(unknown)}")
    scope.variables.update(declared | dict(variables or {}))
    return {"variables": dict(scope.variables), **_rendered(pipeline, scope)}


def choices(file: Path) -> dict[str, list[Any]]:
    """Each parameter of a pipeline with the values that it may have; where that is any, its default."""
    declared = _read(file).get("parameters", [])
    return {one["name"]: one.get("values") or ([one["default"]] if "default" in one else []) for one in declared}


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        raise RenderError(f"the template {file} does not exist")
    text = file.read_text()
    if any(isinstance(token, yaml.AnchorToken | yaml.AliasToken) for token in yaml.scan(text, LOADER)):
        raise RenderError(f"{file.name} has a YAML anchor, which Azure does not read")
    return yaml.load(text, LOADER)


def _mapping(variables: Any) -> dict[str, Any]:
    if isinstance(variables, dict):
        return variables
    return {item["name"]: item["value"] for item in variables if "name" in item}


def _checked(declared: list[dict[str, Any]], given: Mapping[str, Any], file: Path) -> dict[str, Any]:
    for name in given:
        if name not in [parameter["name"] for parameter in declared]:
            raise RenderError(f"{file.name} has no parameter {name}")
    values = {}
    for parameter in declared:
        name = parameter["name"]
        if name not in given and "default" not in parameter:
            raise RenderError(f"{file.name} needs the parameter {name}")
        values[name] = given.get(name, parameter.get("default"))
        if not isinstance(values[name], TYPES[parameter["type"]]):
            raise RenderError(f"{file.name}: {name} is {values[name]!r}, not of type {parameter['type']}")
        if values[name] not in parameter.get("values", [values[name]]):
            raise RenderError(f"{file.name}: {name} is {values[name]!r}, not one of {parameter['values']}")
    return values


def _rendered(node: Any, scope: _Scope) -> Any:
    if isinstance(node, dict):
        return _rendered_mapping(node, scope)
    if isinstance(node, list):
        return _rendered_list(node, scope)
    if isinstance(node, str):
        return _rendered_text(node, scope)
    return node


def _rendered_text(text: str, scope: _Scope) -> Any:
    whole = EXPRESSION.fullmatch(text)
    if whole and len(EXPRESSION.findall(text)) == 1:
        return scope.evaluate(whole[1])
    return EXPRESSION.sub(lambda match: str(scope.evaluate(match[1])), text)


def _rendered_mapping(node: dict[str, Any], scope: _Scope) -> dict[str, Any]:
    result: dict[str, Any] = {}
    chosen = False
    for key, value in node.items():
        directive = EXPRESSION.fullmatch(str(key))
        if directive is None:
            result[key] = _rendered(value, scope)
        elif directive[1] == "insert":
            result |= _rendered(value, scope)
        else:
            taken = _taken(directive[1], chosen, scope)
            chosen = taken or (chosen and directive[1] == "else")
            result |= _rendered(value, scope) if taken else {}
    return result


def _rendered_list(node: list[Any], scope: _Scope) -> list[Any]:
    result: list[Any] = []
    chosen = False
    for item in node:
        key = next(iter(item)) if isinstance(item, dict) and len(item) == 1 else ""
        directive = EXPRESSION.fullmatch(str(key))
        if directive is not None:
            taken = _taken(directive[1], chosen, scope)
            chosen = taken
            result += _rendered(item[key], scope) if taken else []
        elif isinstance(item, dict) and "template" in item:
            result += _included(_rendered(item, scope), scope)
        else:
            result.append(_rendered(item, scope))
    return result


def _taken(directive: str, chosen: bool, scope: _Scope) -> bool:
    if directive == "else":
        return not chosen
    kind, _, condition = directive.partition(" ")
    if kind != "if":
        raise RenderError(f"{scope.file.name} uses ${{{{ {directive} }}}}, which is not read here")
    return bool(scope.evaluate(condition))


def _included(item: dict[str, Any], scope: _Scope) -> list[Any]:
    file = scope.file.parent / item["template"]
    template = _read(file)
    parameters = _checked(template.pop("parameters", []), item.get("parameters", {}), file)
    ((kind, content),) = template.items()
    rendered = _rendered(content, _Scope(file, parameters, scope.variables))
    if kind == "variables":
        return [{"name": name, "value": value} for name, value in _mapping(rendered).items()]
    return rendered
