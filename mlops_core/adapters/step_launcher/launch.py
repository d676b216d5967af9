"""One launch of one attempt of a step: request it, follow it, and clean up on failure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg

from mlops_core.adapters.step_launcher import dagster_internals as internals
from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.acceptance import Acceptance
from mlops_core.adapters.step_launcher.attempt_cleanup import AttemptCleanup
from mlops_core.adapters.step_launcher.compute import COMPUTE_KEY, Compute
from mlops_core.adapters.step_launcher.cost import Nodes, estimate
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns, SubmitRefusedError
from mlops_core.adapters.step_launcher.dispatch import Dispatch, Loss, Sent
from mlops_core.adapters.step_launcher.ending import end_dagster_run, end_previous
from mlops_core.adapters.step_launcher.failure import (
    explain_error,
    explain_loss,
    explain_mismatch,
    explain_refusal,
)
from mlops_core.adapters.step_launcher.following import AttemptLostError, Follower
from mlops_core.adapters.step_launcher.run_handle import RUN, RUN_ID, WORKER, RunHandle, RunRequest
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.adapters.step_launcher.staging import CodeStage
from mlops_core.adapters.step_launcher.step_scope import StepScope

RETRY_WAIT_S = 1
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
        self._compute = _compute_of(context, settings.compute)
        self._charged_until: float | None = None
        self._cleanup: AttemptCleanup | None = None  # once something may run on Databricks
        self._over = False

    def events(self) -> Iterator[internals.DagsterEvent]:
        """Every event of the step; the first one has the page of the Databricks run."""
        terminated = False
        try:
            yield from self._launched()
        except SubmitRefusedError as refused:
            self._over = True
            raise explain_refusal(refused, self._context.step.key, self._compute) from refused
        except (*internals.INTERRUPTIONS, internals.RunEndedError):
            terminated = True
            raise
        except GeneratorExit:  # whoever runs the steps stops, for a termination or for an error of its own
            terminated = internals.is_being_terminated(self._context)
            raise
        finally:
            if self._cleanup is not None and not self._over:
                self._cleanup.end(terminated)

    def _launched(self) -> Iterator[internals.DagsterEvent]:
        if internals.runs_in_this_process(self._context) and (told := internals.ended_before(self._context)):
            self._context.log.info("This step has ended in this run before: it is not run again.")
            yield from told
            return
        with internals.interruptible():
            dispatch, sent = self._start()
            stored = set() if sent.fresh else internals.stored_identities(self._context)
        yield self._first_event(dispatch, sent)
        running = sent.was_there
        for hand_overs in range(MOST_HAND_OVERS + 1):
            try:
                yield from self._follow(dispatch, sent, pending=not running, stored=stored)
                return
            except AttemptLostError as lost:
                with internals.interruptible():
                    loss = dispatch.loss(sent, lost)
                if hand_overs == MOST_HAND_OVERS or not loss.untaken:
                    self._over = True
                    self._raise_loss(dispatch, loss)
            with internals.interruptible():
                sent = dispatch.hand_over(sent)
            yield self._first_event(dispatch, sent)
            running = False

    def _start(self) -> tuple[Dispatch, Sent]:
        """Send the step, or take over an attempt that succeeded on the cluster after its host was lost."""
        context, number = self._context, self._number
        internals.require_running(context)
        for earlier in internals.repeated_runs(context):
            end_dagster_run(self._runs, earlier)
        body = internals.dump_step(context, self._lost_attempts())
        request = self._request()
        if number and end_previous(self._runs, request, self._attempt_folder(number - 1)) == "STEP_SUCCESS":
            dispatch = self._dispatch(request, self._attempt_folder(number - 1))
            sent = dispatch.adopt()
            context.log.info("The attempt before this one had succeeded on Databricks: taking over its result.")
            return dispatch, sent
        dispatch = self._dispatch(request, self._attempt_folder(number))
        return dispatch, dispatch.send(body)

    def _dispatch(self, request: RunRequest, attempt: str) -> Dispatch:
        self._may_run(request, attempt, None)
        return Dispatch(self._context, self._runs, request, attempt, partial(self._may_run, request, attempt))

    def _may_run(self, request: RunRequest, attempt: str, handle: RunHandle | None) -> None:
        """Remember what to clean up when this step fails here."""
        self._cleanup = AttemptCleanup(self._closing, self._context.log, request, attempt, handle)

    def _request(self) -> RunRequest:
        context = self._context
        return RunRequest(
            dagster_run_id=context.run_id,
            job_name=context.job_name,
            step_key=context.step.key,
            folder=self._folder,
            compute=self._compute,
            code_digest=self._stage.digest,
            stage_code=lambda: self._stage.ensure(self._runs.workspace, self._context.log),
        )

    def _first_event(self, dispatch: Dispatch, sent: Sent) -> internals.DagsterEvent:
        handle = sent.handle
        metadata = {
            RUN: dg.MetadataValue.url(handle.url),
            RUN_ID: dg.MetadataValue.int(handle.run_id),
            "staging": dg.MetadataValue.path(dispatch.attempt),
            **({WORKER: dg.MetadataValue.path(handle.worker)} if handle.worker else {}),
        }
        return internals.engine_event(self._context, f"Running on Databricks, run {handle.run_id}", metadata)

    def _follow(
        self, dispatch: Dispatch, sent: Sent, pending: bool, stored: set[tuple[Any, ...]]
    ) -> Iterator[internals.DagsterEvent]:
        follower = Follower(
            self._context,
            self._runs.workspace,
            self._settings.timing,
            attempt=dispatch.attempt,
            handle=sent.handle,
            change=lambda entry: self._with_cost(entry, Nodes(sent.handle.nodes)),
            renew_lease=lambda: self._runs.renew_lease(self._folder),
            acceptance=Acceptance(StepScope.of(self._context), stored),
            pending=pending,
            start_timeout_s=self._compute.start_timeout_s,
        )
        done = yield from follower.events()
        self._over = True
        if done.mismatch:
            raise explain_mismatch(done)
        if done.final_event is None:
            raise explain_error(done, sent.handle)

    def _with_cost(self, entry: dg.EventLogEntry, nodes: Nodes) -> dg.EventLogEntry:
        """Charge a materialization with the seconds since the step's start, or since its previous materialization."""
        if self._charged_until is None:
            self._charged_until = entry.timestamp
        if not internals.is_materialization(entry):
            return entry
        seconds, self._charged_until = entry.timestamp - self._charged_until, entry.timestamp
        return internals.with_metadata(entry, estimate(seconds, nodes, self._settings.prices).metadata())

    def _raise_loss(self, dispatch: Dispatch, loss: Loss) -> None:
        if loss.state.pending:
            self._runs.workspace.cancel(loss.handle.run_id)
        explained = explain_loss(self._runs.workspace, loss)
        if not explained.infrastructure or self._lost_attempts() >= self._settings.infrastructure_retries:
            raise explained.failure
        self._runs.workspace.put(protocol.lost_file(dispatch.attempt), b"")
        raise dg.RetryRequested(max_retries=self._number + 1, seconds_to_wait=RETRY_WAIT_S) from explained.failure

    def _lost_attempts(self) -> int:
        """How many earlier attempts were lost with their cluster."""
        markers = (protocol.lost_file(self._attempt_folder(number)) for number in range(self._number))
        return sum(self._runs.workspace.exists(marker) for marker in markers)

    def _attempt_folder(self, number: int) -> str:
        return protocol.attempt_folder(self._folder, self._context.step.key, number)


def _compute_of(context: internals.StepExecutionContext, default: Compute) -> Compute:
    """The target's compute with what the op's tag, as JSON, and the assets' metadata change."""
    compute = default
    for changes in internals.compute_changes(context, COMPUTE_KEY):
        compute = compute.overridden(_mapping(changes))
    compute.check()
    return compute


def _mapping(changes: Any) -> Mapping[str, Any]:
    return json.loads(changes) if isinstance(changes, str) else changes
