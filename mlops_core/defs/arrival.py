"""The sensor that starts features, predictions and monitoring when data arrive, for exactly the days that changed.

A tick asks each source for its version, which starts no cluster. Another one than that of the newest look asks for a
look, a run of `arrivals_job`; the days that it finds make a delivery, whose runs are asked for one after another. What
arrives meanwhile is looked at afterwards. Every request has a key that is made of what it is for, and progress is what
became of the runs with these keys: a tick that is repeated asks for no run again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import dagster as dg

from mlops_core.adapters.alerts import MISSING_RUN, Alert, AlertError, Alerts
from mlops_core.config import Target
from mlops_core.defs.alerts import build_alerts, links
from mlops_core.defs.arrival_cursor import Arrivals
from mlops_core.defs.arrival_looking import Looking, looking
from mlops_core.defs.arrival_looks import JOB as LOOKS
from mlops_core.defs.arrival_plan import jobs_after
from mlops_core.defs.arrival_progress import Progress
from mlops_core.defs.arrival_recovery import recovered
from mlops_core.defs.arrival_requests import run_request
from mlops_core.defs.jobs import Job
from mlops_core.defs.mutes import tell
from mlops_core.defs.names import needed, titled
from mlops_core.defs.records import running_schedules
from mlops_core.ingestion.delivery import Delivery, Loss
from mlops_core.project import Project

NAME = "arrival_sensor"
SCHEDULES = ("feature_engineering_schedule", "batch_inference_schedule", "monitoring_schedule")
"""What starts the same jobs by the clock."""
LISTED = 8
"""How many ranges of lost days one sentence names."""


def arrival_sensors(
    project: Project, target: Target, jobs: Sequence[dg.JobDefinition | Job]
) -> list[dg.SensorDefinition]:
    """One sensor, which runs where `start` is arrival and schedules run; `jobs` are those of the code location."""
    alerts, name = build_alerts(target), project.named(NAME)
    running = target.schedules == "running" and target.start == "arrival"
    started = {project.named(LOOKS), *(job for job, _ in jobs_after(project))}
    by_clock = {each.named(schedule) for each in project.each for schedule in SCHEDULES}

    @dg.sensor(
        name=name,
        jobs=[job for job in jobs if job.name in started],
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        required_resource_keys=needed(project, "watched").union(
            *(needed(each, "model_registry") for each in project.each)
        ),
        description="Builds, predicts and monitors the days on which rows of a source have changed (start: "
        f"{target.start})",
    )
    def start_on_arrival(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        progress = Progress(project, target, context)
        before = Arrivals.read(context.cursor) or recovered(project, target, context.instance, name)
        arrivals = progress.advanced(before)
        if arrivals.delivery:
            found, requests = Looking("", problem=None), _requests(progress, arrivals.delivery)
            said = _waiting_for(progress, arrivals.delivery)
        else:
            found = looking(project, context, arrivals.handled)
            requests, said = [found.request] if found.request else [], found.said
        arrivals = _told(project, context, alerts, arrivals, found.problem)
        clocks = sorted(by_clock & running_schedules(context))
        said = ". ".join((said, *map(_sentence, _by_run(arrivals.losses)), *_both(clocks)))
        return dg.SensorResult(requests, skip_reason=None if requests else said, cursor=arrivals.written())

    return [start_on_arrival]


def _requests(progress: Progress, delivery: Delivery) -> list[dg.RunRequest]:
    return [run_request(delivery, task) for task in delivery.tasks if progress.outcome(delivery, task) is None]


def _waiting_for(progress: Progress, delivery: Delivery) -> str:
    runs = ((task, progress.outcome(delivery, task)) for task in delivery.tasks)
    waited = ", ".join(f"{task.job} over {task.days} (run {found.run_id})" for task, found in runs if found)
    return f"Waiting for {waited}, for {delivery.reason}"


def _both(clocks: Sequence[str]) -> Iterator[str]:
    if clocks:
        yield f"The same days are also built by the clock: switch off {', '.join(clocks)}, or this sensor"


def _by_run(losses: Iterable[Loss]) -> list[tuple[Loss, ...]]:
    """The losses after each run: when too many have failed, all that is left is lost at once."""
    runs: dict[str, tuple[Loss, ...]] = {}
    for loss in losses:
        runs[loss.run] = (*runs.get(loss.run, ()), loss)
    return list(runs.values())


def _sentence(losses: Sequence[Loss]) -> str:
    first, days = losses[0], ", ".join(str(each.days) for each in losses[:LISTED])
    more = f" and {len(losses) - LISTED} more ranges" if len(losses) > LISTED else ""
    return (
        f"{first.job} over {days}{more} was given up after run {first.run}: launch it over these days yourself, and "
        "what follows is asked for by itself"
    )


def _told(
    project: Project, context: dg.SensorEvaluationContext, alerts: Alerts, arrivals: Arrivals, problem: str | None
) -> Arrivals:
    """What people should know, each once; what the channel did not accept is sent with the next tick."""
    untold = _by_run(loss for loss in arrivals.losses if not loss.is_told)
    sent = {each[0].run for each in untold if _send(project, context, alerts, _alert_of(project, each))}
    losses = tuple(replace(loss, is_told=loss.is_told or loss.run in sent) for loss in arrivals.losses)
    told = arrivals.told if problem is None else problem
    if problem and problem != arrivals.told:
        title = titled(project, "A source can't be looked at")
        alert = Alert(problem, title, f"{problem}.", links(""), kind=MISSING_RUN, about=(project.named(NAME),))
        told = problem if _send(project, context, alerts, alert) else arrivals.told
    return replace(arrivals, losses=losses, told=told)


def _alert_of(project: Project, losses: Sequence[Loss]) -> Alert:
    title, first = titled(project, "Days that arrived were not built"), losses[0]
    text = f"{_sentence(losses)}."
    return Alert(f"{first.run} {first.days}", title, text, links(first.run), kind=MISSING_RUN, about=(first.job,))


def _send(project: Project, context: dg.SensorEvaluationContext, alerts: Alerts, alert: Alert) -> bool:
    try:
        return tell(project, context, alerts, alert) is None
    except AlertError as error:
        context.log.error(str(error))
        return False
