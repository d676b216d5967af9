"""`make smoke TARGET=dev`: what only a real workspace can confirm, confirmed there in some minutes.

It runs a step that reads an event of each source, opens the feature store and asks the registry, terminates another
one, and looks whether anything is left.
Nothing is written but on the staging volume.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.launcher import UnityCatalogStepLauncher
from mlops_core.adapters.step_launcher.preflight import findings
from mlops_core.adapters.waiting import wait_until
from mlops_core.cli.saying import say
from mlops_core.config import Target, TargetError, load_target
from mlops_core.defs.resources import launcher_settings
from mlops_core.project import Project

CANCELLATION = "smoke_cancellation_job"
LOOK_S = 0.2
SIGN_IN_S = 30.0  # somebody watches: a wrong address is not waited for as an outage is
PATIENCE_S = 1200.0
"""For so long a job may take: a classic cluster takes minutes to start, and one that never does is given up."""


class SmokeError(RuntimeError):
    """Something that a pipeline needs is not there; the message is one sentence."""


@click.command(help=__doc__, short_help="Confirm what only a real workspace can")
@click.pass_obj
def main(project: Project) -> None:
    logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
    expected: tuple[type[Exception], ...] = (TargetError, SmokeError, *call_errors())
    try:
        target = load_target(project)
        with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
            for sentence in smoke(project, target, instance):
                say(sentence)
    except expected as error:
        say(str(error), fg="red", err=True)
        sys.exit(1)


def smoke(project: Project, target: Target, instance: dg.DagsterInstance) -> Iterator[str]:
    """What was confirmed, one sentence each.

    Raises:
        SmokeError: at the first thing that is not as it should be.
    """
    if target.step_launcher != "unity_catalog":
        raise SmokeError(f"The target {target.name} runs no step on Databricks: name one that does, TARGET=dev.")
    launcher = UnityCatalogStepLauncher(launcher_settings(project, target))
    workspace = launcher.workspace()
    yield f"Signed in as {workspace.with_patience(SIGN_IN_S).user_name()}"
    yield from findings(workspace, target.staging_volume) or [f"Only this identity writes on {target.staging_volume}"]
    yield _runs(project, instance)
    yield _can_be_terminated(project, instance, launcher)
    left = [str(entry.path) for entry in workspace.walk(f"{target.staging_volume}/runs") if not entry.is_directory]
    yield f"Other runs have staged {len(left)} files" if left else "Nothing is left on the staging volume"


def _runs(project: Project, instance: dg.DagsterInstance) -> str:
    started = time.monotonic()
    with _bounded():
        result = dg.execute_job(_job(project, "smoke_job"), instance, raise_on_error=False)
    if not result.success:
        raise SmokeError(
            f"The step on Databricks failed, or did not end in {PATIENCE_S:.0f} s: the log above says where, and how."
        )
    output = next(event for event in result.all_events if event.is_successful_output)
    told = {key: value.value for key, value in output.step_output_data.metadata.items()}
    return f"A step ran in {time.monotonic() - started:.0f} s: {told}"


def _can_be_terminated(project: Project, instance: dg.DagsterInstance, launcher: UnityCatalogStepLauncher) -> str:
    """Terminate a run as the UI does, and see its Databricks run end."""
    terminated: list[float] = []
    watcher = threading.Thread(
        target=_terminate_when_started, args=(instance, project.named(CANCELLATION), terminated), daemon=True
    )
    watcher.start()
    with _bounded():
        result = dg.execute_job(_job(project, CANCELLATION), instance, raise_on_error=False)
    told = (event.engine_event_data.metadata for event in result.all_events if event.is_engine_event)
    run_id = next(filter(None, (recorded(metadata, "databricks_run_id", int) for metadata in told)), None)
    if run_id is None or not terminated:
        raise SmokeError("The job to terminate never ran on Databricks: the log above says why.")
    if not wait_until(lambda: launcher.workspace().state(run_id), lambda state: state.ended, PATIENCE_S).ended:
        raise SmokeError(f"Databricks run {run_id} was cancelled and does not end: end it in the workspace.")
    return f"A terminated run ended on Databricks after {time.monotonic() - terminated[0]:.0f} s"


@contextmanager
def _bounded() -> Iterator[None]:
    """Interrupt what runs within when it takes longer than `PATIENCE_S`, as a termination does."""
    timer = threading.Timer(PATIENCE_S, os.kill, (os.getpid(), signal.SIGINT))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _terminate_when_started(instance: dg.DagsterInstance, job: str, terminated: list[float]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        runs = instance.get_runs(dg.RunsFilter(job_name=job), limit=1)
        if runs and instance.all_logs(runs[0].run_id, of_type=dg.DagsterEventType.STEP_START):
            instance.report_run_canceling(runs[0])
            terminated.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
            return
        time.sleep(LOOK_S)


def _job(project: Project, name: str) -> ReconstructableJob:
    """The job as the code location gives it, so that the cluster can load it too."""
    location = ReconstructableRepository.for_module(
        f"{project.package}.definitions", "defs", working_directory=str(project.root)
    )
    return location.get_reconstructable_job(project.named(name))
