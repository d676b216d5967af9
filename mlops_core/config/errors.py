"""How faults of the bundle's files are told."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class TargetError(ValueError):
    """The files or the environment don't describe the target: one sentence with the file, the key and the fix."""


def listed(names: Iterable[object]) -> str:
    """Names as the end of a sentence shows them."""
    return ", ".join(map(str, names))


def closest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `names` that `name` was probably meant to be."""
    return next(iter(get_close_matches(name, list(names), 1, cutoff)), None)
