"""Where a prediction came from: `python -m my_mlops_stacks.explain --day 2016-02-20 --model-version 3`.

A row of `predictions` carries its day, its model's version and when it was predicted. From there it is the history of
Dagster that knows the run and the tables, and the registry that knows how the version was made, judged and chosen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import click
import dagster as dg

from my_mlops_stacks.adapters.model_registry import ModelRegistry, ModelVersion
from my_mlops_stacks.adapters.plain_paths import plain_path
from my_mlops_stacks.adapters.registry_errors import (
    DeletedRunError,
    ModelNotFoundError,
    RegistryUnavailableError,
    registry_answers,
)
from my_mlops_stacks.defs.jobs import FEATURE_TABLES
from my_mlops_stacks.defs.ledger import CHAMPION
from my_mlops_stacks.defs.resources import build_resources
from my_mlops_stacks.target import TargetError, load_target

PREDICTIONS = dg.AssetKey("predictions")
ENTRIES = 1000
"""So many materializations of one day, or of the champion, are searched, the newest first."""


class UnexplainedError(LookupError):
    """A day that the version did not predict, as far as this Dagster knows."""


@click.command(help=__doc__)
@click.option("--day", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The row's day")
@click.option("--model-version", required=True, type=click.IntRange(min=1), help="The row's model_version")
@click.option("--target", default=None, help="Else MLOPS_TARGET, else local")
def main(day: datetime, model_version: int, target: str | None) -> None:
    try:
        found = load_target(target)
        home = os.environ.get("DAGSTER_HOME")
        folder = plain_path(found.state_path / "dagster")
        with (
            dg.DagsterInstance.get() if home else dg.DagsterInstance.from_config(str(folder)) as instance,
            dg.build_resources({"model_registry": build_resources(found)["model_registry"]}) as resources,
        ):
            registry: ModelRegistry = resources.model_registry
            with registry_answers(registry.tracking_uri, "nothing was changed", then="ask again"):
                for name, sentence in explanation(instance, registry, day.date(), model_version):
                    click.echo(f"{name:<11} {sentence}")
    except (TargetError, UnexplainedError, ModelNotFoundError, RegistryUnavailableError) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)


def explanation(
    instance: dg.DagsterInstance, registry: ModelRegistry, day: date, version: int
) -> Iterator[tuple[str, str]]:
    """What is known of the rows of `day` by `version`, as (what, sentence).

    Raises:
        UnexplainedError: this Dagster has no materialization of the day by the version.
        ModelNotFoundError: the registry does not have the version any more.
    """
    record = _materialization(instance, day, version)
    seen = _values(record)
    model = registry.get(version)
    at = datetime.fromtimestamp(record.timestamp, UTC)
    yield "prediction", f"{model.name} version {version} for {day}, written {at:%Y-%m-%d %H:%M} UTC"
    yield "predicted", f"in Dagster run {record.run_id}{_on_databricks(instance, record.run_id)}"
    yield "features", ", ".join(f"{table} version {seen.get(table, 'unknown')}" for table in FEATURE_TABLES)
    yield from _made(registry, model)
    yield from _chosen(instance, version)
    yield from _moved_by_hand(instance, version)


def _materialization(instance: dg.DagsterInstance, day: date, version: int) -> dg.EventLogRecord:
    wanted = dg.AssetRecordsFilter(asset_key=PREDICTIONS, asset_partitions=[day.isoformat()])
    for record in instance.fetch_materializations(wanted, limit=ENTRIES).records:
        if _values(record).get("model_version") == version:
            return record
    raise UnexplainedError(
        f"This Dagster has no predictions of {day} by version {version}: take day and model_version from the row, and "
        "the DAGSTER_HOME and the target of the instance that made it."
    )


def _values(record: dg.EventLogRecord) -> Mapping[str, Any]:
    materialization = record.asset_materialization
    return {key: entry.value for key, entry in materialization.metadata.items()} if materialization else {}


def _on_databricks(instance: dg.DagsterInstance, run_id: str) -> str:
    """The Databricks runs that the launcher started for the step, empty when it ran here."""
    events = (entry.dagster_event for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT))
    told = [event.engine_event_data.metadata for event in events if event and event.step_key == "predictions"]
    pages = [str(metadata["databricks_run"].value) for metadata in told if "databricks_run_id" in metadata]
    return f", Databricks run {pages[-1]}" if pages else ""


def _made(registry: ModelRegistry, model: ModelVersion) -> Iterator[tuple[str, str]]:
    tags = model.tags
    yield "model", f"{registry.version_url(model)}, MLflow run {_run(registry, model)}"
    yield (
        "trained",
        f"in Dagster run {tags.get('dagster_run_id', 'unknown')} at git commit {tags.get('git_commit', 'unknown')}, on "
        f"trips version {tags.get('trips_version', 'unknown')} before {tags.get('held_out_from', 'unknown')}",
    )
    against, report = tags.get("validated_against", "nobody"), tags.get("validation_run_id", "none")
    yield "validated", f"{tags.get('validation_status', 'never')}, against champion {against}; MLflow run {report}"
    if "copied_from" in tags:
        yield "copied", f"from {tags['copied_from']} by {tags.get('copied_by', 'unknown')}"


def _run(registry: ModelRegistry, model: ModelVersion) -> str:
    try:
        return registry.run_url(model)
    except DeletedRunError:
        return f"{model.run_id} (deleted)"


def _chosen(instance: dg.DagsterInstance, version: int) -> Iterator[tuple[str, str]]:
    for record in instance.fetch_materializations(CHAMPION, limit=ENTRIES).records:
        entry = _values(record)
        if entry.get("version") == version:
            at = datetime.fromtimestamp(record.timestamp, UTC)
            yield (
                "champion",
                f"from {at:%Y-%m-%d %H:%M} UTC after version {entry['from_version']}, by {entry['decided_by']}: "
                f"{entry['reason']} (Dagster run {record.run_id})",
            )


def _moved_by_hand(instance: dg.DagsterInstance, version: int) -> Iterator[tuple[str, str]]:
    for record in instance.fetch_observations(CHAMPION, limit=ENTRIES).records:
        observation = record.asset_observation
        told = {key: entry.value for key, entry in observation.metadata.items()} if observation else {}
        if observation and version in (told.get("version"), told.get("recorded_version"), told.get("seen_before")):
            at = datetime.fromtimestamp(record.timestamp, UTC)
            yield "by hand", f"seen at {at:%Y-%m-%d %H:%M} UTC: {observation.description}"


if __name__ == "__main__":
    main()
