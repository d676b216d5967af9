"""The life of a run: a cluster, its libraries, the task's process, and the end."""

from __future__ import annotations

import logging
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

from databricks.sdk.service.compute import ClusterSource

from databricks_emulator import outcome
from databricks_emulator.clusters import JOB_FINISHED, Cluster, Clusters
from databricks_emulator.libraries import LibraryError
from databricks_emulator.outcome import Life, Outcome
from databricks_emulator.process import TaskProcess
from databricks_emulator.settings import Settings
from databricks_emulator.submission import Submission

logger = logging.getLogger(__name__)
POLL = 0.01  # seconds between looks at a process


@dataclass
class Moments:
    """When a run entered each phase, in epoch seconds."""

    asked: float = field(default_factory=time.time)
    running: float | None = None
    terminating: float | None = None
    ended: float | None = None


@dataclass
class Run:
    """One run with its one task."""

    run_id: int
    task_run_id: int
    job_id: int
    submission: Submission
    life: Life = Life.PENDING
    outcome: Outcome | None = None
    cluster: Cluster | None = None
    process: TaskProcess | None = None
    moments: Moments = field(default_factory=Moments)
    stopped_by: Outcome | None = None  # CANCELED, TIMED_OUT or a lost cluster: why it is being stopped
    replaced: tuple[str, ...] = ()  # packages of the runtime that the task's libraries would overwrite
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def is_active(self) -> bool:
        return self.outcome is None

    @property
    def task_key(self) -> str:
        return self.submission.task["task_key"]

    def end_with(self, reason: Outcome) -> None:
        """Stop the run for a reason, unless it is already stopping."""
        if self.is_active and self.stopped_by is None:
            self.stopped_by = reason
            self.stop.set()


class Launchpad(Protocol):
    """Starts the process of a run's task."""

    def prepare(self, run: Run) -> None:
        """Raises LibraryError when a library can't be installed, FileNotFoundError without the Python file."""

    def launch(self, run: Run) -> TaskProcess: ...


@dataclass
class Knobs:
    """Misbehaviour of the Jobs service that tests switch on."""

    ignore_cancel: bool = False  # a cancel is accepted, and nothing happens
    hold_terminating: threading.Event = field(default_factory=threading.Event)  # while set, runs stay TERMINATING


class RunLife(threading.Thread):
    """Takes one run from PENDING to its end."""

    def __init__(self, run: Run, settings: Settings, clusters: Clusters, launchpad: Launchpad, knobs: Knobs) -> None:
        super().__init__(name=f"run-{run.run_id}", daemon=True)
        self._run, self._settings, self._clusters = run, settings, clusters
        self._launchpad, self._knobs = launchpad, knobs

    def run(self) -> None:
        run = self._run
        try:
            ended = self._start() or self._follow()
        except Exception as error:
            logger.exception("the emulator failed to run %s", run.run_id)
            ended = outcome.internal_error(f"the emulator failed: {error!r}")
        run.moments.terminating = time.time()
        run.life = Life.TERMINATING
        if run.process:
            run.process.close()
        time.sleep(self._settings.terminating)
        while self._knobs.hold_terminating.is_set():
            time.sleep(POLL)
        if run.cluster and "new_cluster" in run.submission.task:
            run.cluster.stop(JOB_FINISHED)
        run.moments.ended = time.time()
        run.outcome = ended

    def _start(self) -> Outcome | None:
        """Compute and libraries; an outcome when the run ends before its task starts."""
        run = self._run
        wait = self._settings.serverless_start
        if not run.submission.is_serverless:
            run.cluster = self._cluster()
            wait = max(0.0, run.cluster.started + run.cluster.start_seconds - time.time())
        if self._is_stopped_within(wait):
            return run.stopped_by
        try:
            self._launchpad.prepare(run)
        except LibraryError as error:
            return outcome.not_installed(_libraries(run.submission), str(error))
        except FileNotFoundError:
            return outcome.no_python_file(run.submission.python_file)
        except LookupError as error:
            return outcome.invalid_cluster(str(error.args[0]))
        if _libraries(run.submission) and self._is_stopped_within(self._settings.library_install):
            return run.stopped_by
        return None

    def _cluster(self) -> Cluster:
        task = self._run.submission.task
        if "new_cluster" in task:
            return self._clusters.make(task["new_cluster"], ClusterSource.JOB)
        return self._clusters.started(task["existing_cluster_id"])

    def _is_stopped_within(self, seconds: float) -> bool:
        run, timeout = self._run, self._run.submission.timeout_seconds
        left = run.moments.asked + timeout - time.time() if timeout else seconds
        if run.stop.wait(min(seconds, left)):
            return True
        if left < seconds:
            run.end_with(outcome.TIMED_OUT)
        return run.stop.is_set()

    def _follow(self) -> Outcome:
        """The task's process, from its start to its end."""
        run = self._run
        run.process = self._launchpad.launch(run)
        run.life, run.moments.running = Life.RUNNING, time.time()
        while run.process.process.poll() is None:
            if run.cluster and run.cluster.terminated is not None:
                run.end_with(outcome.cluster_lost(run.cluster.cluster_id, "USER_REQUEST"))
            if self._is_stopped_within(POLL):
                return self._stopped(run.process)
        return _outcome(run.process)

    def _stopped(self, task: TaskProcess) -> Outcome:
        """A cancelled or timed-out task may clean up for a moment; on a lost machine it may not."""
        reason = self._run.stopped_by or outcome.CANCELED
        if reason.was_stopped:
            self._run.life = Life.TERMINATING
            task.signal(signal.SIGTERM)
            deadline = time.time() + self._settings.kill_after
            while task.process.poll() is None and time.time() < deadline:
                time.sleep(POLL)
        return reason


def _outcome(task: TaskProcess) -> Outcome:
    code = task.process.returncode
    if code == 0:
        return outcome.SUCCESS
    if task.result:
        return outcome.failed(task.result["error"], task.result["error_trace"])
    return outcome.killed(-code) if code < 0 else outcome.failed(f"The process ended with exit code {code}", "")


def _libraries(submission: Submission) -> str:
    return str(submission.task.get("libraries") or submission.environment.get("dependencies") or "")
