"""Default values of features, as text in the specification and as values in a DataFrame."""

from __future__ import annotations

from typing import Any

INTEGERS = ("tinyint", "smallint", "int", "bigint")
FLOATS = ("float", "double")


def default_text(output: str, value: Any, data_type: str) -> str | None:
    """The text that stands for `value` in the specification, None when there is no default.

    Raises:
        ValueError: the value does not fit a feature of `data_type`.
    """
    if value is None:
        return None
    if not _fits(value, data_type):
        raise ValueError(
            f"The default value {value!r} does not fit the feature '{output}' of type {data_type}: numbers, booleans "
            "and strings can have defaults of their own kind."
        )
    return value if isinstance(value, str) else repr(value)


def default_value(text: str, data_type: str) -> Any:
    """The value of a text that `default_text` or Databricks' client wrote."""
    if data_type == "boolean":
        return text.lower() == "true"
    if data_type in INTEGERS:
        return int(text)
    return float(text) if data_type in FLOATS else text


def _fits(value: Any, data_type: str) -> bool:
    if isinstance(value, bool):
        return data_type == "boolean"
    if isinstance(value, int):
        return data_type in (*INTEGERS, *FLOATS)
    if isinstance(value, float):
        return data_type in FLOATS
    return isinstance(value, str) and data_type == "string"
