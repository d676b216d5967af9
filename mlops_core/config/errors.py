"""Errors in the bundle's files."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from mlops_core.looks_secret import without_secrets


class TargetError(ValueError):
    """The files or the environment don't describe the target: one sentence with the file, the key and the fix."""

    def __init__(self, sentence: str) -> None:
        super().__init__(without_secrets(sentence))


def listed(names: Iterable[object]) -> str:
    """Names as a list at the end of a sentence."""
    return ", ".join(map(str, names))


def closest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `names` that `name` is probably a misspelling of."""
    return next(iter(get_close_matches(name, list(names), 1, cutoff)), None)
