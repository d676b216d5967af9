"""Databricks runs that a Dagster run uses: started once whoever asks, found again, ended for good."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from my_mlops_stacks.adapters.step_launcher import protocol
from my_mlops_stacks.adapters.step_launcher.compute import Compute, submit_payload
from my_mlops_stacks.adapters.step_launcher.settings import LauncherSettings
from my_mlops_stacks.adapters.step_launcher.staging import StagedCode
from my_mlops_stacks.adapters.step_launcher.workspace import RunState, Workspace

LOOK_S = 0.5


@dataclass(frozen=True)
class RunHandle:
    """A Databricks run, its page, its machines, and its worker's folder (None for a run of one attempt).

    A worker that leaves because it is idle notes that it has `left`.
    """

    run_id: int
    url: str
    nodes: dict[str, int]
    worker: str | None = None
    left: bool = False

    @property
    def generation(self) -> int:
        """The worker's; every attempt that has a Databricks run of its own is of the first one."""
        return int(self.worker.rsplit("-g", 1)[1]) if self.worker else 0

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
    code_digest: str
    stage_code: Callable[[], StagedCode]  # only what starts a Databricks run needs it

    @property
    def worker_name(self) -> str:
        """Steps share a worker when they want the same compute and run the same code."""
        wanted = json.dumps(asdict(self.compute), sort_keys=True, default=str)
        return f"{hashlib.sha256(wanted.encode()).hexdigest()[:8]}-{self.code_digest[:12]}"


def token_of(folder: str) -> str:
    """The idempotency token of what runs in a folder; Databricks takes 64 characters."""
    return hashlib.sha256(folder.encode()).hexdigest()


@dataclass(frozen=True)
class DatabricksRuns:
    """Starts, finds and ends the Databricks runs of one step's Dagster run."""

    workspace: Workspace
    settings: LauncherSettings
    log: logging.Logger

    def worker(self, request: RunRequest, after: int = -1) -> tuple[RunHandle, bool]:
        """The worker for this request, of a generation later than `after`, started unless it is there.

        Returns: its Databricks run, and whether it was there. It may have ended since without saying so: asking would
        cost every warm step a call, and who follows the step finds out.
        """
        generation = after + 1
        while True:
            folder = protocol.worker_folder(request.folder, request.worker_name, generation)
            found = self.workspace.get(protocol.handle_file(folder))
            if found is None:
                return self._start(request, folder, folder), False
            handle = RunHandle.from_bytes(found)
            if not handle.left:
                return handle, True
            generation += 1

    def alone(self, request: RunRequest, attempt: str) -> RunHandle:
        """The Databricks run of one attempt, started unless it was."""
        found = self.workspace.get(protocol.handle_file(attempt))
        return RunHandle.from_bytes(found) if found else self._start(request, attempt, None)

    def _start(self, request: RunRequest, folder: str, worker: str | None) -> RunHandle:
        self.renew_lease(request.folder)
        run_id = self.workspace.submit(self._payload(request, folder, worker), token_of(folder))
        handle = RunHandle(run_id, self.workspace.state(run_id).url, request.compute.nodes.counts, worker)
        self.workspace.put(protocol.handle_file(folder), handle.to_bytes())
        return handle

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
        found = self.workspace.get(protocol.handle_file(attempt))
        worker = protocol.split_request(request)[0]["worker"]
        if found is None and worker:
            found = self.workspace.get(protocol.handle_file(worker))
        return RunHandle.from_bytes(found) if found else None

    def end_previous(self, request: RunRequest, attempt: str) -> str | None:
        """Return when nothing of an earlier attempt runs any more: it may have written the table that we write.

        Returns: the type of its final event when it came to one.
        """
        if (final := self._final_event(attempt)) is not None or not self._sent(attempt):
            return final
        # Without a handle the host died while it submitted: the token finds the run, or starts one that ends at once.
        handle = self.handle_of(attempt) or self._start(request, attempt, None)
        state = self.workspace.state(handle.run_id)
        if state.ended:
            return None
        self.log.warning("Databricks run %s still has the previous attempt: ending that first.", handle.run_id)
        if handle.worker and not state.pending:
            self.workspace.put(f"{attempt}/cancel", b"")
            if self._wait(lambda: self._final_event(attempt) is not None, self.settings.timing.cancel_grace_s):
                return self._final_event(attempt)
        self.end(handle.run_id, self.settings.timing.outage_s)
        return self._final_event(attempt)

    def _final_event(self, attempt: str) -> str | None:
        """None while the attempt runs; empty when it ended without a final event."""
        ended = self.workspace.get(f"{attempt}/ended")
        return None if ended is None else ended.decode()

    def _sent(self, attempt: str) -> bool:
        return self.workspace.exists(protocol.request_file(attempt))

    def end(self, run_id: int, within_s: float) -> RunState:
        """Cancel a Databricks run and return its state when it has ended.

        Raises:
            TimeoutError: Databricks did not end it in time.
        """
        if not (state := self.workspace.state(run_id)).ended:
            self.workspace.cancel(run_id)
            if not self._wait(lambda: self.workspace.state(run_id).ended, within_s):
                raise TimeoutError(f"Databricks run {run_id} was cancelled but does not end: end it in the workspace.")
            state = self.workspace.state(run_id)
        return state

    def _wait(self, reached: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_S)
        return True
