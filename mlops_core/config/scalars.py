"""Type conversion of scalars, as the bundle CLI does it.

Source: `libs/dyn/convert/normalize.go` and `libs/dyn/dynvar/resolve.go` of the CLI. What it can't convert is
returned unchanged, for the type check to refuse.
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Any

TRUE = ("true", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON")
FALSE = ("false", "n", "N", "no", "No", "NO", "off", "Off", "OFF")
PLAIN_EXPONENTS = range(-4, 6)
"""Of numbers that Go writes without an exponent when it puts them into a longer text."""


def as_text(value: Any) -> Any:
    """`true`, not `True`; a number without an exponent and without zeros at its end."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _plain(value) if isfinite(value) else {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}[str(value)]
    return str(value) if isinstance(value, (int, str)) else value


def within_text(value: Any) -> Any:
    """As `as_text`, for a value that is a part of a longer text."""
    if not isinstance(value, float) or not isfinite(value) or not value:
        return as_text(value)
    number = Decimal(repr(value)).normalize()
    if number.adjusted() in PLAIN_EXPONENTS:
        return _plain(value)
    mantissa, exponent = f"{number:e}".split("e")
    return f"{mantissa}e{int(exponent):+03d}"


def _plain(value: float) -> str:
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_bool(value: Any) -> Any:
    """YAML 1.1's words too: `no` is a boolean only where one is expected."""
    return True if value in TRUE else False if value in FALSE else value


def as_int(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+", value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_float(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) and value == value.strip() else value
    except ValueError:
        return value
