"""One launch of one attempt of one step: request it, follow it, and leave nothing running when that fails."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import dagster as dg

from my_mlops_stacks.adapters.step_launcher import dagster_internals as internals
from my_mlops_stacks.adapters.step_launcher import protocol
from my_mlops_stacks.adapters.step_launcher.abandoning import Abandonment
from my_mlops_stacks.adapters.step_launcher.compute import COMPUTE_KEY, Compute
from my_mlops_stacks.adapters.step_launcher.cost import estimate
from my_mlops_stacks.adapters.step_launcher.databricks_runs import DatabricksRuns, SubmitRefusedError
from my_mlops_stacks.adapters.step_launcher.ending import end_dagster_run, end_previous
from my_mlops_stacks.adapters.step_launcher.failure import (
    explain_error,
    explain_loss,
    explain_mismatch,
    explain_refusal,
)
from my_mlops_stacks.adapters.step_launcher.following import AttemptLostError, Follower
from my_mlops_stacks.adapters.step_launcher.run_handle import RunHandle, RunRequest
from my_mlops_stacks.adapters.step_launcher.settings import LauncherSettings
from my_mlops_stacks.adapters.step_launcher.staging import CodeStage
from my_mlops_stacks.adapters.step_launcher.versions import installed_versions
from my_mlops_stacks.adapters.step_launcher.workspace import Workspace

RETRY_WAIT_S = 1
RUN, RUN_ID, WORKER = "databricks_run", "databricks_run_id", "databricks_worker"
MOST_HAND_OVERS = 2  # each may start a cluster


class StepLaunch:
    """Holds what is known of one attempt, so that the launcher itself holds nothing and may launch many at once."""

    def __init__(
        self,
        context: internals.StepExecutionContext,
        settings: LauncherSettings,
        runs: DatabricksRuns,
        stage: CodeStage,
        closing: DatabricksRuns,
    ) -> None:
        self._context, self._settings, self._runs, self._stage = context, settings, runs, stage
        self._closing = closing  # the same, with less patience
        self._number = context.previous_attempt_count
        self._folder = protocol.run_folder(settings.volume, context.run_id)
        self._attempt = self._attempt_folder(self._number)
        self._compute = _compute_of(context, settings.compute)
        self._sent_ms = 0.0
        self._charged_until: float | None = None
        self._request: RunRequest | None = None
        self._handle: RunHandle | None = None
        self._was_there = False  # the worker, before this step asked for it
        self._over = False

    @property
    def _workspace(self) -> Workspace:
        return self._runs.workspace

    def events(self) -> Iterator[internals.DagsterEvent]:
        """Every event of the step; the first one has the page of the Databricks run."""
        terminated = False
        try:
            yield from self._launched()
        except SubmitRefusedError as refused:
            self._over = True
            raise explain_refusal(refused, self._context.step.key, self._compute) from refused
        except internals.INTERRUPTIONS:
            terminated = True
            raise
        except GeneratorExit:  # whoever runs the steps stops, for a termination or for an error of its own
            terminated = internals.is_being_terminated(self._context)
            raise
        finally:
            if not self._over:
                self._abandon(terminated)

    def _launched(self) -> Iterator[internals.DagsterEvent]:
        with internals.interruptible():
            running, stored = self._start()
        yield self._first_event()
        for hand_overs in range(MOST_HAND_OVERS + 1):
            try:
                yield from self._follow(pending=not running, stored=stored)
                return
            except AttemptLostError as lost:
                if hand_overs == MOST_HAND_OVERS or not self._never_taken(lost):
                    self._over = True
                    self._raise_loss(lost)
            with internals.interruptible():
                self._hand_over()
            yield self._first_event()
            running = False

    def _start(self) -> tuple[bool, set[tuple[Any, ...]]]:
        """Send the step.

        Returns: whether what takes it runs already, and what an earlier process stored of the step.
        """
        context, number = self._context, self._number
        for earlier in internals.repeated_runs(context):
            end_dagster_run(self._runs, earlier)
        body = internals.dump_step(context, self._lost_attempts())
        request = self._new_request()
        if number and end_previous(self._runs, request, self._attempt_folder(number - 1)) == "STEP_SUCCESS":
            return self._adopt(number - 1, request)
        self._request = request  # from here on, something may run on Databricks
        if self._compute.kind == "worker":
            fresh = self._send_to_worker(request, body)
        else:
            fresh = self._put_request(body, None)
            self._handle = self._runs.alone(request, self._attempt)
        return self._was_there, set() if fresh else internals.stored_identities(context)

    def _new_request(self) -> RunRequest:
        context = self._context
        return RunRequest(
            dagster_run_id=context.run_id,
            job_name=context.job_name,
            step_key=context.step.key,
            folder=self._folder,
            compute=self._compute,
            code_digest=self._stage.digest,
            stage_code=lambda: self._stage.ensure(self._workspace),
        )

    def _adopt(self, number: int, request: RunRequest) -> tuple[bool, set[tuple[Any, ...]]]:
        """Take over an attempt that succeeded on the cluster after its host was lost: its data is written."""
        self._attempt, self._request = self._attempt_folder(number), request
        self._handle = self._runs.handle_of(self._attempt)
        self._context.log.info("The attempt before this one had succeeded on Databricks: taking over its result.")
        return True, internals.stored_identities(self._context)

    def _send_to_worker(self, request: RunRequest, body: bytes) -> bool:
        known = self._known_worker(request)
        self._handle, self._was_there = (known, True) if known else self._runs.worker(request)
        self._sent_ms = time.time() * 1000
        fresh = self._put_request(body, self._handle.worker)
        if not fresh:
            self._give_to(self._runs.handle_of(self._attempt) or self._handle)  # that process may not have come so far
        return fresh

    def _known_worker(self, request: RunRequest) -> RunHandle | None:
        """The worker as the run's log knows it, while it surely waits for steps: the volume need not be asked."""
        name = protocol.worker_folder(self._folder, request.worker_name, 0).removesuffix("0")
        told = None if self._number else internals.told_of_worker(self._context, WORKER, name, self._compute.idle_s / 2)
        if told is None:
            return None
        return RunHandle(told[RUN_ID], told[RUN], self._compute.nodes.counts, told[WORKER])

    def _put_request(self, body: bytes, worker: str | None) -> bool:
        """False when an earlier process of this run has sent the same attempt: then this one reattaches."""
        header = {
            "worker": worker,
            "versions": installed_versions(self._settings.matched_packages),
            "environment": dict(self._settings.environment),
            "secrets": [asdict(secret) for secret in self._settings.secrets],
        }
        fresh = self._workspace.put_new(protocol.request_file(self._attempt), protocol.request_bytes(header, body))
        if not fresh:
            self._context.log.info("This attempt was sent to Databricks before: reattaching to it.")
        return fresh

    def _never_taken(self, lost: AttemptLostError) -> bool:
        """Whether the worker was gone when the request came, or left just then because it was idle.

        A worker that this step started can't have been gone: it failed to start, and its next one would as well.
        """
        if lost.started or self._compute.kind != "worker":
            return False
        return lost.state.result == "SUCCESS" or (self._was_there and 0 < lost.state.ended_ms < self._sent_ms)

    def _hand_over(self) -> None:
        """Give the request to the next generation of the worker."""
        self._runs.lost(self._handle)
        handle, self._was_there = self._runs.worker(self._known_request, self._handle.generation)
        self._sent_ms = time.time() * 1000
        self._workspace.put(protocol.handle_file(self._attempt), handle.to_bytes())
        self._give_to(handle)

    def _give_to(self, handle: RunHandle) -> None:
        """Ask a worker for the attempt; one that took it before does nothing."""
        self._handle = handle
        header = protocol.request_bytes({"worker": handle.worker}, b"")
        self._workspace.put(protocol.handed_over_file(self._attempt, str(handle.worker)), header)

    @property
    def _known_request(self) -> RunRequest:
        if self._request is None:
            raise AssertionError("a step is followed after it was requested")
        return self._request

    def _first_event(self) -> internals.DagsterEvent:
        handle = self._handle
        metadata = {
            RUN: dg.MetadataValue.url(handle.url),
            RUN_ID: dg.MetadataValue.int(handle.run_id),
            "staging": dg.MetadataValue.path(self._attempt),
            **({WORKER: dg.MetadataValue.path(handle.worker)} if handle.worker else {}),
        }
        return internals.engine_event(self._context, f"Running on Databricks, run {handle.run_id}", metadata)

    def _follow(self, pending: bool, stored: set[tuple[Any, ...]]) -> Iterator[internals.DagsterEvent]:
        follower = Follower(
            self._context,
            self._workspace,
            self._settings.timing,
            attempt=self._attempt,
            handle=self._handle,
            change=self._with_cost,
            renew_lease=lambda: self._runs.renew_lease(self._folder),
            stored=stored,
            pending=pending,
        )
        yield from follower.events()
        self._over = True
        if follower.done.mismatch:
            raise explain_mismatch(follower.done)
        if follower.done.final_event is None:
            raise explain_error(follower.done, self._handle)

    def _with_cost(self, entry: dg.EventLogEntry) -> dg.EventLogEntry:
        """Charge a materialization with the seconds since the step's start, or since its previous materialization."""
        if self._charged_until is None:
            self._charged_until = entry.timestamp
        if not internals.is_materialization(entry):
            return entry
        seconds, self._charged_until = entry.timestamp - self._charged_until, entry.timestamp
        cost = estimate(seconds, self._compute.nodes, self._settings.prices)
        return internals.with_metadata(entry, cost.metadata())

    def _raise_loss(self, lost: AttemptLostError) -> None:
        handle = self._runs.lost(self._handle)
        explained = explain_loss(self._workspace, handle, lost.state, lost.started)
        if not explained.infrastructure or self._lost_attempts() >= self._settings.infrastructure_retries:
            raise explained.failure
        self._workspace.put(protocol.lost_file(self._attempt), b"")
        raise dg.RetryRequested(max_retries=self._number + 1, seconds_to_wait=RETRY_WAIT_S) from explained.failure

    def _lost_attempts(self) -> int:
        """How many earlier attempts were lost with their cluster."""
        markers = (protocol.lost_file(self._attempt_folder(number)) for number in range(self._number))
        return sum(self._workspace.exists(marker) for marker in markers)

    def _attempt_folder(self, number: int) -> str:
        return protocol.attempt_folder(self._folder, self._context.step.key, number)

    def _abandon(self, terminated: bool) -> None:
        """The Dagster run was terminated, or this step fails here: end what runs, as far as possible."""
        if self._request is None:
            return
        abandonment = Abandonment(self._closing, self._context.log, self._request, self._attempt, self._handle)
        if terminated:
            abandonment.end_run()
        else:
            abandonment.end_attempt()


def _compute_of(context: internals.StepExecutionContext, default: Compute) -> Compute:
    """The target's compute with what the op's tag, as JSON, and the assets' metadata change."""
    compute = default
    for changes in internals.compute_changes(context, COMPUTE_KEY):
        compute = compute.overridden(_mapping(changes))
    compute.check()
    return compute


def _mapping(changes: Any) -> Mapping[str, Any]:
    return json.loads(changes) if isinstance(changes, str) else changes
