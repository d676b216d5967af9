"""stdout and stderr of steps that share a process: each thread's text goes to the step that runs in it."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import Any, TextIO

from mlops_core.adapters.step_launcher.remote.masked_bytes import MaskedBytes
from mlops_core.adapters.step_launcher.remote.masking import Mask

LIMIT = 1_000_000  # characters of one stream of one step that travel to Dagster
CUT = "\n[The rest of this stream is in the output of the Databricks run.]\n"


class CappedText:
    """Text of one stream since it was last taken, until `LIMIT` characters have passed through.

    `undecided` is what was written last, and might be the beginning of a secret.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._parts: list[str] = []
        self._left, self._lock = limit, threading.Lock()
        self.undecided = ""

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

    def __init__(self, limit: int = LIMIT) -> None:
        self.out, self.err = CappedText(limit), CappedText(limit)


class Captures:
    """Which step's capture a thread writes to; `mask` hides the secrets of all of them."""

    def __init__(self) -> None:
        self._by_thread: dict[int, Capture] = {}
        self._of_none = Capture(limit=0)  # text that belongs to no step travels nowhere
        self._streams: list[CopyingStream] = []
        self.mask = Mask()

    def install(self) -> None:
        """Replace sys.stdout and sys.stderr of this process, also where a logging handler has them already."""
        out, err = self.stream(sys.stdout, "out"), self.stream(sys.stderr, "err")
        for handler in _stream_handlers():
            if handler.stream in (sys.stdout, sys.stderr):
                handler.setStream(out if handler.stream is sys.stdout else err)
        sys.stdout, sys.stderr = out, err
        atexit.register(self._release, self._of_none)

    def stream(self, real: TextIO, name: str) -> CopyingStream:
        """A stream in the place of a real one."""
        self._streams.append(CopyingStream(real, self, name))
        return self._streams[-1]

    def start(self, capture: Capture) -> None:
        self._by_thread[threading.get_ident()] = capture

    def stop(self) -> None:
        """This thread's step is over, and what its streams hold back is no secret."""
        if (capture := self._by_thread.pop(threading.get_ident(), None)) is not None:
            self._release(capture)

    def current(self) -> Capture:
        """This thread's step; text of other threads belongs to the only step that runs, if it is the only one."""
        captures = self._by_thread
        if (own := captures.get(threading.get_ident())) is not None:
            return own
        return next(iter(captures.copy().values()), self._of_none) if len(captures) == 1 else self._of_none

    def _release(self, capture: Capture) -> None:
        for stream in self._streams:
            stream.release(capture)


class CopyingStream:
    """A text stream that also copies what is written to the capture of the writing thread, both without secrets.

    A secret that is written in pieces is one still: an end that may be the beginning of one is held back until more
    comes, or the step is over. Flushing shows no more of it.
    """

    def __init__(self, real: TextIO, captures: Captures, name: str) -> None:
        self._real, self._captures, self._name = real, captures, name
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        capture: CappedText = getattr(self._captures.current(), self._name)
        with self._lock:
            shown, capture.undecided = self._captures.mask.divided(capture.undecided + text)
            self._show(capture, shown)
        return len(text)

    def release(self, of: Capture) -> None:
        """Show what was held back."""
        capture: CappedText = getattr(of, self._name)
        with self._lock:
            shown, capture.undecided = self._captures.mask.text(capture.undecided), ""
            self._show(capture, shown)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    @cached_property
    def buffer(self) -> MaskedBytes:
        return MaskedBytes(self.write)

    def _show(self, capture: CappedText, text: str) -> None:
        if text:
            capture.add(text)
            self._real.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _stream_handlers() -> Iterator[logging.StreamHandler[Any]]:
    """The handlers that write to a stream, of every logger that there is."""
    for logger in (logging.root, *logging.Logger.manager.loggerDict.values()):
        for handler in logger.handlers if isinstance(logger, logging.Logger) else ():
            if isinstance(handler, logging.StreamHandler):
                yield handler
