"""Which channel a target's alerts go to, and the sensor that tells of failed runs."""

from os import environ

import dagster as dg

from my_mlops_stacks.adapters.alerts import SMTP_OVER_TLS, Alert, Alerts, EmailAlerts, NoAlerts, TeamsAlerts
from my_mlops_stacks.target import Target

WILL_RETRY = "dagster/will_retry"


def build_alerts(target: Target) -> Alerts:
    """The channel that `alert_channel` names.

    Raises:
        ValueError: the environment lacks what the channel needs.
    """
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
    """One sensor where the target has a channel, else none."""
    if target.alert_channel == "none":
        return []

    @dg.run_failure_sensor(
        name="run_failure_sensor",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells of each failed run through {target.alert_channel}",
    )
    def tell_of_failure(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        if run.tags.get(WILL_RETRY) == "true":
            return  # the retry that fails last is told
        alerts.send(
            Alert(
                key=run.run_id,
                title=f"{run.job_name} failed on {target.name}",
                text=context.failure_event.message or "The run's log says why.",
                links=links(run_id=run.run_id),
            )
        )

    return [tell_of_failure]


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
