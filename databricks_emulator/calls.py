"""The record of every API call, which tests count and measure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True)
class ApiCall:
    """One call; `status` is 0 when the client got no answer, `time` is in epoch seconds, `seconds` is its duration."""

    method: str
    path: str
    status: int
    bytes_received: int
    bytes_sent: int
    seconds: float
    time: float


class CallLog:
    def __init__(self) -> None:
        self._calls: list[ApiCall] = []
        self._lock = Lock()

    def add(self, call: ApiCall) -> None:
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()

    def matching(self, method: str = "", path: str = "") -> list[ApiCall]:
        """The calls so far whose method and path match the regular expressions (a part is enough)."""
        with self._lock:
            return [call for call in self._calls if re.search(method, call.method) and re.search(path, call.path)]

    def count(self, method: str = "", path: str = "") -> int:
        return len(self.matching(method, path))

    @property
    def bytes_uploaded(self) -> int:
        return sum(call.bytes_received for call in self.matching())

    @property
    def paths(self) -> list[str]:
        """`METHOD path` of each call in order: what a test shows when a count is off."""
        return [f"{call.method} {call.path} {call.status}" for call in self.matching()]
