"""Which messages of a step are accepted: whole ones of a bounded size, with events of that step alone, each once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from mlops_core.adapters.step_launcher import dagster_internals as internals
from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.step_scope import StepScope


class RefusedMessageError(dg.Failure):
    """A message that this step can't have written; nothing of it is stored, and the step is not retried."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"The message {file} is refused: {why}. See what the step's own code reports, and who else may write on "
            "the staging volume.",
            allow_retries=False,
        )


class Acceptance:
    """What was accepted of one attempt so far; `stored` are the identities of entries that the run's log has."""

    def __init__(self, scope: StepScope, stored: set[tuple[Any, ...]]) -> None:
        self._scope, self._stored = scope, stored
        self._told: set[tuple[Any, ...]] = set()
        self.final: str | None = None  # the type of the step's final event

    def message(self, file: str, data: bytes | None) -> protocol.Message | None:
        """A message, or None while there is none or its bytes are not all there.

        Raises:
            RefusedMessageError: it is too long.
        """
        if data is None:
            return None
        try:
            return protocol.Message.from_bytes(data)
        except protocol.MessageTooLongError as error:
            raise RefusedMessageError(file, str(error)) from None
        except protocol.NO_MESSAGE:
            return None

    def entries(self, file: str, message: protocol.Message) -> list[tuple[dg.EventLogEntry, bool]]:
        """The entries of a message that it is the first to tell, and whether each is missing in the run's log.

        Raises:
            RefusedMessageError: one of them is not of this step, or comes after its final event.
        """
        try:
            return list(self._checked(file, internals.load_events(message.events)))
        except internals.UNREADABLE as error:
            why = f"an event can't be read ({type(error).__name__}: {str(error)[:200]})"
            raise RefusedMessageError(file, why) from None

    def done(self, file: str, message: protocol.Message) -> protocol.Done | None:
        """How the attempt ended, when the message says that it did: the final event decides.

        Raises:
            RefusedMessageError: the message tells of a final event that did not come.
        """
        done = message.done
        if done is None or done.final_event == self.final:
            return done
        if done.final_event is not None:
            raise RefusedMessageError(file, f"it says {done.final_event}, an event that did not come")
        return protocol.Done(self.final)

    def _checked(self, file: str, entries: list[dg.EventLogEntry]) -> Iterator[tuple[dg.EventLogEntry, bool]]:
        for entry in entries:
            if (identity := internals.identity(entry)) in self._told:
                continue
            if (why := self._scope.objection(entry, self.final)) is not None:
                raise RefusedMessageError(file, why)
            self._told.add(identity)
            if entry.dagster_event is not None and internals.is_final(entry.dagster_event):
                self.final = entry.dagster_event.event_type_value
            yield entry, identity not in self._stored
