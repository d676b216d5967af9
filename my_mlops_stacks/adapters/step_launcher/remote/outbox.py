"""Messages of one attempt to the host, as numbered whole files; a volume that refuses a write loses none."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from my_mlops_stacks.adapters.step_launcher.protocol import Done, Message, message_file
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
        """Write the first message, which says that the attempt has begun; then write by itself.

        Raises:
            OSError: the volume takes no file for `PATIENCE_S` seconds.
        """
        self._insist(None)
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
        self._insist(done)
        (self._attempt / "ended").write_bytes(b"")

    def _run(self) -> None:
        while not self._stopped.wait(TICK_S):
            if time.monotonic() - self._written_at < SPACING_S:
                continue
            try:
                self._write(None)
            except OSError as error:
                logger.warning("A message to Dagster could not be written, and is kept: %s", error)

    def _insist(self, done: Done | None) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._write(done, always=True)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(TICK_S)

    def _write(self, done: Done | None, always: bool = False) -> None:
        message = self._collect(done)
        if not always and message == Message():
            return
        file = Path(message_file(str(self._attempt), self._number + 1))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(message.to_bytes())
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
