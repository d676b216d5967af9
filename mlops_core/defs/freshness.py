"""Whether the rows of a source are as new as `max_age_hours` says: a check of its asset, which a sensor evaluates.

Dagster's freshness policies count materializations, and nothing materializes a source. So what was read last counts: by
a look at the source, or by a run of `feature_engineering_job`. No cluster starts, and no row is read for it.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from mlops_core.adapters.alerts import LATE_SOURCE, Alert, AlertError, Alerts
from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.adapters.sources.errors import SourceNotWatchableError, SourceUnansweredError
from mlops_core.adapters.sources.watched import Watched
from mlops_core.config import Target
from mlops_core.defs.alerts import build_alerts, links
from mlops_core.defs.arrival_looks import looks_at
from mlops_core.defs.ingestion_checks import NEWEST, within_partitions
from mlops_core.defs.mutes import tell
from mlops_core.defs.names import check_of, key_of, needed, resources_of, titled
from mlops_core.defs.records import newest_evaluated
from mlops_core.ingestion.freshness import Reading, utc, verdict
from mlops_core.outside_json import cursor_of_kind
from mlops_core.project import EventTable, Project

NAME = "freshness_sensor"
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
        return (
            found is not None
            and all(
                recorded(found.evaluation.metadata, name, str) == evaluation["metadata"][name]
                for name in (NEWEST, MAX_AGE)
            )
            and found.evaluation.passed == evaluation["passed"]
        )


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
    return [_check(project, target, events) for events in _limited(project, target)]


def _limited(project: Project, target: Target) -> list[EventTable]:
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


def freshness_sensors(project: Project, target: Target) -> list[dg.SensorDefinition]:
    """One where the age of a source is limited, which runs where schedules do, whatever starts the days."""
    limited, running, alerts = _limited(project, target), target.schedules == "running", build_alerts(target)
    if not limited:
        return []

    @dg.sensor(
        name=project.named(NAME),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        required_resource_keys=needed(project, "watched"),
        description="Says on the asset of a source whether its newest rows are as new as max_age_hours says, and tells "
        f"of late ones, once (alert_channel: {target.alert_channel})",
    )
    def watch_freshness(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        told = set(cursor_of_kind(list[str], context.cursor or "[]"))
        said, changed = list[str](), list[dg.AssetCheckEvaluation]()
        for events in limited:
            found = Freshness(project, target, events, context.instance)
            reading = found.reading()
            evaluation = found.evaluation(reading, resources_of(project, context).watched[events.name])
            said.append(evaluation["description"])
            if reading and not found.is_said(evaluation):
                key = found.check
                changed.append(dg.AssetCheckEvaluation(asset_key=key.asset_key, check_name=key.name, **evaluation))
            if evaluation["passed"]:
                told.discard(events.name)
            elif reading and events.name not in told and _tell(found, context, alerts, evaluation):
                told.add(events.name)
        return dg.SensorResult(skip_reason=". ".join(said), cursor=json.dumps(sorted(told)), asset_events=changed)

    return [watch_freshness]


def _tell(found: Freshness, context: dg.SensorEvaluationContext, alerts: Alerts, evaluation: dict[str, Any]) -> bool:
    """Whether people were told: what the channel did not accept, or a mute held back, is told with a later tick."""
    nouns, key = found.events.nouns, found.check
    alert = Alert(
        key=f"{key.name} {evaluation['metadata'][NEWEST]}",
        title=titled(found.project, f"No new {nouns} on {found.target.name}"),
        text=f"{evaluation['description']}.\n\nWhat to do: docs/runbook.md, 'A source is late'.",
        links=links("", key),
        kind=LATE_SOURCE,
        about=(key.name, key.asset_key.to_user_string()),
    )
    try:
        return tell(found.project, context, alerts, alert) is None
    except AlertError as error:
        context.log.error(str(error))
        return False
