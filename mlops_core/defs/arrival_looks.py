"""Looking at sources: the job that finds on which days their rows changed, and what it has said of them.

A look is an observation of the source's asset: its version, the changed days and why, and what these hold. What all
days held before is in the config of its run, so that it is stored once: the next look compares with both together.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.adapters.step_launcher.step_scope import REPORTS_KEY
from mlops_core.config import Target
from mlops_core.defs.config import BoundedConfig
from mlops_core.defs.ingestion import AS_CONFIGURED
from mlops_core.defs.jobs import cluster_tag
from mlops_core.defs.names import key_of, needed, op_of, resources_of
from mlops_core.defs.refusals import Refused
from mlops_core.ingestion.arrivals import DaySummaries, SourceState
from mlops_core.ingestion.changed_days import ChangedDays
from mlops_core.ingestion.day_ranges import ranges_of
from mlops_core.outside_json import NotOfThisKindError, of_kind
from mlops_core.project import EventTable, Project

JOB, OP = "arrivals_job", "look_for_arrivals"
RECORD = "look"
DATA_VERSION, LAST_UPDATED = "dagster/data_version", "dagster/last_updated_timestamp"
"""What Dagster itself shows of a version: a tag, and metadata."""
READ, PAGE = 50, 5
"""How many of the newest looks at a source are read at most, and how many at once: mostly the newest is enough."""

ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


class LookConfig(BoundedConfig):
    """From where a look goes on; by hand nothing: then the source is compared with what the pipeline took of it."""

    sources: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="Event table -> its version and state when the sensor saw it, and what its days held before; "
        "default: all, compared with what was taken in",
    )


@dataclass(frozen=True)
class Seen:
    """A look at the source of the events `events`, in the run `run_id`.

    `state` is the version that was looked at, None where a person looked; `summaries` is what the changed days hold, as
    text, or where it `is_whole` what all do. `newest` is the time of the newest row, by the clock of the events.
    """

    events: str
    run_id: str
    moment: float
    state: SourceState | None
    changed: ChangedDays
    summaries: str
    is_whole: bool
    newest: datetime | None

    @property
    def reason(self) -> str:
        """What changed, for people."""
        return reason_of(self.changed)

    @classmethod
    def read(cls, events: EventTable, record: dg.EventLogRecord) -> "Seen | None":
        """None for an observation that is no look."""
        observation = record.event_log_entry.asset_observation
        stored = recorded(observation.metadata, RECORD, dict) if observation else None
        if stored is None:
            return None
        state = SourceState.from_json(stored["state"]) if stored["state"] else None
        changed, text = ChangedDays.from_json(stored["changed"]), stored["summaries"]
        whole, newest = stored.get("whole", True), _newest(events, stored, record.timestamp)
        return cls(events.name, record.run_id, record.timestamp, state, changed, text, whole, newest)


def reason_of(changed: ChangedDays) -> str:
    return f"{changed.why} ({_listed(changed)})" if changed.days else "no day has changed"


def _listed(changed: ChangedDays) -> str:
    return ", ".join(map(str, ranges_of(changed.days))) or "none"


def _newest(events: EventTable, stored: Mapping[str, Any], moment: float) -> datetime | None:
    """The time of the newest row; of a look by an earlier release by what it says of all days."""
    if "newest" not in stored:
        now = datetime.fromtimestamp(moment, ZoneInfo(events.time_zone)).replace(tzinfo=None)
        return DaySummaries.from_text(stored["summaries"]).newest_by(now)
    return datetime.fromisoformat(stored["newest"]) if stored["newest"] else None


def looks_at(project: Project, instance: dg.DagsterInstance, events: EventTable) -> Iterator[Seen]:
    """The newest looks, the newest first; none of a run that is under way, which may see other sources yet."""
    statuses = [status for status in dg.DagsterRunStatus if status not in ENDED]
    going_on = instance.get_runs(dg.RunsFilter(job_name=project.named(JOB), statuses=statuses))
    left_out = {run.run_id for run in going_on}
    cursor = None
    for _ in range(0, READ, PAGE):
        page = instance.fetch_observations(key_of(project, events.raw_name), limit=PAGE, cursor=cursor)
        yield from (seen for each in page.records if each.run_id not in left_out and (seen := Seen.read(events, each)))
        if not page.has_more:
            return
        cursor = page.cursor


def arrivals_job(project: Project, target: Target, resources: Mapping[str, dg.ResourceDefinition]) -> dg.JobDefinition:
    """The job of one step, where the target computes, for all its sources.

    It brings its `resources`: Dagster would copy the sensor that starts it to add them, and warn of that as beta.
    """
    keys = [key_of(project, events.raw_name).to_user_string() for events in project.event_tables]

    @dg.op(
        name=op_of(project, OP),
        out=dg.Out(dg.Nothing),
        required_resource_keys=needed(project, "step_launcher", "sources", "tables"),
        tags={REPORTS_KEY: keys},
        description="Find the days on which the rows of a source differ from those of the look before",
    )
    def look_for_arrivals(context: dg.OpExecutionContext, config: LookConfig) -> Iterator[Any]:
        for events in project.event_tables:
            if not config.sources or events.name in config.sources:
                yield _looked(project, target, context, events, config.sources.get(events.name, {}))
        yield dg.Output(None)

    @dg.job(
        name=project.named(JOB),
        resource_defs=resources,
        executor_def=dg.in_process_executor,
        tags=cluster_tag(project, target),
        description="Look at the sources, and say on which days their rows have changed",
    )
    def job() -> None:
        look_for_arrivals()

    return job


def look_request(
    project: Project,
    instance: dg.DagsterInstance,
    states: Mapping[str, SourceState],
    before: Mapping[str, Seen],
    key: str,
) -> dg.RunRequest:
    """A look at the sources of these states, which goes on from the looks `before`."""
    sources = {
        name: {
            "state": json.dumps(state.to_json()),
            **(_from(project, instance, before[name]) if name in before else {}),
        }
        for name, state in states.items()
    }
    versions = ", ".join(f"{name} {state.version}" for name, state in states.items())
    return dg.RunRequest(
        run_key=key,
        job_name=project.named(JOB),
        run_config={"ops": {op_of(project, OP): {"config": {"sources": sources}}}},
        tags={"arrival/version": versions},
    )


def _looked(
    project: Project, target: Target, context: dg.OpExecutionContext, events: EventTable, asked: Mapping[str, str]
) -> dg.AssetObservation:
    from mlops_core.adapters.sources.watched import look

    resources = resources_of(project, context)
    source = resources.sources[events.name].choose(**AS_CONFIGURED)
    try:
        before = DaySummaries.from_text(asked["before"]) if "before" in asked else None
        state, since = _state(asked.get("state")), _state(asked.get("since"))
    except NotOfThisKindError as error:
        raise Refused(
            f"The run config of the source '{events.name}' is none of the sensor's ({error}): launch "
            f"{project.named(JOB)} without sources, and it is compared with what was taken of it."
        ) from None
    found = look(
        events,
        source,
        resources.tables,
        state=state,
        since=since,
        before=before,
        last_built=target.newest_day,
    )
    context.log.info(f"{events.raw_name}: {reason_of(found.changed)}")
    goes_on = before is not None and before.of == found.after.of
    return observation(project, events, state, found.changed, found.after, is_whole=not goes_on)


def observation(
    project: Project,
    events: EventTable,
    state: SourceState | None,
    changed: ChangedDays,
    after: DaySummaries,
    *,
    is_whole: bool = True,
) -> dg.AssetObservation:
    """What a look has found; unless it `is_whole`, the config of its run has what the other days hold."""
    newest = after.newest_by(events.clock())
    stored = {
        "state": state.to_json() if state else None,
        "changed": changed.to_json(),
        "summaries": (after if is_whole else after.of_days(changed.days)).to_text(),
        "whole": is_whole,
        "newest": newest.isoformat() if newest else None,
    }
    said: dict[str, Any] = {
        "changed_days": _listed(changed),
        "why": changed.why,
        "days": len(after.days),
        "rows": sum(day.rows for day in after.days.values()),
        "newest": str(newest or "none"),
        RECORD: dg.MetadataValue.json(stored),
    }
    if state:
        said = {"version": state.version} | said
    if state and state.at:
        said[LAST_UPDATED] = dg.MetadataValue.timestamp(state.at.replace(tzinfo=UTC))
    return dg.AssetObservation(
        key_of(project, events.raw_name),
        description=reason_of(changed),
        metadata=said,
        tags={DATA_VERSION: state.version} if state else None,
    )


def _from(project: Project, instance: dg.DagsterInstance, seen: Seen) -> dict[str, str]:
    """What a look goes on from: the version that was looked at, where a sensor saw one, and what the days held."""
    since = {"since": json.dumps(seen.state.to_json())} if seen.state else {}
    if seen.is_whole:
        return {"before": seen.summaries, **since}
    run = instance.get_run_by_id(seen.run_id)
    if run is None:  # deleted just now, and its look with it
        return {}
    config: Any = run.run_config
    asked = config["ops"][op_of(project, OP)]["config"]["sources"][seen.events]
    before, changed = (DaySummaries.from_text(text) for text in (asked["before"], seen.summaries))
    return {"before": before.updated(seen.changed.days, changed).to_text(), **since}


def _state(written: str | None) -> SourceState | None:
    return of_kind(SourceState, written) if written else None
