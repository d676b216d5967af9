"""Databricks runs of a Dagster run: started exactly once, and found again."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import Any

from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.call_errors import is_refused_sign_in, is_transient
from mlops_core.adapters.step_launcher.compute import Compute, submit_payload
from mlops_core.adapters.step_launcher.cost import Nodes
from mlops_core.adapters.step_launcher.preflight import findings
from mlops_core.adapters.step_launcher.run_handle import RunHandle, RunRequest, token_of
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.adapters.step_launcher.workspace import Workspace


class SubmitRefusedError(Exception):
    """Databricks refuses to start the requested compute; retrying is pointless, and nothing was started."""


@dataclass(frozen=True)
class DatabricksRuns:
    """Starts and finds the Databricks runs of one step's Dagster run."""

    workspace: Workspace
    settings: LauncherSettings
    log: logging.Logger

    def worker(self, request: RunRequest, after: int = -1) -> tuple[RunHandle, bool]:
        """The worker for this request, of a generation later than `after`, started unless it is there.

        Returns: its Databricks run, and whether it was there. It may have ended since without saying so: asking would
        cost every warm step a call, and who follows the step finds out.

        Raises:
            SubmitRefusedError: Databricks refuses its compute.
        """
        generation = after + 1
        while True:
            folder = protocol.worker_folder(request.folder, request.worker_name, generation)
            handle = self._read(protocol.handle_file(folder))
            if handle is None:
                return self._start(request, folder, folder), False
            if not handle.left:
                return handle, True
            generation += 1

    def dedicated_run(self, request: RunRequest, attempt: str) -> RunHandle:
        """The Databricks run of one attempt, started unless it was.

        Raises:
            SubmitRefusedError: Databricks refuses its compute.
        """
        return self._read(protocol.handle_file(attempt)) or self._start(request, attempt, None)

    def submitted(self, request: RunRequest, attempt: str) -> RunHandle:
        """The Databricks run of a submit that left no handle: the same idempotency token answers with it.

        Raises:
            SubmitRefusedError: Databricks refuses its compute.
        """
        return self.worker(request)[0] if request.compute.kind == "worker" else self.dedicated_run(request, attempt)

    def _start(self, request: RunRequest, folder: str, worker: str | None) -> RunHandle:
        for finding in findings(self.workspace, self.settings.volume):
            self.log.warning(finding)
        self.renew_lease(request.folder)
        run_id = self._submit(self._payload(request, folder, worker), token_of(folder))
        url, nodes = self.workspace.first_state(run_id).url, self._nodes(request.compute).counts
        handle = RunHandle(run_id, url, nodes, worker, attempt=None if worker else folder)
        self.workspace.put(protocol.handle_file(folder), handle.to_bytes())
        return handle

    def _nodes(self, compute: Compute) -> Nodes:
        """The machines that the run costs; those of a cluster that is there have to be asked for."""
        if compute.kind != "existing_cluster":
            return compute.nodes
        return Nodes.of(self.workspace.cluster(str(compute.existing_cluster_id)), serverless=False)

    def _submit(self, payload: dict[str, Any], token: str) -> int:
        from databricks.sdk.errors import DatabricksError

        try:
            return self.workspace.submit(payload, token)
        except DatabricksError as error:
            if is_transient(error) or is_refused_sign_in(error):
                raise
            raise SubmitRefusedError(str(error)) from error

    def _payload(self, request: RunRequest, folder: str, worker: str | None) -> dict[str, Any]:
        compute, timing, code = request.compute, self.settings.timing, request.stage_code()
        options = {
            "code": code.code,
            "module": protocol.MODULE_OF_REMOTE,
            "lease": protocol.lease_file(request.folder),
            "lease_s": timing.lease_s,
        }
        if worker:
            options |= {"folder": folder, "idle_s": compute.idle_s, "parallel": compute.parallel_steps}
        else:
            options |= {"attempt": folder}
        what = "worker" if worker else request.step_key
        return submit_payload(
            compute,
            name=f"dagster {request.job_name} {request.dagster_run_id}: {what}",
            main_file=code.main_file,
            parameters=[f"{name}={value}" for name, value in options.items()],
            requirements=self.settings.installed_requirements,
            tags={"dagster_run_id": request.dagster_run_id, "dagster_job": request.job_name},
        )

    def renew_lease(self, folder: str) -> None:
        self.workspace.put(protocol.lease_file(folder), str(time.time()).encode())

    def handle_of(self, attempt: str) -> RunHandle | None:
        """The Databricks run that was given an attempt: its own, or the worker that its request names."""
        request = self.workspace.get(protocol.request_file(attempt))
        if request is None:
            return None
        worker = _worker_of(request)
        handle = self._read(protocol.handle_file(attempt))
        return handle or (self._read(protocol.handle_file(worker)) if worker else None)

    def staged_runs(self) -> list[str]:
        """The Dagster runs that have a folder on the volume."""
        entries = self.workspace.entries(f"{self.settings.volume}/runs")
        return [str(entry.name) for entry in entries if entry.is_directory]

    def handles(self, folder: str) -> tuple[list[RunHandle], bool]:
        """Every Databricks run of a Dagster run, once each, and whether there may be others.

        A handle that is half written or foreign stands for one that can't be named.
        """
        files = [str(entry.path) for entry in self.workspace.entries(protocol.handles_folder(folder))]
        read = [self._read(file) for file in files]
        handles = {handle.run_id: handle for handle in read if handle}
        return list(handles.values()), None in read

    def lost(self, handle: RunHandle) -> RunHandle:
        """Note that a worker is gone, so that no later step waits for it; returns what is known of it now."""
        if not handle.worker:
            return handle
        known = self._read(handle.file) or handle
        if not known.left:
            self.workspace.put(handle.file, replace(known, left=True).to_bytes())
        return known

    def _read(self, file: str) -> RunHandle | None:
        """The handle in a file; None when there is no such file, or something else in it."""
        found = self.workspace.get(file)
        handle = None if found is None else RunHandle.parsed(found)
        if found is not None and handle is None:
            self.log.warning(
                "%s is half written or foreign, and names no Databricks run: whatever it stands for ends when it finds "
                "its lease removed.",
                file,
            )
        return handle


def _worker_of(request: bytes) -> str | None:
    """The worker's folder that a request names; None for an attempt with a run of its own, or what is no request."""
    try:
        worker = protocol.split_request(request)[0]["worker"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return worker if isinstance(worker, str) else None
