"""Gives one attempt of one step to what will run it on Databricks, and to another worker when that one had left."""

from __future__ import annotations

import time
from dataclasses import asdict

from mlops_core.adapters.step_launcher import dagster_internals as internals
from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns
from mlops_core.adapters.step_launcher.following import AttemptLostError
from mlops_core.adapters.step_launcher.run_handle import RunHandle, RunRequest
from mlops_core.adapters.step_launcher.versions import installed_versions

RUN, RUN_ID, WORKER = "databricks_run", "databricks_run_id", "databricks_worker"  # in the events that name them


class Dispatch:
    """Where an attempt is: `handle` is None until something was asked to run it.

    `was_there` says whether that ran, or was starting, before this step asked for it.
    """

    def __init__(
        self, context: internals.StepExecutionContext, runs: DatabricksRuns, request: RunRequest, attempt: str
    ) -> None:
        self.request, self.attempt = request, attempt
        self.handle: RunHandle | None = None
        self.was_there = False
        self._context, self._runs = context, runs
        self._sent_ms = 0.0

    def send(self, body: bytes) -> bool:
        """Send the step; False when an earlier process of this run has sent the same attempt, which goes on then.

        Raises:
            SubmitRefusedError: Databricks refuses its compute.
        """
        if self.request.compute.kind == "worker":
            return self._send_to_worker(body)
        fresh = self._put_request(body, None)
        self.handle = self._runs.alone(self.request, self.attempt)
        return fresh

    def never_taken(self, lost: AttemptLostError) -> bool:
        """Whether the worker was gone when the request came, or left just then because it was idle.

        A worker that this step started can't have been gone: it failed to start, and its next one would as well.
        """
        if lost.started or self.request.compute.kind != "worker":
            return False
        return lost.state.result == "SUCCESS" or (self.was_there and 0 < lost.state.ended_ms < self._sent_ms)

    def hand_over(self) -> None:
        """Give the request to the next generation of the worker."""
        if self.handle is None:
            raise AssertionError("a step is handed over after it was sent")
        self._runs.lost(self.handle)
        handle, self.was_there = self._runs.worker(self.request, self.handle.generation)
        self._sent_ms = time.time() * 1000
        self._runs.workspace.put(protocol.handle_file(self.attempt), handle.to_bytes())
        self._give_to(handle)

    def _send_to_worker(self, body: bytes) -> bool:
        known = self._known_worker()
        self.handle, self.was_there = (known, True) if known else self._runs.worker(self.request)
        self._sent_ms = time.time() * 1000
        fresh = self._put_request(body, self.handle.worker)
        if not fresh:
            self._give_to(self._runs.handle_of(self.attempt) or self.handle)  # that process may not have come so far
        return fresh

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
        self.handle = handle
        header = protocol.request_bytes({"worker": handle.worker}, b"")
        self._runs.workspace.put(protocol.handed_over_file(self.attempt, str(handle.worker)), header)
