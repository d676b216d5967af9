"""Databricks runs that a Dagster run uses: started once whoever asks, found again, ended for good."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from my_mlops_stacks.adapters.step_launcher import protocol
from my_mlops_stacks.adapters.step_launcher.compute import Compute, submit_payload
from my_mlops_stacks.adapters.step_launcher.settings import LauncherSettings
from my_mlops_stacks.adapters.step_launcher.staging import StagedCode
from my_mlops_stacks.adapters.step_launcher.workspace import Workspace

LOOK_S = 0.5


@dataclass(frozen=True)
class RunHandle:
    """A Databricks run, its page, its machines, and the folder that its process serves (None for one attempt)."""

    run_id: int
    url: str
    nodes: dict[str, int]
    worker: str | None = None

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> RunHandle:
        return cls(**json.loads(data))


@dataclass(frozen=True)
class RunRequest:
    """What has to be known to start, or to find, the Databricks run of a step."""

    dagster_run_id: str
    job_name: str
    step_key: str
    folder: str  # of the Dagster run
    compute: Compute
    code: StagedCode

    @property
    def worker_name(self) -> str:
        """Steps share a worker when they want the same compute and run the same code."""
        wanted = json.dumps(asdict(self.compute), sort_keys=True, default=str)
        return f"{hashlib.sha256(wanted.encode()).hexdigest()[:8]}-{self.code.short_hash}"


def token_of(folder: str) -> str:
    """The idempotency token of what runs in a folder; Databricks takes 64 characters."""
    return hashlib.sha256(folder.encode()).hexdigest()


class WorkerHandles:
    """The workers that this process knows, so that a warm step asks for nothing that an earlier one has found out."""

    def __init__(self) -> None:
        self._handles: dict[tuple[str, str], tuple[int, RunHandle]] = {}
        self._lock = threading.Lock()

    def find(self, folder: str, name: str) -> tuple[int, RunHandle] | None:
        with self._lock:
            return self._handles.get((folder, name))

    def remember(self, folder: str, name: str, generation: int, handle: RunHandle) -> None:
        with self._lock:
            self._handles[folder, name] = (generation, handle)

    def forget(self, folder: str) -> None:
        """Forget the workers of a Dagster run."""
        with self._lock:
            self._handles = {key: value for key, value in self._handles.items() if key[0] != folder}


@dataclass(frozen=True)
class DatabricksRuns:
    """Starts, finds and ends the Databricks runs of one step's Dagster run."""

    workspace: Workspace
    settings: LauncherSettings
    workers: WorkerHandles
    log: logging.Logger

    def worker(self, request: RunRequest, after: int = -1) -> tuple[int, RunHandle]:
        """The worker for this request and its generation, which is later than `after`; started unless it is there."""
        name = request.worker_name
        known = self.workers.find(request.folder, name)
        if known is not None and known[0] > after:
            return known
        generation = after + 1
        while True:
            folder = protocol.worker_folder(request.folder, name, generation)
            found = self.workspace.get(f"{folder}/run.json")
            if found is None:
                handle = self._start(request, folder, folder)
                break
            handle = RunHandle.from_bytes(found)
            if not self.workspace.state(handle.run_id).task_ended:
                break
            generation += 1
        self.workers.remember(request.folder, name, generation, handle)
        return generation, handle

    def alone(self, request: RunRequest, attempt: str) -> RunHandle:
        """The Databricks run of one attempt, started unless it was."""
        found = self.workspace.get(f"{attempt}/run.json")
        return RunHandle.from_bytes(found) if found else self._start(request, attempt, None)

    def _start(self, request: RunRequest, folder: str, worker: str | None) -> RunHandle:
        self.renew_lease(request.folder)
        if worker:
            self.workspace.put(f"{worker}/inbox/.keep", b"")
        run_id = self.workspace.submit(self._payload(request, folder, worker), token_of(folder))
        handle = RunHandle(run_id, self.workspace.state(run_id).url, request.compute.nodes.counts, worker)
        self.workspace.put(f"{folder}/run.json", handle.to_bytes())
        return handle

    def _payload(self, request: RunRequest, folder: str, worker: str | None) -> dict[str, Any]:
        compute, timing = request.compute, self.settings.timing
        options = {
            "code": request.code.code,
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
            main_file=request.code.main_file,
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
        found = self.workspace.get(f"{attempt}/run.json")
        worker = protocol.split_request(request)[0]["worker"]
        if found is None and worker:
            found = self.workspace.get(f"{worker}/run.json")
        return RunHandle.from_bytes(found) if found else None

    def end_previous(self, request: RunRequest, attempt: str) -> None:
        """Return when nothing of an earlier attempt runs any more: it may have written the table that we write."""
        if self.workspace.exists(f"{attempt}/ended") or not self.workspace.exists(protocol.request_file(attempt)):
            return
        # Without a handle the host died while it submitted: the token finds the run, or starts one that ends at once.
        handle = self.handle_of(attempt) or self._start(request, attempt, None)
        state = self.workspace.state(handle.run_id)
        if state.ended:
            return
        self.log.warning("Databricks run %s still has the previous attempt: ending that first.", handle.run_id)
        if handle.worker and not state.pending:
            self.workspace.put(f"{attempt}/cancel", b"")
            if self._wait(lambda: self.workspace.exists(f"{attempt}/ended"), self.settings.timing.cancel_grace_s):
                return
        self.end(handle.run_id, self.settings.timing.outage_s)

    def end(self, run_id: int, within_s: float) -> None:
        """Cancel a Databricks run and return when it has ended.

        Raises:
            TimeoutError: Databricks did not end it in time.
        """
        if self.workspace.state(run_id).ended:
            return
        self.workspace.cancel(run_id)
        if not self._wait(lambda: self.workspace.state(run_id).ended, within_s):
            raise TimeoutError(f"Databricks run {run_id} was cancelled but does not end: end it in the workspace.")

    def _wait(self, reached: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_S)
        return True
