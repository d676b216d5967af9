"""What starts because of what happened: a violation retrains, a failure is told to people."""

from os import environ

import dagster as dg

from my_mlops_stacks.defs.jobs import Job
from my_mlops_stacks.target import Target

VIOLATION_CHECK = dg.AssetCheckKey(dg.AssetKey("predictions"), "metric_within_threshold")


def build_sensors(target: Target, jobs: dict[str, Job]) -> list[dg.SensorDefinition]:
    """The retraining sensor, and one that tells of failed runs where the target has a channel for it."""
    tell = {"none": lambda: [], "teams": lambda: [_teams_sensor()], "email": lambda: [_email_sensor()]}
    return [_retraining_sensor(target, jobs["model_training_job"]), *tell[target.alert_channel]()]


def _retraining_sensor(target: Target, training_job: Job) -> dg.SensorDefinition:
    running = target.schedules == "running"

    @dg.sensor(
        name="retraining_sensor",
        job=training_job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Retrains when the monitored metric of the predictions violates its threshold",
    )
    def retrain_on_violation(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Ask for one training per failed evaluation; it reads what the check wrote, and starts no cluster."""
        record = context.instance.get_latest_asset_check_evaluation_record(VIOLATION_CHECK)
        evaluation = record.evaluation if record else None
        if evaluation is None:
            return dg.SkipReason(f"{VIOLATION_CHECK.name} has not been evaluated yet")
        if evaluation.passed:
            return dg.SkipReason(f"No violation: {evaluation.description}")
        if context.cursor == record.run_id:
            return dg.SkipReason(f"Already asked to retrain for: {evaluation.description}")
        tags = {"retraining/reason": str(evaluation.description), "retraining/monitoring_run_id": record.run_id}
        request = dg.RunRequest(run_key=record.run_id, tags=tags)
        return dg.SensorResult([request], cursor=record.run_id)

    return retrain_on_violation


def _teams_sensor() -> dg.SensorDefinition:
    """Posts to the webhook in ALERT_TEAMS_WEBHOOK_URL, which is a secret: it lets anyone post."""
    from dagster_msteams import make_teams_on_run_failure_sensor

    return make_teams_on_run_failure_sensor(
        hook_url=_required("ALERT_TEAMS_WEBHOOK_URL", "teams"),
        name="run_failure_sensor",
        webserver_base_url=environ.get("DAGSTER_WEBSERVER_URL"),
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


def _email_sensor() -> dg.SensorDefinition:
    """Writes to ALERT_EMAIL_TO (several with commas) through ALERT_SMTP_HOST."""
    return dg.make_email_on_run_failure_sensor(
        email_from=_required("ALERT_EMAIL_FROM", "email"),
        email_password=_required("ALERT_EMAIL_PASSWORD", "email"),
        email_to=_required("ALERT_EMAIL_TO", "email").split(","),
        smtp_host=_required("ALERT_SMTP_HOST", "email"),
        name="run_failure_sensor",
        webserver_base_url=environ.get("DAGSTER_WEBSERVER_URL"),
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


def _required(variable: str, channel: str) -> str:
    value = environ.get(variable)
    if not value:
        raise ValueError(f"alert_channel is '{channel}' in databricks.yml: set the environment variable {variable}.")
    return value
