"""Messages of one attempt to the host, as numbered whole files; a volume that refuses a write loses none."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from my_mlops_stacks.adapters.step_launcher.protocol import Done, Message, begun_file, message_file
from my_mlops_stacks.adapters.step_launcher.remote.output import Capture

logger = logging.getLogger(__name__)
TICK_S = 0.1
SPACING_S = 1.0  # between two messages of a step that has much to say
PATIENCE_S = 120.0  # for so long the last message is tried
MASK = "[secret]"


class Outbox:
    """Collects events and text from any thread, and writes them from its own."""

    def __init__(self, attempt: Path, capture: Capture) -> None:
        self._attempt, self._capture = attempt, capture
        self._events: list[str] = []
        self._unwritten = Message()
        self._number, self._written_at = 0, 0.0
        self._secrets: tuple[str, ...] = ()
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def hide(self, secrets: Iterable[str]) -> None:
        """Never let these values out."""
        self._secrets = tuple(secret for secret in secrets if secret)

    def open(self) -> None:
        """Say that the attempt has begun; then write messages as there is something to say.

        Raises:
            OSError: the volume takes no file for `PATIENCE_S` seconds.
        """
        self._insist(self._begin)
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
        self._insist(lambda: self._write(done))
        (self._attempt / "ended").write_text(done.final_event or "")

    def _run(self) -> None:
        while not self._stopped.wait(TICK_S):
            if time.monotonic() - self._written_at < SPACING_S:
                continue
            try:
                if self._has_news():
                    self._write(None)
            except OSError as error:
                logger.warning("A message to Dagster could not be written, and is kept: %s", error)

    def _begin(self) -> None:
        self._attempt.mkdir(parents=True, exist_ok=True)
        Path(begun_file(str(self._attempt))).write_bytes(b"")

    def _insist(self, write: Callable[[], None]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return write()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(TICK_S)

    def _has_news(self) -> bool:
        return self._collect(None) != Message()

    def _write(self, done: Done | None) -> None:
        message = self._collect(done)
        self._attempt.mkdir(parents=True, exist_ok=True)
        Path(message_file(str(self._attempt), self._number + 1)).write_bytes(message.to_bytes())
        self._number, self._unwritten, self._written_at = self._number + 1, Message(), time.monotonic()

    def _collect(self, done: Done | None) -> Message:
        """What a failed write still owes, and what came since."""
        with self._lock:
            events, self._events = self._events, []
        owed = self._unwritten
        self._unwritten = Message(
            events=(*owed.events, *map(self._masked, events)),
            out=owed.out + self._masked(self._capture.out.take()),
            err=owed.err + self._masked(self._capture.err.take()),
        )
        new = self._unwritten
        return Message(new.events, new.out, new.err, done)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text
