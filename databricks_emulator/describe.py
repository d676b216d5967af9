"""A run in the words of the Jobs API: the SDK's own dataclasses, filled in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from databricks.sdk.service.compute import ClusterSpec
from databricks.sdk.service.jobs import (
    BaseRun,
    ClusterInstance,
    RunLifecycleStateV2State,
    RunOutput,
    RunState,
    RunStatus,
    RunTask,
    RunType,
    SparkPythonTask,
    TriggerType,
)
from databricks.sdk.service.jobs import ClusterSpec as RunClusterSpec
from databricks.sdk.service.jobs import Run as RunInfo

from databricks_emulator import outcome
from databricks_emulator.identity import USER
from databricks_emulator.outcome import Life
from databricks_emulator.process import LOG
from databricks_emulator.runs import Run
from databricks_emulator.settings import Settings

MOST_LOGS = 5 * 2**20  # bytes: runs/get-output returns the last 5 MB
WAITING = "Waiting for cluster"
RUNNING = "In run"


@dataclass(frozen=True)
class View:
    """How runs are told: below which URL, in which words, and by which clock."""

    url: str
    settings: Settings

    def state(self, state: RunState, status: RunStatus) -> dict[str, Any]:
        if self.settings.shown_life and status.state is RunLifecycleStateV2State.RUNNING:
            status.state = RunLifecycleStateV2State(self.settings.shown_life)
        both = {"state": state, "status": status}
        return {word: both[word] for word in self.settings.run_words}

    def milliseconds(self, moment: float | None) -> int:
        return int((moment + self.settings.clock_ahead) * 1000) if moment else 0


def run_info(run: Run, view: View) -> RunInfo:
    """What `runs/get` says of a run."""
    return RunInfo(
        **_common(run, view), tasks=[_task(run, view)], run_duration=_span(run.moments.asked, run.moments.ended)
    )


def task_info(run: Run, view: View) -> RunInfo:
    """What `runs/get` and `runs/get-output` say of the task of a run, which has an id of its own."""
    task = _task(run, view)
    common = _common(run, view) | {"run_id": run.task_run_id, "state": task.state, "status": task.status}
    return RunInfo(
        **common | {"run_name": run.task_key},
        cluster_instance=task.cluster_instance,
        cluster_spec=RunClusterSpec(
            existing_cluster_id=task.existing_cluster_id, new_cluster=task.new_cluster, libraries=task.libraries
        ),
        setup_duration=task.setup_duration,
        execution_duration=task.execution_duration,
        cleanup_duration=task.cleanup_duration,
    )


def base_info(run: Run, view: View, with_tasks: bool) -> BaseRun:
    """What `runs/list` says of a run."""
    return BaseRun(**_common(run, view), tasks=[_task(run, view)] if with_tasks else None, has_more=False)


def output(run: Run, view: View, folder: Path) -> RunOutput:
    """What the task printed and how it failed, once it has ended."""
    answer = RunOutput(metadata=task_info(run, view))
    if run.outcome:
        answer.error, answer.error_trace = run.outcome.error, run.outcome.error_trace
        answer.logs, answer.logs_truncated = _tail(folder / LOG)
    return answer


def _common(run: Run, view: View) -> dict[str, Any]:
    state = outcome.run_state(run.task_key, run.life, run.outcome, _waiting(run))
    return {
        "run_id": run.run_id,
        "job_id": run.job_id,
        "job_run_id": run.run_id,
        "number_in_job": run.run_id,
        "run_name": run.submission.name,
        "run_type": RunType.SUBMIT_RUN,
        "trigger": TriggerType.ONE_TIME,
        "creator_user_name": USER,
        "start_time": view.milliseconds(run.moments.asked),
        "end_time": view.milliseconds(run.moments.ended),
        "run_page_url": f"{view.url}/?o=1#job/{run.job_id}/run/{run.run_id}",
        **view.state(state, outcome.status(run.life, run.outcome, state.state_message)),
    }


def _task(run: Run, view: View) -> RunTask:
    asked, moments = run.submission.task, run.moments
    state = outcome.task_state(run.life, run.outcome, _waiting(run))
    return RunTask(
        task_key=run.task_key,
        run_id=run.task_run_id,
        attempt_number=0,
        **view.state(state, outcome.status(run.life, run.outcome, state.state_message)),
        cluster_instance=_cluster(run),
        new_cluster=ClusterSpec.from_dict(asked["new_cluster"]) if "new_cluster" in asked else None,
        existing_cluster_id=asked.get("existing_cluster_id"),
        environment_key=asked.get("environment_key"),
        spark_python_task=SparkPythonTask.from_dict(asked["spark_python_task"]),
        run_page_url=f"{view.url}/?o=1#job/{run.job_id}/run/{run.task_run_id}",
        start_time=view.milliseconds(moments.asked),
        end_time=view.milliseconds(moments.ended),
        setup_duration=_span(moments.asked, moments.running),
        execution_duration=_span(moments.running, moments.terminating),
        cleanup_duration=_span(moments.terminating, moments.ended),
    )


def _cluster(run: Run) -> ClusterInstance | None:
    """The context is known once the task runs; serverless compute shows no cluster."""
    if run.cluster is None:
        return None
    context = str(run.task_run_id) if run.moments.running else None
    return ClusterInstance(cluster_id=run.cluster.cluster_id, spark_context_id=context)


def _waiting(run: Run) -> str:
    return {Life.PENDING: WAITING, Life.RUNNING: RUNNING}.get(run.life, "")


def _span(start: float | None, end: float | None) -> int:
    """Milliseconds between two moments; 0 while one of them is missing, as the API has it."""
    return max(0, int((end - start) * 1000)) if start and end else 0


def _tail(log: Path) -> tuple[str, bool]:
    if not log.exists():
        return "", False
    size = log.stat().st_size
    with log.open("rb") as file:
        file.seek(max(0, size - MOST_LOGS))
        return file.read().decode(errors="replace"), size > MOST_LOGS
