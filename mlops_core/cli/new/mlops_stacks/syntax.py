"""Python files and notebooks: parsed, and never imported."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlops_core.cli.new.errors import NewProjectError

MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)


class Expression(str):
    """The text of what is no literal."""

    __slots__ = ()


def parsed(file: Path) -> ast.Module:
    """A Python file, or a notebook without its magics.

    Raises:
        NewProjectError: it is no Python.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        source = _cells(text) if file.suffix == ".ipynb" else text
        return ast.parse(MAGIC.sub(r"\1pass", source))
    except SyntaxError as error:
        raise NewProjectError(
            f"{file}, line {error.lineno}, is not valid Python ({error.msg}): correct it, and import again."
        ) from None
    except (OSError, ValueError, LookupError, TypeError, RecursionError, MemoryError) as error:
        raise NewProjectError(f"{file} can't be read ({error}): correct it, and import again.") from None


def _cells(text: str) -> str:
    """The code of a Jupyter notebook."""
    cells = json.loads(text)["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return "\n".join(source for source in sources if not source.startswith("%%"))


def function(module: ast.Module, name: str) -> ast.FunctionDef | None:
    return next((node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name), None)


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """Calls of a function by the last part of its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and last(node.func) == name:
            yield node


def literals(module: ast.Module) -> dict[str, Any]:
    """Names that the module gives a literal value."""
    found = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def arguments(call: ast.Call, known: dict[str, Any], order: Sequence[str] = ()) -> dict[str, Any]:
    """The arguments, literals as their values. `order` names those without a name."""
    given = {
        **dict(zip(order, call.args, strict=False)),
        **{each.arg: each.value for each in call.keywords if each.arg},
    }
    return {name: value_of(value, known) for name, value in given.items()}


def last(node: ast.expr) -> str:
    """The last part of a name: `mean` of `F.mean`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def value_of(node: ast.expr, known: dict[str, Any]) -> Any:
    """The value of a literal or of a `known` name, else the `Expression`."""
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return Expression(ast.unparse(node))
