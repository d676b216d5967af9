"""SQL that a project writes, so that all engines read it alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_NUMBER = r"(?<![\w.])(?:\d+\.\d*|\.\d+)(?![\w.])"
_PARTS = re.compile(rf"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|(?P<number>{_NUMBER})""")


def with_doubles(sql: str) -> str:
    """The expression with its decimal literals as doubles, which no column of a project differs from.

    Beside a decimal, Sail makes a decimal of a double too, and fails on NaN and on large numbers.
    """
    return _PARTS.sub(lambda part: f"{part[0]}D" if part["number"] else part[0], sql)


def named_columns(sql: str, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that an expression names, in the order in which it does: in any case, and not within texts."""
    known = {name.lower(): name for name in columns}
    bare = _PARTS.sub(lambda part: part[0] if part[0].startswith("`") else " ", sql)
    words = dict.fromkeys(word.lower() for word in re.findall(r"\w+", bare))
    return tuple(known[word] for word in words if word in known)


class InvalidSqlError(ValueError):
    """An expression that can't be asked of the rows that it is declared for."""


def require_sql(rows: DataFrame, stated: Mapping[str, str], place: str) -> None:
    """Refuse expressions that can't be asked of the rows; `stated` says of what each is.

    Raises:
        InvalidSqlError: the message has the expression, and the columns that there are.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import functions as F

    expressions = {what: F.expr(with_doubles(sql)) for what, sql in stated.items()}
    try:
        _ = rows.select(*expressions.values()).columns
        return
    except PySparkException as error:
        failed = error
    for what, expression in expressions.items():
        try:
            _ = rows.select(expression).columns
        except PySparkException as error:
            raise InvalidSqlError(
                f"{place}, '{what}': {stated[what]!r} is no SQL over the columns {', '.join(rows.columns)} "
                f"({str(error).partition(chr(10))[0][:200]})."
            ) from error
    raise failed
