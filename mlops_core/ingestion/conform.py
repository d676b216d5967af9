"""Raw events with the right columns of the right types, whatever their source."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    IntegralType,
    LongType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.ingestion.days import ALL_DAYS, EventDays
from mlops_core.project import EventTable
from mlops_core.project.expressions import InvalidSqlError, require_sql, with_doubles

logger = logging.getLogger(__name__)


class InvalidEventsError(ValueError):
    """The input as a whole cannot be taken for events; single bad rows are rejected instead."""


def conform(events: EventTable, raw: DataFrame, days: EventDays = ALL_DAYS) -> DataFrame:
    """The events of `days`, with the declared columns in that order and of those types.

    `SOURCE_PROBLEM` is kept, and says of which rows a value does not fit its column; other columns are left out, with a
    log line.

    Raises:
        InvalidEventsError: a column is missing, or is of a type that does not hold such values, or what the project
            computes or rules out is no SQL over its columns.
    """
    _require_columns(events, raw)
    extra = [name for name in raw.columns if name not in (*events.source_types, SOURCE_PROBLEM)]
    if extra:
        logger.info("%s have columns that are not used: %s", events.nouns.capitalize(), ", ".join(extra))
    rows = raw.select(*(name for name in raw.columns if name not in extra))
    _require_sql(events, rows, events.computed)
    rows = rows.select("*", *(F.expr(with_doubles(how)).alias(name) for name, how in events.computed.items()))
    columns = [F.col(name).try_cast(kind).alias(name) for name, kind in events.types.items()]
    conformed = days.of(events, rows).select(*columns, *_problems(events, rows))
    _require_sql(events, conformed, {rule.reason: rule.broken for rule in events.rules})
    return conformed


def _require_columns(events: EventTable, raw: DataFrame) -> None:
    nouns = events.nouns.capitalize()
    missing = [name for name in events.source_types if name not in raw.columns]
    if missing:
        raise InvalidEventsError(
            f"{nouns} lack the columns {', '.join(missing)}; they have: {', '.join(raw.columns) or 'none'}. "
            f"Expected: {', '.join(f'{name} ({kind})' for name, kind in events.source_types.items())}."
        )
    wrong = [_type_problem(name, raw.schema[name].dataType, kind) for name, kind in events.source_types.items()]
    if any(wrong):
        raise InvalidEventsError(f"{nouns} have columns of the wrong type: {'; '.join(filter(None, wrong))}.")


def _require_sql(events: EventTable, rows: DataFrame, stated: Mapping[str, str]) -> None:
    """Refuse expressions that can't be asked of the rows; `stated` says of what each is."""
    try:
        require_sql(rows.drop(SOURCE_PROBLEM), stated, f"EventTable '{events.name}'")
    except InvalidSqlError as error:
        raise InvalidEventsError(str(error)) from error


def _of(*types: type[DataType]) -> Callable[[DataType], bool]:
    return lambda found: isinstance(found, types)


def _is_whole(found: DataType) -> bool:
    return isinstance(found, IntegralType) or (isinstance(found, DecimalType) and found.scale == 0)


_ALLOWED: Mapping[str, tuple[Callable[[DataType], bool], str]] = {
    "boolean": (_of(BooleanType), "boolean"),
    "int": (_is_whole, "an integer"),
    "bigint": (_is_whole, "an integer"),
    "float": (_of(NumericType), "a number"),
    "double": (_of(NumericType), "a number"),
    "string": (_of(StringType), "string"),
    "date": (_of(DateType), "date"),
    "timestamp": (_of(TimestampType, TimestampNTZType), "timestamp or timestamp_ntz"),
}


def _type_problem(name: str, found: DataType, kind: str) -> str | None:
    is_allowed, words = _ALLOWED[kind]
    return None if is_allowed(found) else f"{name} is {found.simpleString()}, expected {words}"


def _problems(events: EventTable, raw: DataFrame) -> list[Column]:
    """The source's problems and those of values that do not fit, in one column; none where there can be none."""
    told = [F.col(SOURCE_PROBLEM)] if SOURCE_PROBLEM in raw.columns else []
    found = told + [
        F.when(F.col(name).isNotNull() & F.col(name).try_cast(kind).isNull(), f"{name} does not fit {kind}")
        for name, kind in events.types.items()
        if name in events.computed or _may_be_too_large(raw.schema[name].dataType, kind)
    ]
    return [F.nullif(F.concat_ws("; ", *found), F.lit("")).alias(SOURCE_PROBLEM)] if found[len(told) :] else told


def _may_be_too_large(found: DataType, kind: str) -> bool:
    if kind == "int":
        return isinstance(found, LongType | DecimalType)
    return kind == "bigint" and isinstance(found, DecimalType)
