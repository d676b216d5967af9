"""The expressions of Azure Pipelines that the pipelines here use, in `${{ }}` and in conditions.

Literals, `parameters.x`, `variables.x`, `variables['x']`, `dependencies.stage.outputs['job.step.x']` and the functions
below; anything else is an error, so that a pipeline can't pass unread. https://learn.microsoft.com/azure/devops/pipelines/process/expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w.]*)|(?P<sign>[(),\[\]]))")
Functions = Mapping[str, Callable[..., Any]]


def _same(left: Any, right: Any) -> bool:
    return str(left).casefold() == str(right).casefold()


FUNCTIONS: Functions = {
    "eq": _same,
    "ne": lambda left, right: not _same(left, right),
    "and": lambda *values: all(values),
    "or": lambda *values: any(values),
    "in": lambda value, *others: any(_same(value, other) for other in others),
    "not": lambda value: not value,
    "replace": lambda text, old, new: text.replace(old, new),
}


class ExpressionError(ValueError):
    """An expression that Azure, or this reading of it, would refuse."""


def evaluate(text: str, names: Mapping[str, Mapping[str, Any]], functions: Functions = FUNCTIONS) -> Any:
    """The value of an expression; `names` has the mappings `parameters` and `variables`."""
    parser = _Parser(text, names, functions)
    value = parser.value()
    if parser.rest():
        raise ExpressionError(f"'{text}' goes on after its end: '{parser.rest()}'")
    return value


class _Parser:
    def __init__(self, text: str, names: Mapping[str, Mapping[str, Any]], functions: Functions) -> None:
        self.text, self.names, self.functions, self.position = text, names, functions, 0

    def rest(self) -> str:
        return self.text[self.position :].strip()

    def value(self) -> Any:
        kind, token = self._next()
        if kind == "string":
            return token[1:-1].replace("''", "'")
        if kind != "name":
            raise ExpressionError(f"'{self.text}' has '{token}' where a value should be")
        if self.rest().startswith("("):
            return self._call(token)
        if token in ("true", "false"):
            return token == "true"
        return self._named(token)

    def _named(self, token: str) -> Any:
        mapping, _, key = token.partition(".")
        if self.rest().startswith("["):
            self._expect("[")
            key = self.value()
            self._expect("]")
        if mapping not in self.names or key not in self.names[mapping]:
            raise ExpressionError(f"'{self.text}' names {mapping}.{key}, which nothing defines")
        return self.names[mapping][key]

    def _call(self, function: str) -> Any:
        if function not in self.functions:
            raise ExpressionError(f"'{self.text}' calls {function}, which is not read here")
        self._expect("(")
        arguments = []
        while not self.rest().startswith(")"):
            arguments.append(self.value())
            if not self.rest().startswith(")"):
                self._expect(",")
        self._expect(")")
        return self.functions[function](*arguments)

    def _expect(self, sign: str) -> None:
        if self._next()[1] != sign:
            raise ExpressionError(f"'{self.text}' lacks '{sign}'")

    def _next(self) -> tuple[str, str]:
        match = TOKEN.match(self.text, self.position)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"'{self.text}' can't be read from '{self.rest()}' on")
        self.position = match.end()
        return match.lastgroup, match[match.lastgroup]
