"""Muting alerts: a job mutes a kind of alert, about one name or all, until a time.

A mute is a run of that job: its tags say what is muted, until when, by whom and why, and sensors read them before they
send an alert. The newest mute of a kind and a name counts. Mutes expire by themselves; muted alerts are in the tick's
log.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_core.adapters.alerts import KINDS, Alert, Alerts
from mlops_core.config import Target
from mlops_core.defs.config import NOT_BLANK, BoundedConfig
from mlops_core.defs.decided_by import name_field, who_decides
from mlops_core.defs.names import op_of
from mlops_core.project import Project

JOB = "mute_alerts_job"
TAG = "alerts/"
ALL = "all"
LONGEST = timedelta(days=31)
"""Maximum duration; longer mutes are forgotten."""
READ = 200
"""How many of the newest mutes are read."""

Kind = Enum("Kind", {name: name for name in (*KINDS, ALL)})  # type: ignore[misc]


@dataclass(frozen=True)
class Mute:
    """What the tags of a run say; `until` is ISO 8601 in UTC."""

    kind: str
    name: str
    until: str
    muted_by: str
    reason: str

    def covers(self, alert: Alert) -> bool:
        return self.kind in (ALL, alert.kind) and (self.name == ALL or self.name in alert.about)

    def holds(self, now: datetime) -> bool:
        return datetime.fromisoformat(self.until) > now

    def __str__(self) -> str:
        until = f"{datetime.fromisoformat(self.until):%Y-%m-%d %H:%M} UTC"
        return f"{self.kind} alerts about {self.name} are muted until {until} by {self.muted_by}: {self.reason}"


def mute_alerts_job(project: Project, target: Target, definitions: dg.Definitions) -> dg.JobDefinition:
    """The job, which takes the names of what these definitions have."""

    class MuteConfig(BoundedConfig):
        kind: Kind = Field(description=f"Which alerts: {', '.join(KINDS)}, or {ALL}")
        name: str = Field(ALL, pattern=NOT_BLANK, description="Asset, check, job, schedule or sensor they are about")
        until: str = Field(description="When they are told again, as YYYY-MM-DD HH:MM in UTC; 'now' ends a mute")
        muted_by: str = name_field(target)
        reason: str = Field(pattern=NOT_BLANK, description="Why nobody needs to hear of it")

    @dg.op(
        name=op_of(project, "mute_alerts"),
        out=dg.Out(dg.Nothing),
        description="Say on the run what is muted, until when, by whom and why",
    )
    def mute_alerts(context: dg.OpExecutionContext, config: MuteConfig) -> Iterator[Any]:
        muted_by = who_decides(context.run, config.muted_by, target)
        assets, known = _names(definitions)
        if config.name not in known:
            known_names = ", ".join(sorted(known))
            raise dg.Failure(f"name is '{config.name}', which no alert is about; names are {known_names}.")
        until = _until(config.until, datetime.now(UTC)).isoformat()
        mute = Mute(config.kind.value, config.name, until, muted_by, config.reason)
        context.instance.add_run_tags(context.run_id, {f"{TAG}{key}": value for key, value in asdict(mute).items()})
        context.log.info(str(mute))
        if config.name in assets:
            yield dg.AssetObservation(
                dg.AssetKey.from_user_string(config.name), description=str(mute), metadata=asdict(mute)
            )
        yield dg.Output(None)

    @dg.job(
        name=project.named(JOB),
        executor_def=dg.in_process_executor,
        description="Keep a kind of alert from people until a time: about one asset, job or sensor, or all",
    )
    def job() -> None:
        mute_alerts()

    return job


def _names(definitions: dg.Definitions) -> tuple[set[str], set[str]]:
    """The names of the assets, and those of everything that alerts may be about, with `ALL`."""
    graph = definitions.resolve_asset_graph()
    assets = {key.to_user_string() for key in graph.get_all_asset_keys()}
    checks = {key.name for key in graph.asset_check_keys}
    started = (definitions.jobs, definitions.schedules, definitions.sensors)
    return assets, {ALL, *assets, *checks, *(each.name for kind in started for each in kind or ())}


def _until(text: str, now: datetime) -> datetime:
    """The moment, in UTC unless it has an offset.

    Raises:
        dg.Failure: it is none, has passed, or is too far away.
    """
    if text.strip() == "now":
        return now
    try:
        until = datetime.fromisoformat(text.strip())
    except ValueError:
        raise dg.Failure(f"until is '{text}': write a time as YYYY-MM-DD HH:MM in UTC, or now.") from None
    until = until.astimezone(UTC) if until.tzinfo else until.replace(tzinfo=UTC)
    if not now < until <= now + LONGEST:
        raise dg.Failure(
            f"until is '{text}', but it should be between now, {now:%Y-%m-%d %H:%M} UTC, and {LONGEST.days} days "
            "later; write now to end a mute."
        )
    return until


def tell(project: Project, context: dg.SensorEvaluationContext, alerts: Alerts, alert: Alert) -> Mute | None:
    """Send it, unless it is muted: then it is logged, and the mute is returned.

    Raises:
        AlertError: the channel did not accept it.
    """
    mute = next((mute for mute in _in_force(project, context) if mute.covers(alert)), None)
    if mute is None:
        alerts.send(alert)
    else:
        context.log.info(f"Not told: {alert.title}. {alert.text} ({mute})")
    return mute


def _in_force(project: Project, context: dg.SensorEvaluationContext) -> list[Mute]:
    written = dg.RunsFilter(job_name=project.named(JOB), statuses=[dg.DagsterRunStatus.SUCCESS])
    newest: dict[tuple[str, str], Mute] = {}
    for run in context.instance.get_runs(written, limit=READ):
        if run.remote_job_origin is None or is_of_location(run, context):  # `dg launch` says no location
            mute = Mute(**{name: run.tags[f"{TAG}{name}"] for name in Mute.__dataclass_fields__})
            newest.setdefault((mute.kind, mute.name), mute)
    return [mute for mute in newest.values() if mute.holds(datetime.now(UTC))]


def is_of_location(run: dg.DagsterRun, context: dg.SensorEvaluationContext) -> bool:
    """Whether the run is one of the sensor's own code location."""
    origin, here = run.remote_job_origin, context.code_location_origin
    return (origin and origin.location_name) == (here and here.location_name)
