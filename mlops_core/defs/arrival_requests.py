"""The runs of a delivery: how they are asked for, and what became of them."""

from datetime import UTC, datetime

import dagster as dg

from mlops_core.defs.alerts import WILL_RETRY
from mlops_core.defs.lost_requests import RANGE, lost_request, made_since, newest_run
from mlops_core.ingestion.delivery import Delivery, Outcome, Task

LOOK, REASON, VERSION, DAYS = (f"arrival/{name}" for name in ("look", "reason", "version", "days"))
"""Tags of a run: the look that asks for it, what changed, the version of the source, and the run's days."""
LONGEST_TAG = 1_000
"""Maximum length of a tag's value, as databases index the tags."""


def run_request(delivery: Delivery, task: Task) -> dg.RunRequest:
    days = task.days
    about = {LOOK: delivery.look, REASON: delivery.why, VERSION: delivery.version, DAYS: str(days)}
    tags = {name: text[:LONGEST_TAG] for name, text in about.items()}
    extent = dict(zip(RANGE, (str(days.first), str(days.last)), strict=True))
    return dg.RunRequest(run_key=task.key, job_name=task.job, tags={**extent, **tags})


def made_by_others(instance: dg.DagsterInstance, delivery: Delivery, task: Task) -> Outcome | None:
    """A run of the days that a person or a schedule started after the look, and that succeeded; None without any.

    It has made all that the delivery's own run would: none of some assets, with a config of its own, or that
    goes on with an earlier run, which took in the source as it was then.
    """
    if not delivery.since:
        return None
    days, since = (str(task.days.first), str(task.days.last)), datetime.fromtimestamp(delivery.since, UTC)
    later = (run for run in made_since(instance, task.job, days, since) if _is_whole(run))
    return next((Outcome(run.run_id, "succeeded") for run in later), None)


def _is_whole(run: dg.DagsterRun) -> bool:
    return not any((run.parent_run_id, run.asset_selection, run.op_selection, run.run_config))


def outcome_of(instance: dg.DagsterInstance, job: str, key: str) -> Outcome | None:
    """What became of the run with this key, or of the newest that repeats it; a later one of its days makes up for it.

    None when nothing was started, or its history was deleted.
    """
    record = newest_run(instance, job, key)
    if record is None:
        return None
    run, status = record.dagster_run, record.dagster_run.status
    if status is dg.DagsterRunStatus.SUCCESS:
        return Outcome(run.run_id, "succeeded")
    if status not in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED) or run.tags.get(WILL_RETRY) == "true":
        return Outcome(run.run_id, "under way")
    if lost_request(instance, job, key) is None:
        return Outcome(run.run_id, "succeeded")
    return Outcome(run.run_id, "failed" if status is dg.DagsterRunStatus.FAILURE else "ended")
