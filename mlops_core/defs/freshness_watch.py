"""The sensor that evaluates whether sources are fresh, and tells people once of one that is not."""

import json
from typing import Any

import dagster as dg

from mlops_core.adapters.alerts import LATE_SOURCE, Alert, AlertError, Alerts
from mlops_core.config import Target
from mlops_core.defs.alerts import build_alerts, links
from mlops_core.defs.freshness import Freshness, limited_sources
from mlops_core.defs.ingestion_checks import NEWEST
from mlops_core.defs.mutes import tell
from mlops_core.defs.names import needed, resources_of, titled
from mlops_core.outside_json import cursor_of_kind
from mlops_core.project import Project

NAME = "freshness_sensor"


def freshness_sensors(project: Project, target: Target) -> list[dg.SensorDefinition]:
    """One where the age of a source is limited, which runs where schedules do, whatever starts the days."""
    limited, running, alerts = limited_sources(project, target), target.schedules == "running", build_alerts(target)
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
