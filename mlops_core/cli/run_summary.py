"""What a run of the whole pipeline says at the end: rows, the versions of each model, and the checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import click
import dagster as dg

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.config import ModelTarget
from mlops_core.project import Project
from mlops_core.shown_text import printable
from mlops_core.validation.baseline_rules import Baselines
from mlops_core.validation.rules import compared_metric, metric_units

TRAINING, PREDICTING = "model_training_job", "batch_inference_job"
FIRST_OF_RANGE = "dagster/asset_partition_range_start"

Result = dg.ExecuteInProcessResult


@dataclass(frozen=True)
class ModelRun:
    """What was made of a model: the results of its jobs, or why one of them failed."""

    project: Project
    target: ModelTarget
    registry: ModelRegistry
    results: Mapping[str, Result] = field(default_factory=dict)
    failure: str = ""


def refused(training: Result) -> str | None:
    """Why the run refused its candidate; None when it did not."""
    events = (event for event in training.all_events if event.is_asset_observation)
    told = (event.asset_observation_data.asset_observation for event in events)
    return next((printable(str(seen.description)) for seen in told if "refused" in seen.metadata), None)


def summary(features: Result, runs: Sequence[ModelRun], seconds: float) -> Iterator[str]:
    results = [features, *(result for each in runs for result in each.results.values())]
    yield click.style(f"\nThe pipeline ran in {seconds:.1f} s", bold=True)
    yield from _rows(results)
    for each in runs:
        yield from _days(each)
        yield from _versions(each)
    yield from _checks(results)
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


def _days(run: ModelRun) -> Iterator[str]:
    predicted_from = run.results[PREDICTING].dagster_run.tags[FIRST_OF_RANGE]
    if predicted_from < str(run.target.predicted_from):
        yield (
            f"Days        {run.project.whose}predicted from {predicted_from} on, as the events end before "
            f"{run.target.predicted_from}, where predictions begin: for `make dev` to show these days, set last_day in "
            "databricks.yml to their last one"
        )


def _versions(run: ModelRun) -> Iterator[str]:
    task, training = run.project.model.task, run.results[TRAINING]
    if why := refused(training):
        yield f"Refused     {run.project.whose}{why}"
    versions = {
        "candidate": run.registry.output_of(training.run_id, "candidate"),
        "champion": run.registry.at_alias("champion"),
    }
    for alias, version in versions.items():
        headlines = task.headlines(run.registry.run_metrics(version)).items()
        numbers = ", ".join(f"{task.metric(name).title} {value:.3f}" for name, value in headlines)
        yield f"{alias.capitalize():11} {version.name} version {version.version}: {numbers}"
    yield from _baselines(run.project, run.registry.run_metrics(versions["candidate"]))


def _baselines(project: Project, measured: Mapping[str, float]) -> Iterator[str]:
    metric = compared_metric(project.model)
    baselines = Baselines.of(metric.name, measured)
    without = f"without features {baselines.without_features:.3f}, " if project.looked_up else ""
    yield f"Compared    {metric.title} {without}of a constant {baselines.constant:.3f} (held-out days)"
    if without:
        yield f"Features    {baselines.conclusion(metric, metric_units(project).get(metric.name, ''))}"


def _checks(results: Iterable[Result]) -> Iterator[str]:
    evaluations = [evaluation for result in results for evaluation in result.get_asset_check_evaluations()]
    failed = [evaluation for evaluation in evaluations if not evaluation.passed]
    yield f"Checks      {len(evaluations) - len(failed)} of {len(evaluations)} passed"
    for evaluation in failed:
        yield f"            {evaluation.asset_key.to_user_string()}.{evaluation.check_name}: {evaluation.description}"
