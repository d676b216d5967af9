"""stdout and stderr of steps that share a process: each thread's text goes to the step that runs in it."""

from __future__ import annotations

import sys
import threading
from typing import Any, TextIO

from mlops_core.adapters.step_launcher.remote.masking import Mask

LIMIT = 1_000_000  # characters of one stream of one step that travel to Dagster
CUT = "\n[The rest of this stream is in the output of the Databricks run.]\n"


class CappedText:
    """Text of one stream since it was last taken, until `LIMIT` characters have passed through."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._parts: list[str] = []
        self._left, self._lock = limit, threading.Lock()

    def add(self, text: str) -> None:
        with self._lock:
            if self._left <= 0:
                return
            self._parts.append(text[: self._left])
            self._left -= len(text)
            if self._left <= 0:
                self._parts.append(CUT)

    def take(self) -> str:
        with self._lock:
            parts, self._parts = self._parts, []
        return "".join(parts)


class Capture:
    """Both streams of one step."""

    def __init__(self) -> None:
        self.out, self.err = CappedText(), CappedText()


class Captures:
    """Which step's capture a thread writes to; `mask` hides the secrets of all of them."""

    def __init__(self) -> None:
        self._by_thread: dict[int, Capture] = {}
        self.mask = Mask()

    def install(self) -> None:
        """Replace sys.stdout and sys.stderr of this process."""
        sys.stdout = CopyingStream(sys.stdout, self, "out")
        sys.stderr = CopyingStream(sys.stderr, self, "err")

    def start(self, capture: Capture) -> None:
        self._by_thread[threading.get_ident()] = capture

    def stop(self) -> None:
        self._by_thread.pop(threading.get_ident(), None)

    def current(self) -> Capture | None:
        """This thread's step; text of other threads belongs to the only step that runs, if it is the only one."""
        captures = self._by_thread
        if (own := captures.get(threading.get_ident())) is not None:
            return own
        return next(iter(captures.copy().values()), None) if len(captures) == 1 else None


class CopyingStream:
    """A text stream that also copies what is written to the capture of the writing thread, both without secrets."""

    def __init__(self, real: TextIO, captures: Captures, name: str) -> None:
        self._real, self._captures, self._name = real, captures, name

    def write(self, text: str) -> int:
        masked = self._captures.mask.text(text)
        capture = self._captures.current()
        if capture is not None:
            getattr(capture, self._name).add(masked)
        self._real.write(masked)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
