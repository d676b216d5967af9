"""Where runs execute when Dagster is deployed with docker compose: in the code location's own container.

Dagster's launcher for that asks the code server to start a process, and can't be asked afterwards whether it lives. So
a run whose container was stopped, by a deploy or by the lack of memory, would stay in progress for ever and keep its
place in the queue. This one asks the code server, and Dagster's run monitoring then fails such a run, and retries it.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value


class MonitoredRunLauncher(DefaultRunLauncher):
    """Dagster's default run launcher, with the check that run monitoring makes."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the code server that started `run` still has its process.

        A server that does not answer is being replaced: its next one knows nothing of the run, and then it has failed.
        """
        server = self._get_grpc_client_for_termination(run.run_id)
        if server is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "not launched yet, or just finished")
        try:
            current = deserialize_value(server.get_current_runs(), GetCurrentRunsResult).current_runs
        except DagsterUserCodeUnreachableError:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code server does not answer")
        if run.run_id in current:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "the code server was replaced, or its process was killed")
