"""The checks of events: whether their source is fit to be used, and the table what it should be."""

import dagster as dg

from mlops_core.config import Target
from mlops_core.defs.ingestion import days_taken
from mlops_core.defs.names import key_of, keys_of, needed, resources_of
from mlops_core.project import EventTable, Project, StaticTable


def ingestion_checks(
    project: Project, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetChecksDefinition]:
    return [
        check
        for events in project.event_tables
        for check in (
            _few_are_rejected(project, events, target, daily),
            _each_is_accepted_once(project, events, target, daily),
            _are_within_partitions(project, events, target, may_be_older=_is_static(project, events)),
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

        read, taken = resources_of(project, context).tables.read, days_taken(context, target, daily).within
        found = rejections(events, *(read(name).where(taken) for name in (events.name, events.rejected_name)))
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

        taken = days_taken(context, target, daily).within
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


def _is_static(project: Project, events: EventTable) -> bool:
    """Whether static tables alone are made of the events: what was known before the first partition is in it."""
    made = [table for table in project.feature_tables if table.events.name == events.name]
    return events.name != project.events.name and all(isinstance(table, StaticTable) for table in made)


def _are_within_partitions(
    project: Project, events: EventTable, target: Target, *, may_be_older: bool
) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key_of(project, events.name),
        name=f"{events.nouns}_are_within_partitions",
        required_resource_keys=needed(project, "step_launcher", "tables"),
        description=f"Every {events.noun}'s day is a partition of the target, so that its features and predictions are "
        "built.",
    )
    def are_within_partitions(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.training.split import day_range

        first, last = day_range(resources_of(project, context).tables.read(events.name))
        end = target.last_day or events.clock().date()  # today's are built tomorrow
        return dg.AssetCheckResult(
            passed=first is not None
            and last is not None
            and (may_be_older or target.first_day <= first)
            and last <= end,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{events.nouns.capitalize()} are of {first} to {last}, partitions of {target.first_day} to "
            f"{end}: first_day and last_day in databricks.yml say which days are built.",
            metadata={"first_day": str(first), "last_day": str(last)},
        )

    return are_within_partitions
