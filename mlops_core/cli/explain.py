"""Where a prediction came from: `python -m my_mlops_stacks explain --day 2016-02-20 --model-version 3`.

On a laptop the event is enough, by what identifies it: `--event COLUMN=VALUE`, once for each column. It tells of each
version that predicted the event, and why: what each input added to the prediction or took from it. Where a project has
several models, `--model` says which.

A row of `predictions` carries its day, its model's name and version, and when it was predicted. Dagster's
history leads from there to the run and the tables, and the registry to how the version was trained, judged and
promoted.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import click
import dagster as dg

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import (
    DeletedRunError,
    ModelNotFoundError,
    RegistryUnavailableError,
    registry_answers,
)
from mlops_core.adapters.tables import TableNotFoundError, Tables
from mlops_core.cli.instance import WHERE, NoInstanceError, instance_of
from mlops_core.cli.one_model import model_option, project_of
from mlops_core.cli.saying import say
from mlops_core.cli.why import Story, why
from mlops_core.config import Target, TargetError, load_target
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.names import key_of, op_of
from mlops_core.defs.promotion_history import entries, values
from mlops_core.defs.resources import adapters
from mlops_core.deployment.promotion import CHAMPION
from mlops_core.project import EventTable, Project
from mlops_core.version_record import version_tag

USED = ("model_registry", "spark", "tables")
PREDICTIONS = "predictions"
ENTRIES = 1000
"""How many materializations of one day, or of the champion, are searched, newest first."""


class UnexplainedError(LookupError):
    """A day that the version did not predict, as far as this Dagster knows."""


@click.command(help=__doc__, short_help="Tell where a prediction came from")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="The row's day")
@click.option("--model-version", type=click.IntRange(min=1), help="The row's model_version")
@click.option("--event", multiple=True, metavar="COLUMN=VALUE", help="Of the columns that identify the event")
@model_option
@click.option("--model-name", default=None, help="The row's model_name, else the target's model")
@click.option("--target", default=None, help="Else MLOPS_TARGET, else local")
@click.pass_obj
def main(  # noqa: PLR0917, click passes the options by their names
    project: Project,
    day: datetime | None,
    model_version: int | None,
    event: tuple[str, ...],
    model: str | None,
    model_name: str | None,
    target: str | None,
) -> None:
    if not event and (day is None or model_version is None):
        raise click.UsageError("Say --day and --model-version of the row, or what identifies its event, as --event.")
    try:
        one = project_of(project, model)
        found = load_target(one, target).of(one)
        with instance_of(found) as instance, adapters(one, found, *USED) as resources:
            registry: ModelRegistry = resources.model_registry
            if event:
                for row_day, name, version in predicted(one, found, resources.tables, event):
                    _tell_or_say(one, instance, registry.of(name), row_day, version)
                    row = row_of(one, resources.tables, event, (row_day, name, version))
                    _say(registry, why(one, registry.of(name), version, row))
            elif day and model_version:
                _tell(one, instance, registry.of(model_name or found.registered_model), day.date(), model_version)
    except (TargetError, NoInstanceError, UnexplainedError, RegistryUnavailableError, TableNotFoundError) as error:
        say(str(error), fg="red", err=True)
        sys.exit(1)


def _tell_or_say(
    project: Project, instance: dg.DagsterInstance, registry: ModelRegistry, day: date, version: int
) -> None:
    """As `_tell`, but skips versions of which Dagster has no record any more."""
    try:
        _tell(project, instance, registry, day, version)
    except UnexplainedError as error:
        say(str(error), fg="yellow", err=True)


def _tell(project: Project, instance: dg.DagsterInstance, registry: ModelRegistry, day: date, version: int) -> None:
    _say(registry, explanation(project, instance, registry, day, version))


def _say(registry: ModelRegistry, story: Story) -> None:
    with registry_answers(registry.tracking_uri, "nothing was changed", then="ask again"):
        for name, sentence in story:
            say(f"{name:<11} {sentence}")


def predicted(project: Project, target: Target, tables: Tables, event: Sequence[str]) -> list[tuple[date, str, int]]:
    """Day, model and version of each prediction of the one event that these `column=value` identify.

    Raises:
        UnexplainedError: there is none, or there are several events, or the tables are not on this machine.
    """
    if target.platform != "local":
        raise UnexplainedError(
            "--event reads tables of this machine: query the row there (docs/promotion.md), and say --day and "
            "--model-version."
        )
    events, known, said = project.events, _known(event), ", ".join(event)
    if unknown := [name for name in known if name not in events.identity]:
        raise UnexplainedError(f"{unknown[0]} identifies no {events.noun}: columns are {', '.join(events.identity)}.")
    columns = (*events.identity, "day", "model_name", "model_version")
    rows = _rows_of(project, tables, known).select(*columns).limit(ENTRIES).collect()
    several = {tuple(row[name] for name in events.identity) for row in rows}
    if not several:
        raise UnexplainedError(
            f"No prediction is of a {events.noun} with {said}: {events.rejected_name} may have it, with the reason."
        )
    if len(several) > 1:
        raise UnexplainedError(
            f"{len(several)} {events.nouns} or more have {said}: say more of {', '.join(events.identity)}."
        )
    return sorted({(row["day"], row["model_name"], row["model_version"]) for row in rows})


def row_of(project: Project, tables: Tables, event: Sequence[str], by: tuple[date, str, int]) -> DataFrame:
    """The prediction of the event that `predicted` tells of, with all that stands beside it."""
    row = dict(zip(("day", "model_name", "model_version"), map(str, by), strict=True))
    return _rows_of(project, tables, _known(event) | row).limit(1)


def _known(event: Sequence[str]) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in event)


def _rows_of(project: Project, tables: Tables, known: Mapping[str, str]) -> DataFrame:
    from pyspark.sql import functions as F

    table = tables.read(project.scoped(PREDICTIONS))
    kinds = dict(table.dtypes)
    for name, value in known.items():
        table = table.where(F.col(name) == F.lit(value).try_cast(kinds[name]))
    return table


def explanation(
    project: Project, instance: dg.DagsterInstance, registry: ModelRegistry, day: date, version: int
) -> Story:
    """What is known of the rows of `day` by `version` of the registry's model; of a deleted one, what Dagster knows.

    Raises:
        UnexplainedError: this Dagster has no materialization of the day by the version.
    """
    record = _materialization(project, instance, day, registry.model, version)
    seen = values(record)
    at = datetime.fromtimestamp(record.timestamp, UTC)
    yield "prediction", f"{registry.model} version {version} for {day}, written {at:%Y-%m-%d %H:%M} UTC"
    yield "predicted", f"in Dagster run {record.run_id}{_on_databricks(project, instance, record.run_id)}"
    yield (
        "features",
        ", ".join(f"{table.name} version {seen.get(table.name, 'unknown')}" for table in project.feature_tables),
    )
    try:
        yield from _made(project, registry, registry.get(version))
    except ModelNotFoundError:
        yield from _deleted(project, instance, registry.model, version)
    yield from _chosen(project, instance, registry.model, version)
    yield from _moved_by_hand(project, instance, registry.model, version)


def _materialization(
    project: Project, instance: dg.DagsterInstance, day: date, model: str, version: int
) -> dg.EventLogRecord:
    wanted = dg.AssetRecordsFilter(asset_key=key_of(project, PREDICTIONS), asset_partitions=[day.isoformat()])
    others = set()
    for record in instance.fetch_materializations(wanted, limit=ENTRIES).records:
        seen = values(record)
        if seen.get("model_version") == version:
            if seen.get("model_name") == model:
                return record
            others.add(str(seen.get("model_name")))
    named = f"; by version {version} of {', '.join(sorted(others))} there are: name it (--model-name)" if others else ""
    raise UnexplainedError(
        f"The Dagster instance of {instance.root_directory} has no predictions of {day} by version {version} of {model}"
        f"{named}: take day, model_name and model_version from the row, and ask the instance that made it; {WHERE}."
    )


def _on_databricks(project: Project, instance: dg.DagsterInstance, run_id: str) -> str:
    """The Databricks runs that the launcher started for the step, empty when it ran here."""
    step = op_of(project, PREDICTIONS)
    events = (entry.dagster_event for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT))
    told = [event.engine_event_data.metadata for event in events if event and event.step_key == step]
    pages = [str(metadata["databricks_run"].value) for metadata in told if "databricks_run_id" in metadata]
    return f", Databricks run {pages[-1]}" if pages else ""


def _made(project: Project, registry: ModelRegistry, model: ModelVersion) -> Story:
    record = model.record
    yield "model", f"{registry.version_url(model)}, MLflow run {_run(registry, model)}"
    made = _provenance(project.events, record.to_tags())
    yield "trained", f"in Dagster run {record.dagster_run_id or 'unknown'} {made}"
    against, report = record.validated_against or "nobody", record.validation_run_id or "none"
    yield "validated", f"{record.validation_status or 'never'}, against champion {against}; MLflow run {report}"
    if record.copied_from:
        yield "copied", f"from {record.copied_from} by {record.copied_by or 'unknown'}"


def _provenance(events: EventTable, known: Mapping[str, Any]) -> str:
    keys = ("git_commit", version_tag(events.name), "held_out_from")
    commit, version, before = (known.get(key, "unknown") for key in keys)
    return f"at git commit {commit}, on {events.name} version {version} before {before}"


def _deleted(project: Project, instance: dg.DagsterInstance, model: str, version: int) -> Story:
    """What the materialization of the trained model tells of a version that the registry has lost."""
    yield "model", f"{model} version {version} is not in the registry any more"
    for record in instance.fetch_materializations(key_of(project, project.model.name), limit=ENTRIES).records:
        seen = values(record)
        if (seen.get("model_name"), seen.get("version")) == (model, version):
            at = datetime.fromtimestamp(record.timestamp, UTC)
            yield "trained", f"in Dagster run {record.run_id} on {at:%Y-%m-%d} {_provenance(project.events, seen)}"
            yield (
                "measured",
                ", ".join(f"{name} {value:.3f}" for name, value in project.model.task.headlines(seen).items()),
            )


def _run(registry: ModelRegistry, model: ModelVersion) -> str:
    try:
        return registry.run_url(model)
    except DeletedRunError:
        return f"{model.run_id} (deleted)"


def _chosen(project: Project, instance: dg.DagsterInstance, model: str, version: int) -> Story:
    for record, entry in islice(entries(project, instance, model), ENTRIES):
        if entry.get("version") == version:
            at = datetime.fromtimestamp(record.timestamp, UTC)
            yield (
                "champion",
                f"from {at:%Y-%m-%d %H:%M} UTC after version {entry.get('from_version')}, "
                f"by {entry.get('decided_by')}: {entry.get('reason')} (Dagster run {record.run_id})",
            )


def _moved_by_hand(project: Project, instance: dg.DagsterInstance, model: str, version: int) -> Story:
    for record in instance.fetch_observations(key_of(project, CHAMPION), limit=ENTRIES).records:
        observation = record.asset_observation
        told = {key: entry.value for key, entry in observation.metadata.items()} if observation else {}
        versions = (told.get("version"), told.get("recorded_version"), told.get("seen_before"))
        if observation and "refused" not in told and told.get("model_name") == model and version in versions:
            at = datetime.fromtimestamp(record.timestamp, UTC)
            yield "by hand", f"seen at {at:%Y-%m-%d %H:%M} UTC: {observation.description}"
