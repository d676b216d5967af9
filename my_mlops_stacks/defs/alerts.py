"""Which channel a target's alerts go to, and the sensor that tells of failed runs."""

from collections.abc import Sequence
from os import environ

import dagster as dg

from my_mlops_stacks.adapters.alerts import (
    SMTP_OVER_TLS,
    Alert,
    AlertError,
    Alerts,
    EmailAlerts,
    NoAlerts,
    TeamsAlerts,
)
from my_mlops_stacks.target import Target

WILL_RETRY = "dagster/will_retry"
FAILURES_A_TICK = 10
LONGEST_TEXT = 4_000
"""Characters of a message: Teams takes cards of 28 KB, and one that is refused for good would hold the others back."""


def build_alerts(target: Target) -> Alerts:
    """The channel that `alert_channel` names; on a cluster none, as only sensors tell, and secrets stay with the host.

    Raises:
        ValueError: the environment lacks what the channel needs.
    """
    if "DATABRICKS_RUNTIME_VERSION" in environ:
        return NoAlerts()
    if target.alert_channel == "teams":
        return TeamsAlerts(_required("ALERT_TEAMS_WEBHOOK_URL", "teams"))
    if target.alert_channel == "email":
        host, _, port = _required("ALERT_SMTP_HOST", "email").partition(":")
        return EmailAlerts(
            sender=_required("ALERT_EMAIL_FROM", "email"),
            password=_required("ALERT_EMAIL_PASSWORD", "email"),
            recipients=tuple(_required("ALERT_EMAIL_TO", "email").split(",")),
            host=host,
            port=int(port or SMTP_OVER_TLS),
        )
    return NoAlerts()


def failure_sensors(target: Target, alerts: Alerts) -> list[dg.SensorDefinition]:
    """One sensor where the target has a channel, else none.

    Dagster's own run failure sensor goes on to the next run when its function raises; this one does once the channel
    has taken the alert. Its cursor is the number of the last failure in the event log that nobody has to hear of again.
    """
    if target.alert_channel == "none":
        return []

    @dg.sensor(
        name="run_failure_sensor",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells of each failed run through {target.alert_channel}",
    )
    def tell_of_failures(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if context.cursor is None:
            newest = _failures(context.instance, None)
            told = str(newest[0].storage_id if newest else 0)
            return dg.SensorResult(skip_reason="Runs that fail from now on are told", cursor=told)
        told, count = context.cursor, 0
        for record in _failures(context.instance, int(told)):
            alert = _alert_of(context, record.event_log_entry, target)
            try:
                if alert:
                    alerts.send(alert)
            except AlertError as error:
                context.log.error(str(error))
                return dg.SensorResult(skip_reason=f"Sent again with the next tick: {error}", cursor=told)
            told, count = str(record.storage_id), count + (alert is not None)
        return dg.SensorResult(skip_reason=f"{count} failed runs were told", cursor=told)

    return [tell_of_failures]


def _failures(instance: dg.DagsterInstance, after: int | None) -> Sequence[dg.EventLogRecord]:
    """The failures after that number in the event log, the oldest first; the newest failure when it is None."""
    failed = dg.DagsterEventType.RUN_FAILURE
    if after is None:
        return instance.fetch_run_status_changes(failed, limit=1).records
    later = dg.RunStatusChangeRecordsFilter(failed, after_storage_id=after)
    return instance.fetch_run_status_changes(later, limit=FAILURES_A_TICK, ascending=True).records


def _alert_of(context: dg.SensorEvaluationContext, entry: dg.EventLogEntry, target: Target) -> Alert | None:
    """What to tell of a failure: nothing of another code location's run, of a deleted or of a retried one."""
    run = context.instance.get_run_by_id(entry.run_id)
    here = context.code_location_origin
    if run is None or run.tags.get(WILL_RETRY) == "true":
        return None  # the retry that fails last is told
    origin = run.remote_job_origin
    if (origin and origin.location_name) != (here and here.location_name):
        return None
    text = entry.dagster_event.message if entry.dagster_event else None
    return Alert(
        key=run.run_id,
        title=f"{run.job_name} failed on {target.name}",
        text=(text or "The run's log says why.")[:LONGEST_TEXT],
        links=links(run_id=run.run_id),
    )


def links(run_id: str, check: dg.AssetCheckKey | None = None) -> dict[str, str]:
    """Pages of the Dagster UI whose address is in DAGSTER_WEBSERVER_URL; none without it."""
    server = environ.get("DAGSTER_WEBSERVER_URL", "").rstrip("/")
    if not server:
        return {}
    pages = {"The run": f"{server}/runs/{run_id}"}
    if check is not None:
        asset = "/".join(check.asset_key.path)
        pages["The check"] = f"{server}/assets/{asset}?view=checks&checkDetail={check.name}"
    return pages


def _required(variable: str, channel: str) -> str:
    value = environ.get(variable)
    if not value:
        raise ValueError(f"alert_channel is '{channel}' in databricks.yml: set the environment variable {variable}.")
    return value
