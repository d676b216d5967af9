"""What a rehearsal made and where it ran, as lines to read, and what is wrong with it, as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import dagster as dg
import pandas as pd
from deltalake import DeltaTable

from databricks_emulator.api import ApiError
from my_mlops_stacks_tests.rehearsal.rehearsal import HELD_OUT_DAYS, JOBS, SERVING, TRIPS, JobRun, Rehearsal

ALIASES = ("candidate", "challenger", "champion")
ON_THE_HOST = {"challenger", "champion", "endpoint"}
TABLES = (
    *("trips", "rejected_trips", "trip_pickup_features", "trip_price_features", "trip_dropoff_features"),
    *("predictions", "inference_profile_metrics", "inference_drift_metrics"),
)
CHECKS = 22
LOG_LINES = 40


def lines(rehearsal: Rehearsal) -> Iterator[str]:
    """What ran where, and what came of it."""
    for run in rehearsal.runs:
        yield from _run(run)
    yield "Rows        " + (", ".join(f"{name} {count:,}" for name, count in _rows(rehearsal).items()) or "none")
    yield from _models(rehearsal)
    evaluations = _evaluations(rehearsal)
    yield f"Checks      {sum(found.passed for found in evaluations)} of {len(evaluations)} passed"
    totals = (sum(len(run.databricks_runs) for run in rehearsal.runs), rehearsal.workspace.cluster_starts)
    calls = rehearsal.workspace.calls
    yield (
        f"Databricks  {totals[0]} runs, {totals[1]} cluster starts, {calls.count()} API calls, "
        f"{calls.bytes_uploaded / 1e6:.1f} MB uploaded"
    )
    yield f"Left over   {', '.join(rehearsal.left_over()) or 'nothing'}"


def problems(rehearsal: Rehearsal) -> list[str]:
    """Everything that is not as it should be, one sentence each."""
    failed = [run for run in rehearsal.runs if not run.success or run.refused]
    if failed:
        return [*map(_failure, failed), *_left(rehearsal)]
    judged = (_of_runs, _of_rows, _of_models, _of_checks, _left)
    return [sentence for judge in judged for sentence in judge(rehearsal)]


def failure_log(rehearsal: Rehearsal) -> str:
    """The last lines that the Databricks runs of failed jobs printed."""
    runs = [found for run in rehearsal.runs if not run.success for found in run.databricks_runs]
    return "\n".join(line for run in runs for line in rehearsal.workspace.task_log(run).splitlines()[-LOG_LINES:])


def table(rehearsal: Rehearsal, name: str) -> pd.DataFrame:
    """A table of the target, read without any code of the project.

    Raises:
        ApiError: the workspace has no such table.
    """
    full_name = f"{rehearsal.target.catalog}.{rehearsal.target.schema_name}.{name}"
    return DeltaTable(rehearsal.workspace.unity_catalog.table_folder(full_name)).to_pandas()


def _run(run: JobRun) -> Iterator[str]:
    compute = "serverless" if all(found.cluster is None for found in run.databricks_runs) else "job cluster"
    runs = ", ".join(f"{found.run_id} {found.outcome.result.value}" for found in run.databricks_runs if found.outcome)
    took = f"{run.seconds:.1f} s, {run.cluster_starts} cluster starts, {run.api_calls} API calls"
    yield f"{run.job}: {run.run.status.value}, {took}"
    yield f"  Databricks run {runs} ({compute}): {', '.join(run.remote_steps)}"
    if here := [step for step in run.steps if step not in run.remote_steps]:
        yield f"  Dagster host: {', '.join(here)}"


def _rows(rehearsal: Rehearsal) -> dict[str, int]:
    """Table -> its rows, of the tables that there are."""
    counts = {}
    for name in TABLES:
        with suppress(ApiError):
            counts[name] = len(table(rehearsal, name))
    return counts


def _models(rehearsal: Rehearsal) -> Iterator[str]:
    registry = rehearsal.registry
    held = {alias: registry.find_alias(alias) for alias in ALIASES}
    if champion := held["champion"]:
        rmse = registry.run_metrics(champion)["root_mean_squared_error"]
        aliases = ", ".join(f"{alias} is version {version.version}" for alias, version in held.items() if version)
        yield f"Model       {champion.name}: {aliases}; RMSE {rmse:.3f} USD on the held-out days"


def _evaluations(rehearsal: Rehearsal) -> list[dg.AssetCheckEvaluation]:
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    return [event.event_specific_data for run in rehearsal.runs for event in run.events(kind)]


def _failure(run: JobRun) -> str:
    if run.refused:
        return f"{run.job} has no model to go on with: {run.refused}"
    errors = [event.step_failure_data.error for event in run.events(dg.DagsterEventType.STEP_FAILURE)]
    said = "; ".join((error.cause or error).message.strip() for error in errors if error)
    return f"{run.job} is {run.run.status.value}: {said or 'no step says why'}"


def _of_runs(rehearsal: Rehearsal) -> Iterator[str]:
    if [run.job for run in rehearsal.runs] != [*JOBS, SERVING]:
        yield f"The jobs that ran are {[run.job for run in rehearsal.runs]}, not {[*JOBS, SERVING]}."
    for run in rehearsal.runs:
        here = set(run.steps) - set(run.remote_steps)
        if here - ON_THE_HOST:
            yield f"{run.job}: {sorted(here - ON_THE_HOST)} ran on the Dagster host, not on Databricks."
        if len(run.databricks_runs) != 1:
            yield f"{run.job} took {len(run.databricks_runs)} Databricks runs: its worker should take all steps."
        for found in run.databricks_runs:
            if found.outcome is None or found.outcome.result.value != "SUCCESS":
                yield f"{run.job}: Databricks run {found.run_id} did not end with SUCCESS."


def _of_rows(rehearsal: Rehearsal) -> Iterator[str]:
    rows = _rows(rehearsal)
    if missing := [name for name in TABLES if not rows.get(name)]:
        yield f"These tables are missing or empty: {', '.join(missing)}."
        return
    if (ingested := rows["trips"] + rows["rejected_trips"]) != TRIPS:
        yield f"{ingested} trips were accepted or rejected, but {TRIPS} were delivered."
    per_day = Counter(table(rehearsal, "trips")["day"])
    held_out = sum(per_day[day] for day in sorted(per_day)[-HELD_OUT_DAYS:])
    if rows["predictions"] != held_out:
        yield f"{rows['predictions']} predictions are not the {held_out} trips that training held out."


def _of_models(rehearsal: Rehearsal) -> Iterator[str]:
    held = {alias: rehearsal.registry.find_alias(alias) for alias in ALIASES}
    versions = {version.version if version else None for version in held.values()}
    if versions != {1}:
        yield f"The aliases {', '.join(ALIASES)} should all be held by version 1, not by {versions}."


def _of_checks(rehearsal: Rehearsal) -> Iterator[str]:
    evaluations = _evaluations(rehearsal)
    if len(evaluations) != CHECKS:
        yield f"{len(evaluations)} checks were evaluated, not {CHECKS}."
    for found in evaluations:
        if not found.passed:
            yield f"Check {found.asset_key.to_user_string()}.{found.check_name} failed: {found.description}"


def _left(rehearsal: Rehearsal) -> list[str]:
    return [f"Left over: {what}." for what in rehearsal.left_over()]
