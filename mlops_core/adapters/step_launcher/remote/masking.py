"""Keeps the values of secrets out of whatever leaves the process: events, tracebacks, both streams."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any

MASK = "[secret]"
SHORTEST = 4  # a shorter value is no secret, and would be found within half of all words
LEVELS = 3  # a text may be quoted within a text that is quoted
STRUCTURE = ("__class__", "__enum__")  # Dagster's own words in its JSON


class Mask:
    """The secrets of this process; steps that share it share its environment, so they share the mask."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def add(self, secrets: Iterable[str]) -> None:
        """Never let these values out, however they are quoted."""
        found = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        with self._lock:
            self._forms = tuple(sorted({*self._forms, *found}, key=len, reverse=True))

    def text(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def json(self, text: str) -> str:
        """A JSON text with its strings masked, and its structure as it is."""
        if not any(form in text for form in self._forms):
            return text
        return json.dumps(self._value(json.loads(text)))

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, dict):
            return {key: item if key in STRUCTURE else self._value(item) for key, item in value.items()}
        return value


def _forms(secret: str) -> set[str]:
    """A secret as it is, and as it looks when Python or JSON quote it."""
    forms = {secret}
    for _ in range(LEVELS):
        forms |= {quoted for form in forms for quoted in _quoted(form)}
    return forms


def _quoted(text: str) -> tuple[str, ...]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]
