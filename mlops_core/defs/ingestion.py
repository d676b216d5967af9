"""Events from their source: the accepted ones, and the rejected ones with the reason."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from mlops_core.adapters.sources.generated_source import GeneratedSource
from mlops_core.config import Target
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.arrival_requests import LOOK
from mlops_core.defs.config import BoundedConfig
from mlops_core.defs.io_managers import REPLACED
from mlops_core.defs.names import key_of, keys_of, needed, op_of, resources_of
from mlops_core.defs.partitions import ONE_RUN_A_RANGE, days_of_run, last_partition
from mlops_core.project import EventTable, Label, Project
from mlops_core.version_record import version_tag

if TYPE_CHECKING:
    from mlops_core.ingestion.days import EventDays

GENERATED = "generated"
"""Metadata of the events: whether they are the project's sample, so that nobody misses them."""


class IngestionConfig(BoundedConfig):
    """Where a local run takes its events from; a Databricks target reads its configured table."""

    path: str | None = Field(
        None,
        description="Parquet, Delta or CSV file or folder; default: that of the environment, else of databricks.yml, "
        "else generated",
    )
    times: str | None = Field(
        None,
        description="How its times are to be read: wall_clock, wall_clock_as_utc or a zone; default: as the "
        "environment says, else the target",
    )
    rows: int = Field(10_000, gt=0, description="Events to generate when there is no path")
    seed: int = Field(0, ge=0, description="The same seed generates the same events")
    drift_from: str | None = Field(
        None, pattern=r"^\d{4}-\d{2}-\d{2}$", description="Generated labels are shifted from this day on, YYYY-MM-DD"
    )
    allow_removal: bool = Field(
        False, description="Whether many events may go that the table has and the source no longer has"
    )


AS_CONFIGURED: Mapping[str, Any] = IngestionConfig.model_validate({}).model_dump(exclude={"allow_removal"})
"""What a run without config of its own asks of its sources."""


def ingestion_assets(
    project: Project, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    return [
        each
        for events in project.event_tables
        for each in (_raw(project, events, target), _ingestion(project, events, target, daily))
    ]


def _ingestion(
    project: Project, events: EventTable, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=op_of(project, events.ingestion_name),
        backfill_policy=ONE_RUN_A_RANGE,
        deps=keys_of(project, events.raw_name, *label_tables(events)),
        outs=_outs(project, events, target),
        required_resource_keys=needed(project, "step_launcher", "sources", "tables"),
        description=f"Judge the {events.nouns} of the run's days and, for those that were delivered late, of "
        f"{_days_before(events, target)} days before.",
    )
    def ingest(context: dg.AssetExecutionContext, config: IngestionConfig) -> tuple[dg.Output, dg.Output]:
        from mlops_core.ingestion.accept import accept, require_acceptable
        from mlops_core.ingestion.conform import conform
        from mlops_core.ingestion.labelled import labelled

        delivered = events.delivered
        source = (
            resources_of(project, context)
            .sources[events.name]
            .choose(
                path=config.path,
                times=config.times,
                rows=config.rows,
                seed=config.seed,
                drift_from=date.fromisoformat(config.drift_from) if config.drift_from else None,
            )
        )
        days = days_taken(project, context, events, target, daily)
        rows = conform(delivered, source.read(), days)
        require_acceptable(delivered, rows, days)
        removed = _removed(project, context, events, rows, days, allowed=config.allow_removal)
        told: dict[str, Any] = {GENERATED: isinstance(source, GeneratedSource), **removed}
        replaced: dict[str, Any] = {REPLACED: days.replaced} if days.replaced else {}
        accepted, rejected = accept(delivered, rows)
        for table in label_tables(events):
            tables = resources_of(project, context).tables
            accepted, told[version_tag(table)] = labelled(events, accepted, tables.read(table)), tables.version(table)
        return dg.Output(accepted, metadata=replaced | told), dg.Output(rejected, metadata=replaced)

    return ingest


def _raw(project: Project, events: EventTable, target: Target) -> dg.AssetSpec:
    table = target.sources[events.name].table
    otherwise = table or ("generated" if events.sample else None)
    here = f"{events.path_variable}{f', or {otherwise}' if otherwise else ''}"
    return dg.AssetSpec(
        key_of(project, events.raw_name),
        group_name=project.named("ingestion"),
        owners=[target.owner],
        description=f"{events.nouns.capitalize()} as they are delivered: a table on Databricks; here a file or a folder"
        f"{', or generated ones' if events.sample else ''}.",
        metadata={"source": here if target.platform == "local" else table},
    )


def _outs(project: Project, events: EventTable, target: Target) -> dict[str, dg.AssetOut]:
    late = dict.fromkeys(name for name in events.outcome if name != events.event_time)
    also = f", also those whose {' and '.join(f'`{name}`' for name in late)} are not known yet" if late else ""
    out = partial(
        dg.AssetOut,
        io_manager_key=project.named("table_io_manager"),
        group_name=project.named("ingestion"),
        owners=[target.owner],
        kinds={"spark", "delta"},
    )
    return {
        events.name: out(
            key=key_of(project, events.name),
            description=f"Accepted {events.nouns}, each once{also}. Times are "
            f"the wall clock of {events.time_zone}, and nothing shifts them. "
            f"A run takes those of its days and, for late ones, of {_days_before(events, target)} days before.",
            code_version="2",
        ),
        events.rejected_name: out(
            key=key_of(project, events.rejected_name),
            description=f"{events.nouns.capitalize()} that were kept aside, with every reason that applies.",
            code_version="4",
        ),
    }


def _removed(
    project: Project,
    context: dg.AssetExecutionContext,
    events: EventTable,
    rows: DataFrame,
    days: "EventDays",
    *,
    allowed: bool,
) -> dict[str, dg.MetadataValue]:
    """How many events and days of the table the source no longer has; refused when they are many."""
    from mlops_core.ingestion.removal import removal

    tables = resources_of(project, context).tables
    if not tables.exists(events.name):
        return {}
    found = removal(events, tables.read(events.name).where(days.within), rows)
    if not (allowed or _were_generated(project, context.instance, events)):
        found.require_small()
    if found.count:
        context.log.warning(f"The source lacks {found}: they are removed")
    removed_days = ", ".join(map(str, found.days))
    return {
        f"removed_{events.name}": dg.MetadataValue.int(found.count),
        "removed_days": dg.MetadataValue.text(removed_days),
    }


def _were_generated(project: Project, instance: dg.DagsterInstance, events: EventTable) -> bool:
    event = instance.get_latest_materialization_event(key_of(project, events.name))
    made = event.asset_materialization if event else None
    return bool(made and GENERATED in made.metadata and made.metadata[GENERATED].value)


def label_tables(events: EventTable) -> tuple[str, ...]:
    """The table of their labels, if that is another one."""
    return (events.label_source.table.name,) if events.label_source else ()


def _days_before(events: EventTable, target: Target) -> int:
    """How many days before its own a run takes: of late events, and of those whose label may have come, late too."""
    waited = events.label_source.days if events.label_source else 0
    return target.feature_engineering_workflow.late_days + waited


def days_taken(
    project: Project,
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
    events: EventTable,
    target: Target,
    daily: dg.TimeWindowPartitionsDefinition,
) -> "EventDays":
    """All days for a run without partitions. At both ends of the partitions the days are open: no event is left out."""
    from mlops_core.ingestion.days import ALL_DAYS

    days = days_of_run(context)
    if days is None:
        return ALL_DAYS
    oldest = (
        days[0] if events.label_source is None else _undecided_since(project, context, events.label_source, days[0])
    )
    return _open_ended(oldest - timedelta(days=_days_before(events, target)), days[1], target, daily)


def days_judged(
    project: Project,
    context: dg.AssetCheckExecutionContext,
    events: EventTable,
    target: Target,
    daily: dg.TimeWindowPartitionsDefinition,
) -> "EventDays":
    """Those that are taken; of a run that an arrival asked for its own: days before them have runs when they change."""
    days = days_of_run(context)
    if days is None or LOOK not in context.run.tags:
        return days_taken(project, context, events, target, daily)
    return _open_ended(*days, target, daily)


def _open_ended(first: date, last: date, target: Target, daily: dg.TimeWindowPartitionsDefinition) -> "EventDays":
    from mlops_core.ingestion.days import EventDays

    newest = last_partition(daily)
    return EventDays(first if first > target.first_day else None, last if last < newest else None)


def _undecided_since(
    project: Project, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, label: Label, first: date
) -> date:
    """The newest day of labels before `first`: what that could not decide a run of `first` may, after days without."""
    from mlops_core.ingestion.labelled import newest_known

    if label.absent is None:
        return first
    labels = resources_of(project, context).tables.read(label.table.name)
    return newest_known(label, labels, first) or first
