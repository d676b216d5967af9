"""The whole pipeline, once, on this machine: what `make run` does, and what it says at the end."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter

import click
import dagster as dg

from mlops_core.adapters.mlflow_database import LostDatabaseError
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.adapters.tables import StateError, damage, remedy_of
from mlops_core.cli.console import QUIET, console, sentence_of
from mlops_core.cli.run_history import local_instance
from mlops_core.config import Target, TargetError, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.partitions import daily_partitions, predicted_partitions
from mlops_core.defs.resources import adapters
from mlops_core.project import Project
from mlops_core.validation.baseline_rules import Baselines
from mlops_core.validation.rules import compared_metric

NOISY_LOGGERS = ("alembic", "pyspark")

FIRST_OF_RANGE = "dagster/asset_partition_range_start"

Result = dg.ExecuteInProcessResult


class RunFailedError(RuntimeError):
    """A run of the pipeline did not succeed; its log, above, says why."""


EXPLAINED = (RunFailedError, LostDatabaseError, StateError)
"""Self-explanatory errors, wherever they are raised."""


@click.command(help=__doc__, short_help="Run the whole pipeline once, on this machine")
@click.pass_obj
def main(project: Project) -> None:
    sys.exit(run(project))


def run(project: Project) -> int:
    """Run it; returns the exit code of the process."""
    started = perf_counter()
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")  # its import would set the level of its logger again
    try:
        target = load_target(project)
        state = target.state_path
    except TargetError as error:
        return _failed(str(error))
    try:
        with adapters(project, target, "model_registry") as resources:
            registry: ModelRegistry = resources.model_registry
            instance = local_instance(Path(os.environ.get("DAGSTER_HOME", state / "dagster")), project)
            results = run_pipeline(project, target, registry, instance)
            click.echo("\n".join(_summary(project, results, registry, target, perf_counter() - started)))
    except Exception as error:
        if (sentence := _sentence(error, state)) is None:
            raise
        return _failed(sentence)
    return 0


def _failed(sentence: str) -> int:
    click.secho(sentence, fg="red", err=True)
    return 1


def _sentence(error: BaseException | None, state: Path) -> str | None:
    """The message for people in `error` or its nearest cause that has one; None when none has."""
    while error is not None:
        if isinstance(error, EXPLAINED):
            return str(error)
        if remedy := remedy_of(error):
            said = str(error).splitlines()[0]
            return f"What a run makes could not be written in {state}: {remedy}. What was said: {said}"
        error = error.__cause__ or error.__context__
    return None


def run_pipeline(
    project: Project, target: Target, registry: ModelRegistry, instance: dg.DagsterInstance
) -> Mapping[str, Result]:
    """Build features for all days, train and promote, then predict and monitor the days that were held out.

    The days before are not predicted: the model has seen their labels, and its errors would look too good. Days that
    end before the partitions of predictions begin are predicted nevertheless, and `_summary` says so. When the
    candidate is refused, it is the champion of before that predicts.

    Returns: name of a job without a prefix -> its result. Raises `RunFailedError` at the first run that fails, and when
    nobody is champion.
    """
    runner = _Runner(project, target, instance)
    results = {
        "feature_engineering_job": runner.run("feature_engineering_job", daily_partitions(target).get_partition_keys()),
        "model_training_job": runner.run("model_training_job"),
    }
    champion = registry.find_alias("champion")
    if champion is None:
        waits = f"the challenger waits for {project.named('promote_job')}."
        why = refused(results["model_training_job"]) or waits
        raise RunFailedError(f"No version is champion, so nothing was predicted: {why}")
    held_out_from, held_out_until = champion.record.held_out_from, champion.record.held_out_until
    if held_out_until and held_out_until < target.predicted_from:
        target = target.model_copy(update={"first_predicted_day": held_out_from})
        runner = _Runner(project, target, instance)
    days = predicted_partitions(target).get_partition_keys()
    unseen = [day for day in days if day >= str(held_out_from)]
    for job in ("batch_inference_job", "monitoring_job"):
        results[job] = runner.run(job, unseen)
    return results


def refused(training: Result) -> str | None:
    """Why the run refused its candidate; None when it did not."""
    events = (event for event in training.all_events if event.is_asset_observation)
    told = (event.asset_observation_data.asset_observation for event in events)
    return next((str(seen.description) for seen in told if "refused" in seen.metadata), None)


class _Runner:
    """Runs jobs in this process, on the instance that `make dev` shows."""

    def __init__(self, project: Project, target: Target, instance: dg.DagsterInstance) -> None:
        self.definitions = dg.Definitions.merge(
            definitions_of(project, target), dg.Definitions(loggers={"console": console})
        )
        self.instance, self.project = instance, project
        self.tables_folder = target.state_path / "warehouse" / target.schema_name

    def run(self, job: str, days: Sequence[str] | None = None) -> Result:
        """Run `job`, by its name without a prefix, for all of `days` at once when it is partitioned.

        Raises:
            RunFailedError: the run failed.
        """
        extent = {}
        if days:
            extent = {FIRST_OF_RANGE: days[0], "dagster/asset_partition_range_end": days[-1]}
        result = self.definitions.resolve_job_def(self.project.named(job)).execute_in_process(
            instance=self.instance,
            tags=extent,
            raise_on_error=False,
            run_config=QUIET,
        )
        if not result.success:
            damaged = damage(self.tables_folder)
            why = "\n".join(f"  {reason}" for reason in (*_reasons(result), *damaged))
            raise RunFailedError(
                f"{result.job_def.name} failed:\n{why}\nRun {result.run_id} in the Dagster UI (make dev) has the whole "
                "story."
            )
        return result


def _reasons(result: Result) -> Iterator[str]:
    """What the failed checks said, and the causes of failed steps, each in one line."""
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            name = f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name}"
            yield f"{name}: {evaluation.description or 'did not pass'}"
    for event in result.all_events:
        if event.is_step_failure and (error := event.step_failure_data.error) and (said := sentence_of(error)):
            yield f"{event.step_key}: {said}"


def _summary(
    project: Project, results: Mapping[str, Result], registry: ModelRegistry, target: Target, seconds: float
) -> Iterator[str]:
    yield click.style(f"\nThe pipeline ran in {seconds:.1f} s", bold=True)
    yield from _rows(results.values())
    yield from _days(results["batch_inference_job"].dagster_run.tags[FIRST_OF_RANGE], target)
    yield from _models(project, registry, results["model_training_job"])
    yield from _checks(results.values())
    yield "Look around: `make dev` opens the graph, the monitoring's pages, and the runs and models"


def _rows(results: Iterable[Result]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for result in results:
        for event in result.get_asset_materialization_events():
            materialization = event.step_materialization_data.materialization
            for key in ("dagster/row_count", "dagster/partition_row_count"):
                if (rows := recorded(materialization.metadata, key, int)) is not None:
                    name = materialization.asset_key.path[-1]
                    counts[name] = counts.get(name, 0) + rows
    yield "Rows        " + ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _days(predicted_from: str, target: Target) -> Iterator[str]:
    if predicted_from < str(target.predicted_from):
        yield (
            f"Days        predicted from {predicted_from} on, as the events end before {target.predicted_from}, where "
            "predictions begin: for `make dev` to show these days, set last_day in databricks.yml to their last one"
        )


def _models(project: Project, registry: ModelRegistry, training: Result) -> Iterator[str]:
    task = project.model.task
    if why := refused(training):
        yield f"Refused     {why}"
    versions = {
        "candidate": registry.output_of(training.run_id, "candidate"),
        "champion": registry.at_alias("champion"),
    }
    for alias, version in versions.items():
        measured = registry.run_metrics(version)
        headlines = task.headlines(measured).items()
        numbers = ", ".join(f"{task.metric(name).title} {value:.3f}" for name, value in headlines)
        yield f"{alias.capitalize():11} {version.name} version {version.version}: {numbers}"
    yield from _baselines(project, registry.run_metrics(versions["candidate"]))


def _baselines(project: Project, measured: Mapping[str, float]) -> Iterator[str]:
    metric = compared_metric(project.model)
    baselines = Baselines.of(metric.name, measured)
    without = f"without features {baselines.without_features:.3f}, " if project.looked_up else ""
    yield f"Compared    {metric.title} {without}of a constant {baselines.constant:.3f} (held-out days)"
    if without:
        yield f"Features    {baselines.conclusion(metric)}"


def _checks(results: Iterable[Result]) -> Iterator[str]:
    evaluations = [evaluation for result in results for evaluation in result.get_asset_check_evaluations()]
    failed = [evaluation for evaluation in evaluations if not evaluation.passed]
    yield f"Checks      {len(evaluations) - len(failed)} of {len(evaluations)} passed"
    for evaluation in failed:
        yield f"            {evaluation.asset_key.to_user_string()}.{evaluation.check_name}: {evaluation.description}"
