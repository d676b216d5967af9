"""Whether the rows of a source are as new as `max_age_hours` says: a check of its asset.

Dagster's freshness policies count materializations, and nothing materializes a source. So what was read last counts: by
a look at the source, or by a run of `feature_engineering_job`. No cluster starts, and no row is read for it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.adapters.sources.errors import SourceNotWatchableError, SourceUnansweredError
from mlops_core.adapters.sources.watched import Watched
from mlops_core.config import Target
from mlops_core.defs.arrival_looks import looks_at
from mlops_core.defs.ingestion_checks import NEWEST, within_partitions
from mlops_core.defs.names import check_of, key_of, needed, resources_of
from mlops_core.defs.records import newest_evaluated
from mlops_core.ingestion.freshness import Reading, utc, verdict
from mlops_core.project import EventTable, Project

READ_AT, MAX_AGE = "read_at", "max_age_hours"


@dataclass(frozen=True)
class Freshness:
    """What the instance knows of a source, and how old that may be."""

    project: Project
    target: Target
    events: EventTable
    instance: dg.DagsterInstance

    @property
    def check(self) -> dg.AssetCheckKey:
        return check_of(self.project, self.events.raw_name, _check_name(self.events))

    @property
    def hours(self) -> float:
        return self.target.feature_engineering_workflow.max_age_hours[self.events.name]

    def reading(self) -> Reading | None:
        """That of the newest look, or of a run that took events in later; None before the first.

        Where arrivals start the days, runs take in the days that changed: they may not have seen the newest.
        """
        look = next(looks_at(self.project, self.instance, self.events), None)
        if look and self.target.start == "arrival":
            return Reading(look.newest, look.moment)
        found = [Reading(look.newest, look.moment)] if look else []
        run = newest_evaluated(self.instance, check_of(self.project, self.events.name, within_partitions(self.events)))
        if run and NEWEST in run.evaluation.metadata:
            newest = recorded(run.evaluation.metadata, NEWEST, str)
            found.append(Reading(datetime.fromisoformat(newest) if newest else None, run.at))
        return max(found, key=lambda each: each.at, default=None)

    def evaluation(self, reading: Reading | None, watched: Watched) -> dict[str, Any]:
        """Of the check; of rows that are late it says also when the source was written."""
        passed, why = verdict(self.events, reading, self.hours, self.target.last_day, datetime.now(UTC))
        return {
            "passed": passed,
            "description": why if passed or reading is None else f"{why}. {_written(watched, reading)}",
            "severity": dg.AssetCheckSeverity.WARN,
            "metadata": {
                NEWEST: reading.newest.isoformat() if reading and reading.newest else "",
                READ_AT: utc(reading.at) if reading else "",
                MAX_AGE: f"{self.hours:g}",  # as text: Dagster draws numbers, and a constant says nothing
            },
        }

    def is_said(self, evaluation: dict[str, Any]) -> bool:
        """Whether the newest evaluation says the same of the same rows."""
        found = newest_evaluated(self.instance, self.check)
        if found is None:
            return False
        said = {name: recorded(found.evaluation.metadata, name, str) for name in (NEWEST, MAX_AGE)}
        return found.evaluation.passed == evaluation["passed"] and said.items() <= evaluation["metadata"].items()


def _check_name(events: EventTable) -> str:
    return f"{events.nouns}_are_fresh"


def _written(watched: Watched, reading: Reading) -> str:
    try:
        at = watched.state().at
    except (SourceNotWatchableError, SourceUnansweredError) as error:
        return str(error)
    if at is None:
        return f"Nothing says when the source was written; it was read at {utc(reading.at)}"
    moment = at.replace(tzinfo=UTC).timestamp()
    if moment > reading.at:
        return f"The source was written at {utc(moment)}, and nothing has read it since {utc(reading.at)}"
    return f"The source was last written at {utc(moment)}, and read after that: ask who delivers it"


def freshness_checks(project: Project, target: Target) -> list[dg.AssetChecksDefinition]:
    """One for each source whose age is limited; a person may evaluate it too."""
    return [_check(project, target, events) for events in limited_sources(project, target)]


def limited_sources(project: Project, target: Target) -> list[EventTable]:
    """The event tables whose source may only be so old."""
    limited = target.feature_engineering_workflow.max_age_hours
    return [events for events in project.event_tables if events.name in limited]


def _check(project: Project, target: Target, events: EventTable) -> dg.AssetChecksDefinition:
    hours = target.feature_engineering_workflow.max_age_hours[events.name]

    @dg.asset_check(
        asset=key_of(project, events.raw_name),
        name=_check_name(events),
        required_resource_keys=needed(project, "watched"),
        description=f"The newest of the {events.nouns} that were read is no more than {hours:g} hours old.",
    )
    def are_fresh(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        found = Freshness(project, target, events, context.instance)
        watched = resources_of(project, context).watched[events.name]
        return dg.AssetCheckResult(**found.evaluation(found.reading(), watched))

    return are_fresh
