"""A target's alert channel, and the sensor that reports failed runs."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from os import environ
from typing import Final

import dagster as dg

from mlops_core.adapters.alerts import (
    RUN_FAILURE,
    SMTP_OVER_TLS,
    Alert,
    AlertError,
    Alerts,
    EmailAlerts,
    NoAlerts,
    TeamsAlerts,
)
from mlops_core.config import Target, link
from mlops_core.defs.mutes import is_of_location, tell
from mlops_core.defs.names import is_own
from mlops_core.defs.refusals import refused_request
from mlops_core.outside_json import UnreadableCursorError
from mlops_core.project import Project

CHANNELS = {
    "teams": ("ALERT_TEAMS_WEBHOOK_URL",),
    "email": ("ALERT_EMAIL_FROM", "ALERT_EMAIL_PASSWORD", "ALERT_EMAIL_TO", "ALERT_SMTP_HOST"),
}
"""Environment variables of each channel; every deployment passes all of them (docs/deployment.md)."""
WILL_RETRY = "dagster/will_retry"
FAILED: Final = dg.DagsterEventType.RUN_FAILURE
FAILURES_A_TICK = 10
LONGEST_TEXT = 4_000
"""Maximum length of a message: Teams accepts cards up to 28 KB, and a rejected one would block those after it."""


def build_alerts(target: Target) -> Alerts:
    """The channel that `alert_channel` names; none on a cluster: only sensors send alerts, and secrets stay here.

    Raises:
        ValueError: the environment lacks what the channel needs.
    """
    if "DATABRICKS_RUNTIME_VERSION" in environ:
        return NoAlerts()
    needed = [_required(variable, target.alert_channel) for variable in CHANNELS.get(target.alert_channel, ())]
    if target.alert_channel == "teams":
        return TeamsAlerts(*needed)
    if target.alert_channel == "email":
        sender, password, recipients, server = needed
        host, _, port = server.partition(":")
        return EmailAlerts(sender, password, tuple(recipients.split(",")), host, int(port or SMTP_OVER_TLS))
    return NoAlerts()


def failure_sensors(
    project: Project, target: Target, alerts: Alerts, jobs: Container[str] = ()
) -> list[dg.SensorDefinition]:
    """One sensor where the target has a channel, else none.

    With a prefix it tells of runs of `jobs` and of what makes assets of the project; else of all of the code location.
    Dagster's own run failure sensor goes on to the next run when its function raises; this one only once the
    channel has accepted the alert. Its cursor is the last failure in the event log that has been reported.
    """
    if target.alert_channel == "none":
        return []

    @dg.sensor(
        name=project.named("run_failure_sensor"),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells of each failed run through {target.alert_channel}",
    )
    def tell_of_failures(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if context.cursor is None:
            told = _newest_failure(context.instance)
            return dg.SensorResult(skip_reason="Runs that fail from now on are told", cursor=told.written())
        told, count, muted = Told.read(context.cursor), 0, 0
        for record in _failures(context.instance, told):
            alert = _alert_of(project, context, record.event_log_entry, target, jobs)
            try:
                mute = tell(project, context, alerts, alert) if alert else None
            except AlertError as error:
                context.log.error(str(error))
                return dg.SensorResult(skip_reason=f"Sent again with the next tick: {error}", cursor=told.written())
            told, muted = told.after(record), muted + (mute is not None)
            count += alert is not None and mute is None
        said = f"{count} failed runs were told" + (f", {muted} are muted" if muted else "")
        return dg.SensorResult(skip_reason=said, cursor=told.written())

    return [tell_of_failures]


@dataclass(frozen=True)
class Told:
    """The highest event log id and the latest time of the failures that were reported.

    Both, since SQLite reuses the ids of deleted runs, and the clocks of two hosts differ.
    """

    number: int = 0
    moment: float | None = None

    @classmethod
    def read(cls, cursor: str) -> "Told":
        number, _, moment = cursor.partition(" ")
        try:
            return cls(int(number), float(moment) if moment else None)  # earlier ones were the number alone
        except ValueError as error:
            raise UnreadableCursorError(error) from None

    def written(self) -> str:
        return f"{self.number} {'' if self.moment is None else self.moment}"

    def after(self, record: dg.EventLogRecord) -> "Told":
        return Told(max(record.storage_id, self.number), max(record.timestamp, self.moment or 0.0))


def _newest_failure(instance: dg.DagsterInstance) -> Told:
    newest = instance.fetch_run_status_changes(FAILED, limit=1).records
    return Told().after(newest[0]) if newest else Told()


def _failures(instance: dg.DagsterInstance, told: Told) -> Sequence[dg.EventLogRecord]:
    """The failures not yet reported, oldest first: those with reused ids, else the later ones."""
    number = told.number
    again = dg.RunStatusChangeRecordsFilter(FAILED, after_timestamp=told.moment, before_storage_id=number + 1)
    later = dg.RunStatusChangeRecordsFilter(FAILED, after_storage_id=number)
    fetch = instance.fetch_run_status_changes
    records = fetch(again, limit=FAILURES_A_TICK, ascending=True).records if told.moment else ()
    return records or fetch(later, limit=FAILURES_A_TICK, ascending=True).records


def _alert_of(
    project: Project,
    context: dg.SensorEvaluationContext,
    entry: dg.EventLogEntry,
    target: Target,
    jobs: Container[str],
) -> Alert | None:
    """The alert of a failure; none for runs of other projects, and deleted or retried runs."""
    run = context.instance.get_run_by_id(entry.run_id)
    if run is None or run.tags.get(WILL_RETRY) == "true":
        return None  # the last failing retry is reported
    if not (is_of_location(run, context) and is_own(project, run, jobs)):
        return None
    refused = refused_request(context.instance, run.run_id)
    text = refused or (entry.dagster_event.message if entry.dagster_event else None)
    return Alert(
        key=run.run_id,
        title=f"{run.job_name} {'was refused' if refused else 'failed'} on {target.name}",
        text=(text or "The run's log says why.")[:LONGEST_TEXT],
        links=links(run_id=run.run_id),
        kind=RUN_FAILURE,
        about=(run.job_name, *_failed_assets(context.instance, run.run_id)),
        is_urgent=refused is None,
    )


def _failed_assets(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """The assets of the failed step; none when several steps failed, since a mute of one should not hide the others."""
    failed = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    planned = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    if len(failed) != 1:
        return []
    events = [entry.dagster_event for entry in planned if entry.dagster_event]
    own = [event.asset_key for event in events if event.asset_key and event.step_key == failed[0].step_key]
    return [key.to_user_string() for key in own]


def links(run_id: str, check: dg.AssetCheckKey | None = None) -> dict[str, str]:
    """Pages of the Dagster UI whose address is in DAGSTER_WEBSERVER_URL; none without it, or of an empty `run_id`."""
    pages = {"The run": f"runs/{run_id}"} if run_id else {}
    if check is not None:
        asset = "/".join(check.asset_key.path)
        pages["The check"] = f"assets/{asset}?view=checks&checkDetail={check.name}"
    return _addresses(pages)


def page_of(kind: str, name: str, location: str | None) -> dict[str, str]:
    """As `links`, the page of a `schedule` or `sensor` of a code location; the list of all when that is not known."""
    return _addresses({f"The {kind}": f"locations/{location}/{kind}s/{name}" if location else "automation"})


def _addresses(pages: Mapping[str, str]) -> dict[str, str]:
    server = environ.get("DAGSTER_WEBSERVER_URL", "").strip()
    return {name: link(server, page) for name, page in pages.items()} if server else {}


def _required(variable: str, channel: str) -> str:
    value = environ.get(variable)
    if not value:
        raise ValueError(f"alert_channel is '{channel}' in databricks.yml: set the environment variable {variable}.")
    return value
