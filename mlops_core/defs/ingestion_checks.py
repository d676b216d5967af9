"""The checks of events: whether their source is fit to be used, and the table what it should be."""

import dagster as dg

from mlops_core.config import Target
from mlops_core.defs.ingestion import days_judged, days_taken, label_tables
from mlops_core.defs.names import key_of, keys_of, needed, resources_of
from mlops_core.project import EventTable, Project, StaticTable

NEWEST = "newest"
"""Metadata: the event time of the newest event, as ISO 8601 by the clock of the events; empty without any."""


def within_partitions(events: EventTable) -> str:
    """The name of the check that reads the newest event."""
    return f"{events.nouns}_are_within_partitions"


def ingestion_checks(
    project: Project, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetChecksDefinition]:
    return [
        check
        for events in project.event_tables
        for check in (
            _few_are_rejected(project, events, target, daily),
            _each_is_accepted_once(project, events, target, daily),
            _are_within_partitions(project, events, target),
            *_labels_meet_events(project, events, target, daily),
        )
    ]


def _few_are_rejected(
    project: Project, events: EventTable, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key_of(project, events.name),
        name=f"few_{events.nouns}_are_rejected",
        blocking=True,
        additional_deps=keys_of(project, events.rejected_name),
        required_resource_keys=needed(project, "step_launcher", "tables"),
        description=f"Few of the {events.nouns} that the run took were rejected: of all, for one reason, and of each "
        "day.",
    )
    def few_are_rejected(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.ingestion.quality import rejections

        read = resources_of(project, context).tables.read
        judged = days_judged(project, context, events, target, daily).within
        found = rejections(events, *(read(name).where(judged) for name in (events.name, events.rejected_name)))
        problems = found.problems()
        told = f"{'; '.join(problems)}: the table {events.rejected_name} has the reasons"
        return dg.AssetCheckResult(
            passed=not problems,
            description=told if problems else None,
            metadata={
                "accepted": sum(found.accepted.values()),
                "rejected": sum(found.rejected.values()),
                "rejected_by_reason": found.by_reason,
            },
        )

    return few_are_rejected


def _each_is_accepted_once(
    project: Project, events: EventTable, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key_of(project, events.name),
        name=f"each_{events.noun}_is_accepted_once",
        blocking=True,
        required_resource_keys=needed(project, "step_launcher", "tables"),
        description=f"No two accepted {events.nouns} of the days that the run took have the same identity.",
    )
    def each_is_accepted_once(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.ingestion.quality import repeated

        taken = days_taken(project, context, events, target, daily).within
        surplus = repeated(events, resources_of(project, context).tables.read(events.name).where(taken))
        return dg.AssetCheckResult(
            passed=not surplus,
            description=f"{surplus} {events.nouns} are in the table more than once, as if two runs had made it at "
            f"once: run {project.named('feature_engineering_job')} again for these days"
            if surplus
            else None,
            metadata={"repeated": surplus},
        )

    return each_is_accepted_once


def _may_be_older(project: Project, events: EventTable) -> bool:
    """Whether only static tables or labels are made of the events: what was known before is in the first partition."""
    made = [table for table in project.feature_tables if events.name in {each.name for each in table.sources}]
    return events.name != project.events.name and all(isinstance(table, StaticTable) for table in made)


def _tells_labels(project: Project, events: EventTable) -> bool:
    """Whether the events tell the label of others: they may be known after the last partition."""
    return any(events.name in label_tables(each) for each in project.event_tables)


def _are_within_partitions(project: Project, events: EventTable, target: Target) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key_of(project, events.name),
        name=within_partitions(events),
        required_resource_keys=needed(project, "step_launcher", "tables"),
        description=f"Every {events.noun}'s day is a partition of the target, so that its features and predictions are "
        "built.",
    )
    def are_within_partitions(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.ingestion.quality import extent

        first, last, newest = extent(events, resources_of(project, context).tables.read(events.name))
        today = events.clock().date()  # today's are built tomorrow
        end = today if _tells_labels(project, events) else target.last_day or today
        may_be_older = _may_be_older(project, events)
        return dg.AssetCheckResult(
            passed=first is not None
            and last is not None
            and (may_be_older or target.first_day <= first)
            and last <= end,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{events.nouns.capitalize()} are of {first} to {last}, partitions of {target.first_day} to "
            f"{end}: first_day and last_day in databricks.yml say which days are built.",
            metadata={
                "first_day": str(first),
                "last_day": str(last),
                NEWEST: newest.isoformat() if newest else "",
            },
        )

    return are_within_partitions


def _labels_meet_events(
    project: Project, events: EventTable, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetChecksDefinition]:
    """Of events whose label is in another table."""
    label = events.label_source
    if label is None:
        return []

    @dg.asset_check(
        asset=key_of(project, events.name),
        name=f"{label.table.nouns}_meet_{events.nouns}",
        additional_deps=keys_of(project, label.table.name),
        required_resource_keys=needed(project, "step_launcher", "tables"),
        description=f"The {label.table.nouns} that the run took are each of one of the {events.nouns}, after it and "
        f"within {label.within}.",
    )
    def labels_meet_events(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.ingestion.label_quality import meetings

        read = resources_of(project, context).tables.read
        own, theirs = (days_taken(project, context, each, target, daily).within for each in (events, label.table))
        found = meetings(events, label, read(events.name).where(own), read(label.table.name).where(theirs))
        return dg.AssetCheckResult(
            passed=not found.problem,
            severity=dg.AssetCheckSeverity.WARN,
            description=found.problem or None,
            metadata={**found.labels, f"contradicted_{events.nouns}": found.contradicted},
        )

    return [labels_meet_events]
