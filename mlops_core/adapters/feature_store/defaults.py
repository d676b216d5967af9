"""Default values of features, as text in the specification and as values in a DataFrame."""

from __future__ import annotations

from numbers import Real
from typing import Any

BITS = {"smallint": 16, "int": 32, "bigint": 64}
FLOATS = ("float", "double")
BOOLEANS = {"true": True, "false": False}


def default_text(output: str, value: Any, data_type: str) -> str | None:
    """The text that stands for `value` in the specification, None when there is no default.

    Raises:
        ValueError: the value does not fit a feature of `data_type`.
        OverflowError: it is an integer that the type cannot hold.
    """
    if value is None:
        return None
    text = str(value) if isinstance(value, (Real, str)) else ""
    try:
        default_value(text, data_type)
    except ValueError:
        raise ValueError(
            f"The default value {value!r} does not fit the feature '{output}' of type {data_type}: booleans, strings "
            "and numbers can have defaults of their own kind, an integer like 0 for integers. An empty text is none."
        ) from None
    return text


def default_value(text: str, data_type: str) -> Any:
    """The value of a text that `default_text` or Databricks' client wrote.

    Raises:
        ValueError: the text is no value of the type.
        OverflowError: it is an integer that the type cannot hold.
    """
    if not text:
        raise ValueError("an empty text is no default")
    if data_type in BITS:
        return _integer(int(text), BITS[data_type])
    if data_type in FLOATS:
        return float(text)
    if data_type == "boolean" and text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    if data_type == "string":
        return text
    raise ValueError(f"'{text}' is no {data_type}")


def _integer(value: int, bits: int) -> int:
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise OverflowError(f"The default value {value} does not fit an integer of {bits} bits.")
    return value
