"""Keeps the values of secrets out of whatever leaves the process: events, tracebacks, both streams.

Masked is free text alone. What names something (an asset, a step, a run, a partition, a column, a metadata label, a
tag) stays as it is, though a secret may be a part of it: with another name, the host would record another asset.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from typing import Any

from mlops_core.adapters.step_launcher.remote.secret_forms import forms
from mlops_core.looks_secret import MASK

TEXTS = frozenset({"user_message", "message", "stack", "description", "text", "md_str", "url"})
TEXTS_OF = {
    "PathMetadataEntryData": {"path"},
    "NotebookMetadataEntryData": {"path"},
    "TableConstraints": {"other"},
    "TableColumnConstraints": {"other"},
    "LocalFileCodeReference": {"file_path"},
    "TableRecord": {"data"},
}
JSON_DATA = "JsonMetadataEntryData"
NEVER = re.compile(r"(?!)")  # matches nothing


class Mask:
    """The secrets of this process; steps that share it share its environment, so they share the mask."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._first = NEVER
        self._by_first: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def add(self, secrets: Iterable[str]) -> None:
        """Never let these values out, however they are quoted or encoded."""
        added = {form for secret in secrets for form in forms(secret)}
        with self._lock:
            self._forms = tuple(sorted({*self._forms, *added}, key=len, reverse=True))
            self._by_first = {form[0]: [other for other in self._forms if other[0] == form[0]] for form in self._forms}
            if self._forms:
                self._first = re.compile("|".join(map(re.escape, self._by_first)))

    def text(self, text: str) -> str:
        return self._found_in(text).sub(MASK, text)

    def divided(self, text: str) -> tuple[str, str]:
        """A stream's text so far: what may be shown, masked, and an end that may be the beginning of a secret."""
        kept = self._undecided(text)
        return self.text(text[:kept]), text[kept:]

    def event(self, text: str) -> str:
        """An event as JSON with its free text masked, and everything else as it is."""
        if not any(form in text for form in self._forms):
            return text
        event = json.loads(text)
        nodes = [event]
        while nodes:  # not by recursion: what a step says may be nested deeper than Python's stack
            node = nodes.pop()
            if isinstance(node, dict):
                self._mask_fields(node)
            nodes += _containers(node)
        return json.dumps(event)

    def _mask_fields(self, node: dict[str, Any]) -> None:
        """Mask the free text of an object of Dagster, in place."""
        kind = node.get("__class__")
        if kind is None:
            return
        for name in (TEXTS | TEXTS_OF.get(kind, set())) & node.keys():
            node[name] = self._masked(node[name], keys=False)
        if kind == JSON_DATA:
            node["data"] = self._masked(node["data"], keys=True)

    def _masked(self, value: Any, keys: bool) -> Any:
        """A value with its strings masked, in place where it is a container; with `keys`, those of its objects too."""
        if isinstance(value, str):
            return self.text(value)
        nodes = [value]
        while nodes:
            node = nodes.pop()
            self._mask_items(node, keys)
            nodes += _containers(node)
        return value

    def _mask_items(self, node: Any, keys: bool) -> None:
        if isinstance(node, list):
            node[:] = [self.text(item) if isinstance(item, str) else item for item in node]
        elif isinstance(node, dict):
            items = [(self.text(key) if keys else key, item) for key, item in node.items()]
            node.clear()
            node.update((key, self.text(item) if isinstance(item, str) else item) for key, item in items)

    def _found_in(self, text: str) -> re.Pattern[str]:
        """A pattern of the forms that are in a text; of several that begin alike, the longest matches."""
        found = [form for form in self._forms if form in text]
        return re.compile("|".join(map(re.escape, found))) if found else NEVER

    def _undecided(self, text: str) -> int:
        """Where the end of a text begins that only what comes next can tell from a secret."""
        longest = len(self._forms[0]) if self._forms else 0
        for match in self._first.finditer(text, max(0, len(text) - longest + 1)):
            at, end = match.start(), text[match.start() :]
            begun = any(form.startswith(end) and form != end for form in self._by_first[match[0]])
            if begun and not any(whole.start() < at < whole.end() for whole in self._found_in(text).finditer(text)):
                return at
        return len(text)


def _containers(node: Any) -> list[Any]:
    items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [item for item in items if isinstance(item, (dict, list))]
