"""Follows one attempt: its messages become events of the Dagster run, until the last one came or none can come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterator

import dagster as dg

from mlops_core.adapters.step_launcher import dagster_internals as internals
from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.acceptance import Acceptance, RefusedMessageError
from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.run_handle import RunHandle
from mlops_core.adapters.step_launcher.run_state import RunState
from mlops_core.adapters.step_launcher.settings import Timing
from mlops_core.adapters.step_launcher.workspace import Workspace

FIRST_LOOK_S = 0.3
SHARE_OF_AGE = 0.15  # a step that has run for long may be heard of a little later
LEASE_RENEWALS = 4  # in the time after which a lease lapses
LOOK_AT_RUN_S = 5.0  # between two looks whether the Dagster run was ended


class AttemptLostError(Exception):
    """The Databricks run of an attempt ended, or did not begin in time, and its `next_message` did not come."""

    def __init__(self, state: RunState, started: bool, next_message: str) -> None:
        super().__init__(f"{state.life_cycle} {state.result}")
        self.state, self.started, self.next_message = state, started, next_message


class Follower:
    """The messages of one attempt, in order.

    `change` may add to an entry before it is stored; `acceptance` says which entries are. `renew_lease` is called
    often enough.
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
        acceptance: Acceptance,
        pending: bool,
        start_timeout_s: float,
    ) -> None:
        self._done: protocol.Done | None = None
        self._context, self._workspace, self._timing = context, workspace, timing
        self._attempt, self._handle, self._change, self._acceptance = attempt, handle, change, acceptance
        self._final: str | None = None
        self._renew_lease, self._pending, self._start_timeout_s = renew_lease, pending, start_timeout_s
        self._number = 0
        self._hit, self._life = False, ""
        self._asked = self._begun = self._heard = self._renewed = self._looked = time.monotonic()
        self._ended: float | None = None
        self._broken: float | None = None  # since when the next message is there, but can't be read

    def events(self) -> Generator[internals.DagsterEvent, None, protocol.Done]:
        """Store each event in the run's log and yield it; returns how the attempt ended.

        Raises:
            AttemptLostError: no more messages can come, and no final event did.
            RefusedMessageError: a message can't be one of this step's.
            RunEndedError: the Dagster run was ended, and this process was not told.
        """
        if not self._pending:
            self._wait()  # a look at once would find nothing
        while self._done is None:
            with internals.interruptible():
                message = self._next_unless_out()
            if message is None:
                continue
            yield from self._replay(message)
            if not self._hit and self._done is None:  # after two in a row there may be more already
                self._wait()
            self._hit = True
        return self._done

    def _next_unless_out(self) -> protocol.Message | None:
        """The next message; after the step's final event none has to come, and none that is refused matters."""
        passing: tuple[type[Exception], ...] = (*call_errors(), RefusedMessageError)
        try:
            return self._next()
        except passing as error:
            self._done = self._ended_before(error)
            return None

    def _ended_before(self, error: Exception) -> protocol.Done:
        """How the step has ended, when its final event came before an error; else that is raised."""
        if self._final is None:
            raise error
        self._context.log.warning(f"The step has ended, and what else it said can't be read: {error}")
        return protocol.Done(self._final)

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
        message = self._read_next()
        if message is None:
            self._hit = False
            self._notice_end()
            self._wait()
            return None
        self._number, self._heard, self._broken = self._number + 1, time.monotonic(), None
        return message

    def _read_next(self) -> protocol.Message | None:
        """The next message; None while it is not there as a whole, as a file on a volume is from the beginning."""
        file = self._next_file
        data = self._workspace.get(file)
        message = self._acceptance.message(file, data)
        if message is None and data is not None:
            self._broken = self._broken or time.monotonic()
            if time.monotonic() - self._broken > self._timing.ending_grace_s:
                raise RefusedMessageError(file, "it is no message, or not a whole one")
        return message

    @property
    def _next_file(self) -> str:
        return protocol.message_file(self._attempt, self._number + 1)

    def _wait(self) -> None:
        age = time.monotonic() - self._begun
        with internals.interruptible():
            time.sleep(min(self._timing.poll_s, max(FIRST_LOOK_S, age * SHARE_OF_AGE)))

    def _still_pending(self) -> bool:
        state = self._state()
        self._begun = self._heard = time.monotonic()
        if self._pending and self._begun - self._asked > self._start_timeout_s:
            if not self._has_started():
                raise AttemptLostError(state, started=False, next_message=self._next_file)
            self._pending = False
        return self._pending

    def _has_started(self) -> bool:
        """Whether the volume says otherwise than the state: what came from there is the truth."""
        worker = self._handle.worker
        files = [self._next_file, protocol.begun_file(self._attempt)]
        return any(map(self._workspace.exists, [*files, *([protocol.up_file(worker)] if worker else [])]))

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
            raise AttemptLostError(self._state(), begun, self._next_file)  # by now Databricks may know why
        self._done = protocol.Done(self._final)

    def _replay(self, message: protocol.Message) -> Iterator[internals.DagsterEvent]:
        file = protocol.message_file(self._attempt, self._number)
        try:
            entries, done = self._acceptance.entries(file, message), self._acceptance.done(file, message)
        except RefusedMessageError as refused:
            self._done = self._ended_before(refused)
            return
        for stream, text in ((sys.stdout, message.out), (sys.stderr, message.err)):
            stream.write(text.encode(errors="replace").decode())  # half of a surrogate pair can't be written
            stream.flush()
        for original, is_new in entries:
            entry = self._change(internals.with_own_target(self._context, original))
            if is_new:
                self._context.instance.handle_new_event(entry)
            if entry.dagster_event is not None:
                yield entry.dagster_event
        self._done, self._final = done, self._acceptance.final
        if self._final and message.done and message.done.error:
            self._context.log.warning(f"The step has ended on Databricks, and then failed there: {message.done.error}")
