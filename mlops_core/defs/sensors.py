"""Sensors: retraining and alerts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg

from mlops_core.adapters.alerts import MISSING_RUN, VIOLATION, Alert, AlertError, Alerts
from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.config import ModelTarget
from mlops_core.defs.alerts import build_alerts, links
from mlops_core.defs.hyperparameters import search_of_retraining
from mlops_core.defs.jobs import Job
from mlops_core.defs.judgements import METRIC, check_key
from mlops_core.defs.lost_requests import LostRequest, lost_request
from mlops_core.defs.mutes import tell
from mlops_core.defs.names import op_of, titled
from mlops_core.defs.records import newest_evaluated
from mlops_core.monitoring.retraining import FINE, GIVE_UP, RETRAIN, History, Judgement, RetrainingRule
from mlops_core.project import Project

LONGEST_TAG = 1_000
"""Maximum length of a tag's value: databases index the tags, PostgreSQL up to some 2,700 bytes."""


def build_sensors(project: Project, target: ModelTarget, jobs: dict[str, Job]) -> list[dg.SensorDefinition]:
    """The retraining sensor."""
    return [_retraining_sensor(project, target, jobs["model_training_job"], build_alerts(target))]


def _retraining_sensor(project: Project, target: ModelTarget, training_job: Job, alerts: Alerts) -> dg.SensorDefinition:
    workflow, running = target.monitoring_workflow, target.schedules == "running"
    recovery_days = max(workflow.cooldown_days, workflow.num_evaluation_windows)
    check = check_key(project, METRIC)
    rule = RetrainingRule(workflow.cooldown_days, workflow.max_retrainings, recovery_days)

    @dg.sensor(
        name=project.named("retraining_sensor"),
        job=training_job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Retrains when the monitored metric of the predictions violates its threshold",
    )
    def retrain_on_violation(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Request one training per violation; reads the check's evaluations only, and starts no cluster."""
        record = newest_evaluated(context.instance, check)
        if record is None:
            return dg.SkipReason(f"{check.name} has not been evaluated yet")
        evaluation = record.evaluation
        found = {name: value.value for name, value in evaluation.metadata.items()}
        judged = Judgement(record.identity, evaluation.passed, recorded(evaluation.metadata, "day", str))
        decision, history = rule.decide(judged, History.read(context.cursor))
        history = _told(project, context, history, alerts, evaluation, run_id=record.run_id)
        if decision == RETRAIN:
            attempt = f"{history.retrainings} of {rule.max_retrainings}"
            asked = {"training_days": workflow.retraining_days, **search_of_retraining(project, target)}
            request = dg.RunRequest(
                run_key=judged.evaluation,
                run_config={"ops": {op_of(project, project.model.name): {"config": asked}}},
                tags=_tags(record.run_id, evaluation, found, attempt),
            )
            return dg.SensorResult([request], cursor=history.written())
        if decision != FINE and (lost := lost_request(context.instance, training_job.name, history.asked)):
            return _lost(project, context, lost, history, alerts)
        return dg.SensorResult(skip_reason=_skipped(decision, history, evaluation), cursor=history.written())

    return retrain_on_violation


def _lost(
    project: Project, context: dg.SensorEvaluationContext, lost: LostRequest, history: History, alerts: Alerts
) -> dg.SensorResult:
    """Handle an unsuccessful training while the violation lasts: request it once more, then report it."""
    if (request := lost.again) is not None:
        return dg.SensorResult([request], cursor=replace(history, asked=str(request.run_key)).written())
    if history.told_run != lost.run.run_id:
        try:
            title, pages, about = (
                titled(project, "A retraining is missing"),
                links(lost.run.run_id),
                (lost.run.job_name,),
            )
            alert = Alert(lost.run.run_id, title, f"{lost.sentence}.", pages, kind=MISSING_RUN, about=about)
            if tell(project, context, alerts, alert) is None:
                history = replace(history, told_run=lost.run.run_id)
        except AlertError as error:
            context.log.error(str(error))
    return dg.SensorResult(skip_reason=lost.sentence, cursor=history.written())


def _skipped(decision: str, history: History, evaluation: dg.AssetCheckEvaluation) -> str:
    if decision == FINE:
        return f"No violation: {evaluation.description}"
    if decision == GIVE_UP or history.gave_up:
        return f"Given up after {history.retrainings} retrainings that did not help: {evaluation.description}"
    return f"Already asked to retrain on {history.last_day}: {evaluation.description}"


def _tags(run_id: str, evaluation: dg.AssetCheckEvaluation, found: Mapping[str, Any], attempt: str) -> dict[str, str]:
    """The reason for the run, as tags for people and queries."""
    values = dict(sorted((found.get("values") or {}).items(), reverse=True))
    tags = {
        "reason": str(evaluation.description),
        "metric": str(found.get("metric")),
        "direction": str(found.get("direction")),
        "threshold": str(found.get("threshold")),
        "windows": ", ".join(values),
        "values": ", ".join(f"{value:.4g}" for value in values.values()),
        "model": str(found.get("model_id")),
        "attempt": attempt,
        "monitoring_run_id": run_id,
    }
    return {f"retraining/{name}": value[:LONGEST_TAG] for name, value in tags.items()}


def _told(
    project: Project,
    context: dg.SensorEvaluationContext,
    history: History,
    alerts: Alerts,
    evaluation: dg.AssetCheckEvaluation,
    *,
    run_id: str,
) -> History:
    """Send the news of the history, once, and return it; what the channel did not accept is sent with the next tick."""
    if evaluation.passed or history.news in ("", history.told):
        return history
    title = "Retraining given up" if history.gave_up else "The predictions violate their threshold"
    what = (
        f"{history.retrainings} retrainings did not help; no more are asked for until the check has passed for days."
        if history.gave_up
        else f"Retraining {history.retrainings} was asked for."
    )
    check = evaluation.asset_check_key
    try:
        pages, about = links(run_id, check), (check.asset_key.to_user_string(), check.name)
        said = f"{evaluation.description}. {what}"
        alert = Alert(history.news, titled(project, title), said, pages, kind=VIOLATION, about=about)
        mute = tell(project, context, alerts, alert)
    except AlertError as error:
        context.log.error(str(error))
        return history
    return history if mute else replace(history, told=history.news)
