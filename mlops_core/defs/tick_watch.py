"""Watching schedules and sensors: a failed tick is not a failed run, and what it would have started never runs."""

import json
from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from mlops_core.adapters.alerts import FAILING_TICK, Alert, AlertError
from mlops_core.config import Target
from mlops_core.defs.alerts import LONGEST_TEXT, build_alerts, page_of
from mlops_core.defs.mutes import tell
from mlops_core.defs.records import Streak, failing_ticks
from mlops_core.outside_json import cursor_of_kind
from mlops_core.project import Project

NAME = "tick_failure_sensor"
FAILURES_OF_A_SENSOR = 3
"""Consecutive failures before a sensor is reported: its next tick may succeed. A schedule loses its day at once."""


def tick_sensors(project: Project, target: Target, starting: Container[str] = ()) -> list[dg.SensorDefinition]:
    """One sensor, which runs where schedules do, and wherever there is an alert channel.

    With a prefix it watches `starting`, the project's schedules and sensors; else all of the code location.
    """
    running = target.schedules == "running" or target.alert_channel != "none"
    alerts, own = build_alerts(target), project.named(NAME)

    @dg.sensor(
        name=own,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description=f"Tells, once, of a schedule whose tick failed and of a sensor that failed {FAILURES_OF_A_SENSOR} "
        f"times in a row (alert_channel: {target.alert_channel})",
    )
    def tell_of_failing_ticks(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        location = context.code_location_origin.location_name if context.code_location_origin else None
        failing = [streak for streak in failing_ticks(context.instance, location) if streak.name != own]
        told = _still_told(cursor_of_kind(dict[str, float], context.cursor or "{}"), failing)
        named = [each for each in _named(context, failing) if not project.prefix or each.name in starting]
        for streak in (streak for streak in named if streak.name not in told):
            try:
                mute = tell(project, context, alerts, _alert(streak, target, location))
            except AlertError as error:
                context.log.error(str(error))
                continue
            if mute is None:  # else it is reported after the mute, if it still fails then
                told[streak.name] = streak.newest
        said = "; ".join(_sentence(streak) for streak in named) or "No schedule and no sensor fails"
        return dg.SensorResult(skip_reason=said[:LONGEST_TEXT], cursor=json.dumps(told))

    return [tell_of_failing_ticks]


def _still_told(told: Mapping[str, float], failing: list[Streak]) -> dict[str, float]:
    """Name and time of what was reported, without what has succeeded since."""
    since = {streak.name: streak.last_good or 0.0 for streak in failing}
    return {name: moment for name, moment in told.items() if name in since and since[name] < moment}


def _named(context: dg.SensorEvaluationContext, failing: list[Streak]) -> list[Streak]:
    """Those that are switched on, that the code still has, and that failed often enough."""
    here = set(_names(context.repository_def)) if context.repository_def else {streak.name for streak in failing}
    return [
        streak
        for streak in failing
        if streak.is_running
        and streak.name in here
        and streak.failures >= (1 if streak.is_schedule else FAILURES_OF_A_SENSOR)
    ]


def _names(repository: dg.RepositoryDefinition) -> Iterator[str]:
    yield from (schedule.name for schedule in repository.schedule_defs)
    yield from (sensor.name for sensor in repository.sensor_defs)


def _sentence(streak: Streak) -> str:
    good = f"since {_utc(streak.last_good)}" if streak.last_good else "and Dagster knows of no good tick"
    times = "The newest tick" if streak.failures == 1 else f"The last {streak.failures} ticks"
    return f"{times} of {streak.name} failed, {good}: {streak.error}"


def _alert(streak: Streak, target: Target, location: str | None) -> Alert:
    kind = "schedule" if streak.is_schedule else "sensor"
    lost = "No run was started: make up for its day" if streak.is_schedule else "It starts nothing meanwhile"
    return Alert(
        key=f"{streak.name} {streak.newest}",
        title=f"{streak.name} fails on {target.name}",
        text=f"{_sentence(streak)[:LONGEST_TEXT]}\n\n{lost}. What to do: docs/runbook.md, 'A schedule did not run'.",
        links=page_of(kind, streak.name, location),
        kind=FAILING_TICK,
        about=(streak.name,),
    )


def _utc(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
