"""`UnityCatalogStepLauncher`, and the Dagster resource that gives it to steps."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import dagster as dg

from mlops_core.adapters.step_launcher import teardown
from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.code_archive import loaded_code
from mlops_core.adapters.step_launcher.dagster_internals import (
    DagsterEvent,
    EngineEventData,
    StepExecutionContext,
    StepLauncher,
    runs_in_this_process,
)
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns
from mlops_core.adapters.step_launcher.launch import StepLaunch
from mlops_core.adapters.step_launcher.patient_calls import ClientSource
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.adapters.step_launcher.staging import CodeStage
from mlops_core.adapters.step_launcher.sweep import SweepReport, sweep
from mlops_core.adapters.step_launcher.teardown import TeardownReport
from mlops_core.adapters.step_launcher.workspace import Workspace

logger = logging.getLogger(__name__)
CLOSING_PATIENCE_S = 15.0  # a terminated run should not wait for a workspace that does not answer


class UnityCatalogStepLauncher(StepLauncher):
    """Runs steps on Databricks, staged on a Unity Catalog volume.

    Making one calls nothing, so that the cluster can make it too when it loads the definitions. One instance may
    launch any number of steps at once.
    """

    def __init__(self, settings: LauncherSettings) -> None:
        self.settings = settings
        self._clients, self._stage = ClientSource(settings), CodeStage(settings)
        self._whole_runs: dict[str, dg.DagsterRun] = {}

    def launch_step(self, step_context: StepExecutionContext) -> Iterator[DagsterEvent]:
        """Run one attempt of a step on Databricks; yields its events."""
        if runs_in_this_process(step_context):
            self._whole_runs[step_context.run_id] = step_context.dagster_run
        log = step_context.log
        runs, closing = self._runs(log), self._runs(log, CLOSING_PATIENCE_S)
        return StepLaunch(step_context, self.settings, runs, self._stage, closing).events()

    def tear_down(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> TeardownReport:
        """End what a Dagster run left on Databricks, remove what it staged, and note its cost as an event of the run.

        For the sensor, and for the end of a run that this process executed; the second time nothing is left.
        """
        report = teardown.tear_down(self._runs(logger, CLOSING_PATIENCE_S), run.run_id)
        if report.databricks_runs and instance.has_run(run.run_id):
            text = f"Databricks is done with this run: {report.seconds:.0f} s of clusters"
            instance.report_engine_event(text, run, EngineEventData(report.metadata()))
        return report

    def tear_down_ended(self, instance: dg.DagsterInstance, after: str = "") -> SweepReport:
        """Tear down the runs that have ended and left something staged, as far as there is time.

        For a sensor: what fails is there for its next tick, to which `after` gives the `last` of this one.
        """
        return sweep(self._runs(logger, CLOSING_PATIENCE_S), instance, self.tear_down, after)

    def clean_up(self, older_than_days: float) -> list[str]:
        """Remove what no teardown removed; returns the names of what was removed."""
        return teardown.clean_up(self._runs(logger), older_than_days)

    def workspace(self) -> Workspace:
        """The workspace as the launcher calls it."""
        return self._runs(logger).workspace

    def close(self, instance: dg.DagsterInstance) -> None:
        """Tear down the runs that this process executed as a whole; what fails is left to the sensor."""
        if not self._whole_runs:
            return  # always so on the cluster, which has no databricks-sdk
        for run in self._whole_runs.values():
            try:
                self.tear_down(instance, run)
            except call_errors() as error:
                logger.warning("Run %s could not be torn down now, a sensor will: %s", run.run_id, error)

    def _runs(self, log: logging.Logger, patience_s: float | None = None) -> DatabricksRuns:
        workspace = Workspace(self._clients, self.settings, log, patience_s)
        return DatabricksRuns(workspace, self.settings, log)


def launcher_for_run(settings: LauncherSettings, instance: dg.DagsterInstance) -> Iterator[UnityCatalogStepLauncher]:
    """A launcher that is closed when the process has no more steps: the body of a Dagster resource."""
    launcher = UnityCatalogStepLauncher(settings)
    try:
        yield launcher
    finally:
        launcher.close(instance)


def step_launcher_resource(settings: LauncherSettings) -> dg.ResourceDefinition:
    """The resource `step_launcher` of a target whose steps run on Databricks."""
    loaded_code(settings.staged_packages)  # they run what this process loads, not what the files become

    def build(context: dg.InitResourceContext) -> Iterator[UnityCatalogStepLauncher]:
        if context.instance is None:
            raise ValueError("The step launcher's resource is made for a run, whose instance keeps what it tells.")
        yield from launcher_for_run(settings, context.instance)

    return dg.ResourceDefinition(build, description="Runs steps on Databricks, staged on a Unity Catalog volume")
