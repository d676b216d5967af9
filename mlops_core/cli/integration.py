"""`MLOPS_TARGET=test python -m my_mlops_stacks integration`: what the pipeline of pull requests does on a workspace.

It makes features and a model through the step launcher, and looks whether what should be there is there. The bundle is
deployed before: scripts/bundle.sh deploys it to the target `test`, and destroys it afterwards.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import click
import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableRepository

from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.launcher import UnityCatalogStepLauncher
from mlops_core.cli.saying import say
from mlops_core.config import Target, TargetError, load_target
from mlops_core.defs.partitions import daily_partitions
from mlops_core.defs.refusals import REFUSED_TAG
from mlops_core.defs.resources import launcher_settings
from mlops_core.project import Project

REPLACEABLE = ("dev", "test")
"""Targets whose tables may be replaced."""
ROW_COUNTS = ("dagster/partition_row_count", "dagster/row_count")


class IntegrationError(RuntimeError):
    """Something that the target should have made is not there; the message is one sentence."""


@click.command(help=__doc__, short_help="Make features and a model on the target test")
@click.pass_obj
def main(project: Project) -> None:
    expected: tuple[type[Exception], ...] = (TargetError, IntegrationError, *call_errors())
    try:
        target = load_target(project)
        if target.name not in REPLACEABLE:
            raise IntegrationError(f"MLOPS_TARGET is {target.name}: set it to test, whose tables may be replaced.")
        with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
            for sentence in materialize(project, target, instance):
                say(sentence)
    except expected as error:
        say(str(error), fg="red", err=True)
        sys.exit(1)


def materialize(project: Project, target: Target, instance: dg.DagsterInstance) -> Iterator[str]:
    """Build the feature tables of every day, train and validate a model; yields a sentence for each job.

    What a run left on Databricks is torn down before the next sentence.

    Raises:
        IntegrationError: a job failed, the model was refused, a step ran elsewhere than on Databricks, or a table is
            empty.
    """
    days = daily_partitions(target).get_partition_keys()
    extent = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    trainings: list[tuple[str, dict[str, str]]] = [(each.named("model_training_job"), {}) for each in project.each]
    for job, tags in ((project.named("feature_engineering_job"), extent), *trainings):
        result = dg.execute_job(_job(project, job), instance, tags=tags, raise_on_error=False)
        UnityCatalogStepLauncher(launcher_settings(project, target)).tear_down(instance, result.dagster_run)
        if not result.success:
            raise IntegrationError(f"{job} failed: the log above says where, and its fix.")
        run = instance.get_run_by_id(result.run_id)
        if why := run and run.tags.get(REFUSED_TAG):
            raise IntegrationError(f"{job} ran, but its model would not be promoted: {why}")
        yield f"{job}: {_made(project, instance, result.run_id)}"


def _made(project: Project, instance: dg.DagsterInstance, run_id: str) -> str:
    """The assets of a run, with the rows of all days where they are tables."""
    tables = [*(events.name for events in project.event_tables), *(table.name for table in project.feature_tables)]
    expected = [*tables, *(model.name for model in project.models)]
    logged = instance.all_logs(run_id)
    events = [entry.dagster_event for entry in logged if entry.dagster_event is not None]
    launched = {event.step_key for event in events if event.is_engine_event and _tells_of_databricks(event)}
    rows: dict[str, int | None] = {}
    for event in events:
        if event.event_type is not dg.DagsterEventType.ASSET_MATERIALIZATION or event.asset_key is None:
            continue
        name = event.asset_key.path[-1]
        if name in expected and event.step_key not in launched:
            raise IntegrationError(f"{name} was not made on Databricks: look at step_launcher of the target.")
        metadata = event.step_materialization_data.materialization.metadata
        counts = [count for key in ROW_COUNTS if (count := recorded(metadata, key, int)) is not None]
        rows[name] = (rows.get(name) or 0) + counts[0] if counts else rows.get(name)
    if empty := [name for name in expected if rows.get(name) == 0]:
        raise IntegrationError(f"{', '.join(empty)} has no rows: look whether the target may read its source tables.")
    return ", ".join(name if count is None else f"{name} ({count} rows)" for name, count in rows.items())


def _tells_of_databricks(event: dg.DagsterEvent) -> bool:
    return "databricks_run" in event.engine_event_data.metadata


def _job(project: Project, name: str) -> Any:
    """The job by module, as a code location has it, so that the cluster can load it too."""
    location = ReconstructableRepository.for_module(
        f"{project.package}.definitions", "defs", working_directory=str(project.folder.parent)
    )
    return location.get_reconstructable_job(name)
