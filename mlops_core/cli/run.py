"""The whole pipeline, once, on this machine: what `make run` does, and what it says at the end."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

import click
import dagster as dg

from mlops_core.adapters.mlflow_database import LostDatabaseError
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.tables import StateError, damage, remedy_of
from mlops_core.cli.console import QUIET, console, sentence_of
from mlops_core.cli.run_history import local_instance
from mlops_core.cli.run_summary import FIRST_OF_RANGE, PREDICTING, TRAINING, ModelRun, Result, refused, summary
from mlops_core.cli.saying import say
from mlops_core.config import ModelTarget, Target, TargetError, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.partitions import daily_partitions, predicted_partitions
from mlops_core.defs.resources import adapters
from mlops_core.project import Project

NOISY_LOGGERS = ("alembic", "pyspark")

FEATURES = "feature_engineering_job"


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
        with _registries(project, target) as registries:
            instance = local_instance(Path(os.environ.get("DAGSTER_HOME", state / "dagster")), project)
            runner = _Runner(project, target, instance)
            features = build_features(project, target, runner)
            runs = [_run_model(each, target.of(each), registries[each.scope], runner) for each in project.each]
    except Exception as error:
        if (sentence := _sentence(error, state)) is None:
            raise
        return _failed(sentence)
    if made := [each for each in runs if not each.failure]:
        click.echo("\n".join(summary(features, made, perf_counter() - started)))
    return _failed(*(each.failure for each in runs if each.failure))


def _failed(*sentences: str) -> int:
    for sentence in sentences:
        say(sentence, fg="red", err=True)
    return 1 if sentences else 0


@contextmanager
def _registries(project: Project, target: Target) -> Iterator[Mapping[str, ModelRegistry]]:
    """The registry of each model, by the scope of its project."""
    with ExitStack() as opened:
        found = {each.scope: opened.enter_context(adapters(each, target, "model_registry")) for each in project.each}
        yield {scope: resources.model_registry for scope, resources in found.items()}


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


def _run_model(project: Project, target: ModelTarget, registry: ModelRegistry, runner: _Runner) -> ModelRun:
    """Run the jobs of a model; that one fails is no reason for another model to wait."""
    try:
        return ModelRun(project, target, registry, run_model(project, target, registry, runner))
    except RunFailedError as error:
        return ModelRun(project, target, registry, failure=str(error))


def run_pipeline(
    project: Project, target: Target, registry: ModelRegistry, instance: dg.DagsterInstance
) -> Mapping[str, Result]:
    """Build features for all days, then what `run_model` makes of a project of one model.

    Returns: name of a job without a prefix -> its result. Raises `RunFailedError` at the first run that fails.
    """
    runner = _Runner(project, target, instance)
    features = {FEATURES: build_features(project, target, runner)}
    return features | run_model(project, target.of(project), registry, runner)


def build_features(project: Project, target: Target, runner: _Runner) -> Result:
    """Accept the events of all days, and build the feature tables, which all models have in common."""
    return runner.run(project.named(FEATURES), daily_partitions(target).get_partition_keys())


def run_model(project: Project, target: ModelTarget, registry: ModelRegistry, runner: _Runner) -> dict[str, Result]:
    """Train and promote, then predict and monitor the days that were held out.

    The days before are not predicted: the model has seen their labels, and its errors would look too good. Days that
    end before the partitions of predictions begin are predicted nevertheless, and `_summary` says so. When the
    candidate is refused, it is the champion of before that predicts.

    Returns: name of a job without prefix and model -> its result. Raises `RunFailedError` at the first run that fails,
    and when nobody is champion.
    """
    results = {TRAINING: runner.run(project.named(TRAINING))}
    champion = registry.find_alias("champion")
    if champion is None:
        waits = f"the challenger waits for {project.named('promote_job')}."
        why = refused(results[TRAINING]) or waits
        raise RunFailedError(f"No version of {registry.model} is champion, so nothing was predicted: {why}")
    held_out_from, held_out_until = champion.record.held_out_from, champion.record.held_out_until
    if held_out_until and held_out_until < target.predicted_from:
        target = target.model_copy(update={"first_predicted_day": held_out_from})
        runner = _Runner(project, target, runner.instance)
    days = predicted_partitions(target).get_partition_keys()
    unseen = [day for day in days if day >= str(held_out_from)]
    for job in (PREDICTING, "monitoring_job"):
        results[job] = runner.run(project.named(job), unseen)
    return results


class _Runner:
    """Runs jobs in this process, on the instance that `make dev` shows."""

    def __init__(self, project: Project, target: Target, instance: dg.DagsterInstance) -> None:
        self.definitions = dg.Definitions.merge(
            definitions_of(project, target), dg.Definitions(loggers={"console": console})
        )
        self.instance = instance
        self.tables_folder = target.state_path / "warehouse" / target.schema_name

    def run(self, job: str, days: Sequence[str] | None = None) -> Result:
        """Run `job`, for all of `days` at once when it is partitioned.

        Raises:
            RunFailedError: the run failed.
        """
        extent = {}
        if days:
            extent = {FIRST_OF_RANGE: days[0], "dagster/asset_partition_range_end": days[-1]}
        result = self.definitions.resolve_job_def(job).execute_in_process(
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
