"""Follows one attempt: its messages become events of the Dagster run, until the last one came or none can come."""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

import dagster as dg

from mlops_core.adapters.step_launcher import dagster_internals as internals
from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.run_handle import RunHandle
from mlops_core.adapters.step_launcher.run_state import RunState
from mlops_core.adapters.step_launcher.settings import Timing
from mlops_core.adapters.step_launcher.workspace import Workspace

FIRST_LOOK_S = 0.3
SHARE_OF_AGE = 0.15  # a step that has run for long may be heard of a little later
LEASE_RENEWALS = 4  # in the time after which a lease lapses
LOOK_AT_RUN_S = 5.0  # between two looks whether the Dagster run was ended


class AttemptLostError(Exception):
    """The Databricks run of an attempt ended, or did not begin in time, and the attempt's last message did not come."""

    def __init__(self, state: RunState, started: bool) -> None:
        super().__init__(f"{state.life_cycle} {state.result}")
        self.state, self.started = state, started


class Follower:
    """The messages of one attempt, in order.

    `change` may add to an entry before it is stored; entries of which `stored` has the identity are not stored again.
    `renew_lease` is called often enough.
    """

    def __init__(
        self,
        context: internals.StepExecutionContext,
        workspace: Workspace,
        timing: Timing,
        *,
        attempt: str,
        handle: RunHandle,
        change: Callable[[dg.EventLogEntry], dg.EventLogEntry],
        renew_lease: Callable[[], None],
        stored: set[tuple[Any, ...]],
        pending: bool,
        start_timeout_s: float,
    ) -> None:
        self._done: protocol.Done | None = None
        self._context, self._workspace, self._timing = context, workspace, timing
        self._attempt, self._handle, self._change, self._stored = attempt, handle, change, stored
        self._renew_lease, self._pending, self._start_timeout_s = renew_lease, pending, start_timeout_s
        self._number = 0
        self._final: str | None = None
        self._hit, self._life = False, ""
        self._asked = self._begun = self._heard = self._renewed = self._looked = time.monotonic()
        self._ended: float | None = None

    def events(self) -> Generator[internals.DagsterEvent, None, protocol.Done]:
        """Store each event in the run's log and yield it; returns how the attempt ended.

        Raises:
            AttemptLostError: no more messages can come, and no final event did.
            RunEndedError: the Dagster run was ended, and this process was not told.
        """
        if not self._pending:
            self._wait()  # a look at once would find nothing
        while self._done is None:
            with internals.interruptible():
                message = self._next()
            if message is None:
                continue
            yield from self._replay(message)
            if not self._hit and self._done is None:  # after two in a row there may be more already
                self._wait()
            self._hit = True
        return self._done

    def _next(self) -> protocol.Message | None:
        """The next message, or None after a wait."""
        if time.monotonic() - self._looked > LOOK_AT_RUN_S:
            internals.require_running(self._context)
            self._looked = time.monotonic()
        if time.monotonic() - self._renewed > self._timing.lease_s / LEASE_RENEWALS:
            self._renew_lease()
            self._renewed = time.monotonic()
        if self._pending and self._still_pending():
            time.sleep(self._timing.pending_poll_s)
            return None
        data = self._workspace.get(protocol.message_file(self._attempt, self._number + 1))
        message = _decoded(data)
        if message is None:
            self._hit = False
            self._notice_end()
            self._wait()
            return None
        self._number, self._heard = self._number + 1, time.monotonic()
        return message

    def _wait(self) -> None:
        age = time.monotonic() - self._begun
        with internals.interruptible():
            time.sleep(min(self._timing.poll_s, max(FIRST_LOOK_S, age * SHARE_OF_AGE)))

    def _still_pending(self) -> bool:
        state = self._state()
        self._begun = self._heard = time.monotonic()
        if self._pending and self._begun - self._asked > self._start_timeout_s:
            raise AttemptLostError(state, started=False)
        return self._pending

    def _state(self) -> RunState:
        state = self._workspace.state(self._handle.run_id)
        self._pending = state.pending
        if state.life_cycle != self._life:
            self._life = state.life_cycle
            text = f": {state.message}" if state.message else ""
            self._context.log.info(f"Databricks run {self._handle.run_id} is {state.life_cycle}{text}")
        if state.task_ended and self._ended is None:
            self._ended = time.monotonic()
        return state

    def _notice_end(self) -> None:
        """Ask after a silence whether anything is left to come; if not, late messages have a while to appear."""
        now = time.monotonic()
        if self._ended is None and now - self._heard > self._timing.silence_s:
            self._heard = now
            if not self._state().task_ended and self._workspace.exists(protocol.ended_file(self._attempt)):
                self._ended = now  # its worker goes on with other steps
        if self._ended is None or now - self._ended < self._timing.ending_grace_s:
            return
        if self._final is None:
            begun = self._number > 0 or self._workspace.exists(protocol.begun_file(self._attempt))
            raise AttemptLostError(self._state(), begun)  # by now Databricks may know why
        self._done = protocol.Done(self._final)

    def _replay(self, message: protocol.Message) -> Iterator[internals.DagsterEvent]:
        for stream, text in ((sys.stdout, message.out), (sys.stderr, message.err)):
            stream.write(text)
            stream.flush()
        for original in internals.load_events(message.events):
            entry = self._change(internals.with_own_target(self._context, original))
            if internals.identity(original) not in self._stored:
                self._context.instance.handle_new_event(entry)
            if entry.dagster_event is not None:
                if internals.is_final(entry.dagster_event):
                    self._final = entry.dagster_event.event_type_value
                yield entry.dagster_event
        self._done = message.done


def _decoded(data: bytes | None) -> protocol.Message | None:
    """A message, or None while there is none or its bytes are not all there."""
    if not data:
        return None
    try:
        return protocol.Message.from_bytes(data)
    except (EOFError, OSError, ValueError, zlib.error):
        return None
