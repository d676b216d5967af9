"""Dispatches one attempt of a step to a Databricks run, and to another worker when the first had left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from mlops_core.adapters.step_launcher import dagster_internals as internals
from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns
from mlops_core.adapters.step_launcher.ending import last_state
from mlops_core.adapters.step_launcher.following import AttemptLostError
from mlops_core.adapters.step_launcher.run_handle import RUN, RUN_ID, WORKER, RunHandle, RunRequest
from mlops_core.adapters.step_launcher.run_state import RunState
from mlops_core.adapters.step_launcher.versions import installed_versions


@dataclass(frozen=True)
class Sent:
    """Where an attempt is.

    `was_there` says whether its Databricks run ran, or was starting, before this step asked for it. One that is not
    `fresh` was sent by an earlier process of this Dagster run, and went on.
    """

    handle: RunHandle
    was_there: bool
    fresh: bool


@dataclass(frozen=True)
class Loss:
    """What became of an attempt that can come to no end.

    The Databricks run that had it, with its state at the end, and whether the attempt had begun. One that is `untaken`
    did nothing and can't begin there any more, though that worker had come up: it is for another worker. Its
    `next_message` is the file that did not come.
    """

    handle: RunHandle
    state: RunState
    begun: bool
    untaken: bool
    next_message: str = ""


class Dispatch:
    """Sends an attempt; `note` is given the Databricks run as soon as it may run there, for whoever has to end it."""

    def __init__(
        self,
        context: internals.StepExecutionContext,
        runs: DatabricksRuns,
        request: RunRequest,
        attempt: str,
        note: Callable[[RunHandle], None],
    ) -> None:
        self.request, self.attempt = request, attempt
        self._context, self._runs, self._note = context, runs, note

    def send(self, body: bytes) -> Sent:
        """Send the step, unless an earlier process of this run has.

        Raises:
            SubmitRefusedError: Databricks refuses its compute.
        """
        if self.request.compute.kind == "worker":
            return self._send_to_worker(body)
        fresh = self._put_request(body, None)
        handle = self._runs.dedicated_run(self.request, self.attempt)
        self._note(handle)
        return Sent(handle, was_there=False, fresh=fresh)

    def adopt(self) -> Sent:
        """Where an attempt is that ended before this process began.

        Raises:
            LookupError: the volume no longer says so.
        """
        handle = self._runs.handle_of(self.attempt)
        if handle is None:
            raise LookupError(f"The volume names no Databricks run of {self.attempt}: launch the job again.")
        self._note(handle)
        return Sent(handle, was_there=True, fresh=False)

    def loss(self, sent: Sent, lost: AttemptLostError) -> Loss:
        """Find out, when its Databricks run has ended, whether the attempt had begun in it.

        No clock says so, only the attempt's own word; until the run has ended, it might still begin.
        """
        handle, state = self._runs.lost(sent.handle), lost.state
        if not lost.started:
            state = last_state(self._runs, handle.run_id, state)
        begun = lost.started or self._runs.workspace.exists(protocol.begun_file(self.attempt))
        untaken = not begun and state.ended and self._next_may_begin(handle, state)
        return Loss(handle, state, begun, untaken, lost.next_message)

    def _next_may_begin(self, handle: RunHandle, state: RunState) -> bool:
        """Not when a person ended the worker, nor when that never came up: the next one would not either."""
        if not handle.worker or (state.result == "CANCELED" and not handle.ended_for):
            return False
        return state.result == "SUCCESS" or self._runs.workspace.exists(protocol.up_file(handle.worker))

    def hand_over(self, sent: Sent) -> Sent:
        """Give the request to the next generation of the worker."""
        handle, was_there = self._runs.worker(self.request, sent.handle.generation)
        self._runs.workspace.put(protocol.handle_file(self.attempt), handle.to_bytes())
        self._give_to(handle)
        return Sent(handle, was_there, sent.fresh)

    def _send_to_worker(self, body: bytes) -> Sent:
        known = self._known_worker()
        handle, was_there = (known, True) if known else self._runs.worker(self.request)
        self._note(handle)
        fresh = self._put_request(body, handle.worker)
        if not fresh:
            handle = self._runs.handle_of(self.attempt) or handle  # that process may not have come so far
            self._give_to(handle)
        return Sent(handle, was_there, fresh)

    def _known_worker(self) -> RunHandle | None:
        """The worker as the run's log knows it, while it surely waits for steps: the volume need not be asked."""
        if self._context.previous_attempt_count:
            return None
        name = protocol.worker_folder(self.request.folder, self.request.worker_name, 0).removesuffix("0")
        told = internals.told_of_worker(self._context, WORKER, name, self.request.compute.idle_s / 2)
        if told is None:
            return None
        return RunHandle(told[RUN_ID], told[RUN], self.request.compute.nodes.counts, told[WORKER])

    def _put_request(self, body: bytes, worker: str | None) -> bool:
        settings = self._runs.settings
        header = {
            "worker": worker,
            "versions": installed_versions(settings.matched_packages),
            "environment": dict(settings.environment),
            "imports": list(settings.imports),
            "secrets": [asdict(secret) for secret in settings.secrets],
        }
        content = protocol.request_bytes(header, body)
        fresh = self._runs.workspace.put_new(protocol.request_file(self.attempt), content)
        if not fresh:
            self._context.log.info("This attempt was sent to Databricks before: reattaching to it.")
        return fresh

    def _give_to(self, handle: RunHandle) -> None:
        """Ask a worker for the attempt; one that took it before does nothing."""
        self._note(handle)
        header = protocol.request_bytes({"worker": handle.worker}, b"")
        self._runs.workspace.put(protocol.handed_over_file(self.attempt, str(handle.worker)), header)
