"""Which jobs, in which order, make of changed days what a full recomputation would."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

from mlops_core.config import Target
from mlops_core.defs.arrival_cursor import Arrivals
from mlops_core.ingestion.changed_days import ChangedDays
from mlops_core.ingestion.day_ranges import ONE_DAY, DayRange
from mlops_core.ingestion.days_to_build import BuiltDays, DaysToBuild, days_to_build
from mlops_core.ingestion.delivery import Step
from mlops_core.project import Project

FEATURES, PREDICTIONS, MONITORING = "feature_engineering_job", "batch_inference_job", "monitoring_job"


def newest_day(target: Target, moment: float) -> date:
    """The newest day with a partition at a moment, in seconds since 1970: as `Target.newest_day`, of then."""
    return target.last_day or datetime.fromtimestamp(moment, UTC).date() - ONE_DAY


def planned(
    project: Project, target: Target, arrivals: Arrivals, changed: Mapping[str, ChangedDays], last: date
) -> tuple[tuple[Step, ...], Arrivals]:
    """The steps for changed days and those that have waited, up to `last`, and what remembers the later ones."""
    together = arrivals.with_waiting(changed)
    if last < target.first_day:
        return (), replace(arrivals, waiting=together)
    predicted = {each.model.short_name: target.of(each).predicted_from for each in project.each}
    built = BuiltDays(
        DayRange(target.first_day, last),
        {name: DayRange(first, last) for name, first in predicted.items() if first <= last},
    )
    found = days_to_build(project, together, built, arrivals.reached)
    return tuple(_steps(project, found)), replace(arrivals, waiting=found.waiting, reached=found.reached)


def steps_after(project: Project, job: str, days: DayRange) -> tuple[Step, ...]:
    """What follows a job, for days that it has made after all."""
    made, steps = {job}, list[Step]()
    for each, after in jobs_after(project):
        if after in made:
            made.add(each)
            steps.append(Step.of(each, after, (days,)))
    return tuple(steps)


def jobs_after(project: Project) -> Iterator[tuple[str, str]]:
    """Each job, and the one that it comes after; empty for the first."""
    features = project.named(FEATURES)
    yield features, ""
    for each in project.each:
        yield each.named(PREDICTIONS), features
        yield each.named(MONITORING), each.named(PREDICTIONS)


def _steps(project: Project, found: DaysToBuild) -> Iterator[Step]:
    days = {project.named(FEATURES): found.features}
    for each in project.each:
        name = each.model.short_name
        days[each.named(PREDICTIONS)] = found.predictions.get(name, ())
        days[each.named(MONITORING)] = found.monitoring.get(name, ())
    for job, after in jobs_after(project):
        yield Step.of(job, after, days[job])
