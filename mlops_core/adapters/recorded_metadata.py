"""Reads metadata that Dagster has recorded, whose values may be of any type: a reader expects what was written."""

from collections.abc import Mapping
from typing import TypeVar

import dagster as dg

T = TypeVar("T")


def recorded(metadata: Mapping[str, dg.MetadataValue], key: str, kind: type[T]) -> T | None:
    """The value under `key`; None when there is none.

    Raises:
        TypeError: it is not of this `kind`.
    """
    value = metadata[key].value if key in metadata else None
    if value is None or isinstance(value, kind):
        return value
    raise TypeError(f"The metadata '{key}' is {value!r:.80} of type {type(value).__name__}, not {kind.__name__}.")
