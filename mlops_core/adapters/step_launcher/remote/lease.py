"""The host's lease: it rewrites a file periodically, and removes it to end what runs here."""

from __future__ import annotations

import time
from pathlib import Path

MISSES = 3  # looks in a row that find no file: one may be a hiccup of the volume


class Lease:
    """The lease of one Dagster run; times are this machine's own, so that its clock need not agree with the host's."""

    def __init__(self, file: Path, lease_s: float) -> None:
        self._file, self._lease_s, self._every_s = file, lease_s, min(3.0, lease_s / 4)
        self._content: bytes | None = None
        self._renewed = self._looked = time.monotonic()
        self._missing = 0

    def renew(self) -> None:
        """The host showed life in another way: it sent a request."""
        self._renewed = time.monotonic()

    def lapsed(self) -> str | None:
        """Why this process has to end, or None."""
        now = time.monotonic()
        if now - self._looked >= self._every_s:
            self._looked = now
            self._look()
        if self._missing >= MISSES:
            return f"{self._file} was removed: the Dagster run has ended."
        if now - self._renewed > self._lease_s:
            return (
                f"{self._file} was not renewed for {self._lease_s:.0f} s: nothing on the Dagster side follows this run."
            )
        return None

    def _look(self) -> None:
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            self._missing += 1
            return
        except OSError:
            return
        self._missing = 0
        if content != self._content:
            self._content = content
            self.renew()
