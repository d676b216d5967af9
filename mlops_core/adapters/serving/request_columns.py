"""The columns of a request as Arrow holds them: what JSON says, in the types of Spark by which a model was trained.

A value of another kind is refused with its place. MLflow's own conversion would cut 1.5 down to an integer in silence.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from reprlib import repr as brief
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

EXACT = 2**53
"""Up to here a float tells integers apart: pandas makes floats of a column of integers that has a null."""
DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


class RequestError(ValueError):
    """A request that can't be answered: the sentence says what to send instead."""


def arrow_type(data_type: str) -> pa.DataType | None:
    """Spark's name of a type as Arrow's; None for arrays, maps and structs, which no request can have."""
    import pyarrow as pa

    if found := DECIMAL.fullmatch(data_type):
        return pa.decimal128(int(found[1]), int(found[2]))
    return {
        "smallint": pa.int16(),
        "int": pa.int32(),
        "bigint": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "string": pa.string(),
        "boolean": pa.bool_(),
        "binary": pa.binary(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
        "timestamp_ntz": pa.timestamp("us"),
    }.get(data_type)


def request_columns(rows: pd.DataFrame, types: Mapping[str, str]) -> dict[str, pa.Array]:
    """The columns of `rows` that are among `types`; others are left out, as MLflow leaves them out.

    Args:
        types: column -> its type, by Spark's name.

    Raises:
        RequestError: a value is none of its column's type, or a column is there twice.
    """
    if twice := sorted({str(name) for name in rows.columns[rows.columns.duplicated()]}):
        raise RequestError(f"The request names {', '.join(map(repr, twice))} twice: send each column once.")
    return {name: _column(name, rows[name], kind) for name, kind in types.items() if name in rows.columns}


def _column(name: str, values: pd.Series, data_type: str) -> pa.Array:
    import pandas as pd
    import pyarrow as pa

    kind = arrow_type(data_type)
    if kind is None:
        raise RequestError(f"'{name}' is {data_type}, which a request can't bring: leave it out, to be looked up.")
    read = READERS.get(data_type, _decimal)
    found: list[Any] = []
    for row, value in enumerate(values.tolist()):
        try:
            found.append(None if value is None or value is pd.NaT or value != value else read(value))  # noqa: PLR0124
        except (TypeError, ValueError, ArithmeticError):
            raise _refused(name, row, value, data_type) from None
    try:
        return pa.array(found, kind)
    except (pa.ArrowInvalid, OverflowError):
        raise RequestError(f"'{name}' has a value that is too large for {data_type}: send one that it holds.") from None


def _refused(name: str, row: int, value: Any, data_type: str) -> RequestError:
    expected = EXPECTED.get(data_type, "a number")
    return RequestError(f"'{name}' of row {row} is {brief(value)}, where {expected} is expected.")


def _whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value or (isinstance(value, float) and abs(value) > EXACT):
        raise ValueError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    return float(value)


def _of(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError
        return value

    return read


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise TypeError
    return Decimal(str(value))


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bytes(value: str) -> bytes:
    return b64decode(value, validate=True)


READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("smallint", "int", "bigint"), _whole),
    **dict.fromkeys(("float", "double"), _number),
    "string": _of(str),
    "boolean": _of(bool),
    "binary": _bytes,
    "date": date.fromisoformat,
    "timestamp": _moment,
    "timestamp_ntz": lambda value: _moment(value).replace(tzinfo=None),
}
EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("smallint", "int", "bigint"), "an integer"),
    "string": "a text",
    "boolean": "true or false",
    "binary": "a text in base64",
    "date": "a day such as 2016-02-14",
    **dict.fromkeys(("timestamp", "timestamp_ntz"), "a time such as 2016-02-14T09:30:00"),
}
