"""Messages of one attempt to the host, as numbered whole files; a volume that refuses a write loses none."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

from mlops_core.adapters.step_launcher.protocol import (
    MOST_EVENT_CHARACTERS,
    Done,
    Message,
    begun_file,
    ended_file,
    message_file,
)
from mlops_core.adapters.step_launcher.remote.masking import Mask
from mlops_core.adapters.step_launcher.remote.output import Capture
from mlops_core.adapters.step_launcher.remote.volume import retry_io

logger = logging.getLogger(__name__)
TICK_S = 0.1
SPACING_S = 1.0  # between two messages of a step that has much to say


class Outbox:
    """Collects events and text from any thread, and writes them from its own.

    A write that failed may have landed, and its reader goes on to the next number: so it is repeated as it was, and
    what came since goes under the next number.
    """

    def __init__(self, attempt: Path, capture: Capture, mask: Mask) -> None:
        self._attempt, self._capture, self._mask = attempt, capture, mask
        self._events: list[str] = []
        self._unsent: bytes | None = None
        self._number, self._written_at = 0, 0.0
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def open(self) -> None:
        """Say that the attempt has begun; then write messages as there is something to say.

        Raises:
            OSError: the volume takes no file for `PATIENCE_S` seconds.
        """
        retry_io(self._begin)
        self._thread.start()

    def add_event(self, text: str) -> None:
        with self._lock:
            self._events.append(text)

    def close(self, done: Done) -> None:
        """Write what is left, and that this was the last message.

        Raises:
            OSError: the volume takes no file for `PATIENCE_S` seconds.
        """
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        while self._unsent is not None or self._events:
            retry_io(self._send)
        self._unsent = replace(self._collect(), done=done).to_bytes()
        retry_io(self._send)
        retry_io(lambda: Path(ended_file(str(self._attempt))).write_text(done.final_event or ""))

    def _run(self) -> None:
        while not self._stopped.wait(TICK_S):
            if time.monotonic() - self._written_at < SPACING_S:
                continue
            try:
                self._send()
            except OSError as error:
                logger.warning("A message to Dagster could not be written, and is kept: %s", error)

    def _begin(self) -> None:
        self._attempt.mkdir(parents=True, exist_ok=True)
        Path(begun_file(str(self._attempt))).write_bytes(b"")

    def _send(self) -> None:
        """Write the message that is still owed, else the one that says what is new."""
        if self._unsent is None:
            message = self._collect()
            if message == Message():
                return
            self._unsent = message.to_bytes()
        self._attempt.mkdir(parents=True, exist_ok=True)
        Path(message_file(str(self._attempt), self._number + 1)).write_bytes(self._unsent)
        self._number, self._unsent, self._written_at = self._number + 1, None, time.monotonic()

    def _collect(self) -> Message:
        """What came since; text was masked when it was written."""
        with self._lock:
            events, self._events = _first_of(self._events)
        return Message(tuple(map(self._mask.event, events)), self._capture.out.take(), self._capture.err.take())


def _first_of(events: list[str]) -> tuple[list[str], list[str]]:
    """As many events as a message may have, and the rest; the first is never left."""
    taken, characters = 0, 0
    for event in events:
        characters += len(event)
        if taken and characters > MOST_EVENT_CHARACTERS:
            break
        taken += 1
    return events[:taken], events[taken:]
