"""What Databricks' feature store takes as a DataFrame and as the type of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

NUMBERS = ("short", "integer", "long", "float", "double", "decimal")
TYPES = frozenset([*NUMBERS, "string", "boolean", "binary", "date", "timestamp", "array", "map", "struct"])
"""Spark's names of the types that a feature table can have; what is inside of the last three is free."""


def check_frame(df: Any) -> None:
    """Require a Spark DataFrame.

    Raises:
        ValueError: as Databricks' client does, for a pandas DataFrame among others.
    """
    from pyspark.sql import DataFrame

    if not isinstance(df, DataFrame):
        raise ValueError(f"The feature store takes a Spark DataFrame, not {type(df).__module__}.{type(df).__name__}.")


def check_types(name: str, schema: StructType) -> None:
    """Refuse columns of a feature table that Databricks' could not have.

    Raises:
        ValueError: says which, and their types.
    """
    others = [f"'{field.name}' is {field.dataType.simpleString()}" for field in schema if not _is_taken(field.dataType)]
    if others:
        raise ValueError(
            f"Feature table '{name}' cannot have columns of these types: {', '.join(others)}. Cast them: tinyint to "
            "smallint, timestamp_ntz to timestamp."
        )


def _is_taken(data_type: Any) -> bool:
    return data_type.typeName() in TYPES
