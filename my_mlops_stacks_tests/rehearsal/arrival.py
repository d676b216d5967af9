"""A late delivery to the source table on the emulated workspace: the sensor finds it, and its days alone are built."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
from deltalake import write_deltalake

from mlops_core.defs.arrival_looks import looks_at
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.freshness_watch import freshness_sensors
from mlops_core.defs.lost_requests import days_of
from mlops_core.defs.resources import adapters
from my_mlops_stacks.ingestion.generator import trips_of_day
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.rehearsal import report
from my_mlops_stacks_tests.rehearsal.rehearsal import LAST_DAY, JobRun, Rehearsal, as_moments

LATE_DAY, LATE_TRIPS = date.fromisoformat(LAST_DAY) - timedelta(days=1), 40
ASKED = [
    ("arrivals_job", None),
    *((job, (str(LATE_DAY), LAST_DAY)) for job in ("feature_engineering_job", "batch_inference_job", "monitoring_job")),
]
"""What the late trips of the last day but one ask for: their windows reach the last one, as does the comparison."""

AGES = {date.fromisoformat(LAST_DAY): (True, "is the last day that is built"), None: (False, "ask who delivers it")}
"""Last day -> whether the newest trips are new enough, and what is said of them: they are of 2016."""


def run(rehearsal: Rehearsal) -> list[JobRun]:
    """Late trips arrive after the pipeline has run, and what the sensor asks for runs, until it asks for nothing."""
    late = as_moments(trips_of_day(LATE_DAY, LATE_TRIPS, seed=99))
    write_deltalake(rehearsal.trips.with_name("trips_table"), late, mode="append")
    repository, cursor, made = definitions_of(PROJECT, rehearsal.target).get_repository_def(), None, list[JobRun]()
    with adapters(PROJECT, rehearsal.target, "watched") as resources:
        given = {"watched": resources.watched, "model_registry": rehearsal.registry}
        while len(made) <= len(ASKED):
            context = dg.build_sensor_context(
                rehearsal.instance, cursor=cursor, repository_def=repository, resources=given
            )
            ticked = repository.get_sensor_def("arrival_sensor").evaluate_tick(context)
            cursor = ticked.cursor
            if not ticked.run_requests:
                break
            made += [_run(rehearsal, request) for request in ticked.run_requests]
    return made


def _run(rehearsal: Rehearsal, request: dg.RunRequest) -> JobRun:
    tags = {**request.tags, "dagster/run_key": str(request.run_key), "dagster/sensor_name": "arrival_sensor"}
    return rehearsal.run(str(request.job_name), [], request.run_config, asked=tags)


def fresh(rehearsal: Rehearsal, last_day: date | None) -> tuple[bool, str]:
    """What `freshness_sensor` finds on the workspace, where days end on `last_day` or go on."""
    (sensor,) = freshness_sensors(PROJECT, rehearsal.target.model_copy(update={"last_day": last_day}))
    with adapters(PROJECT, rehearsal.target, "watched") as resources:
        context = dg.build_sensor_context(rehearsal.instance, resources={"watched": resources.watched})
        found = sensor.evaluate_tick(context)
    (evaluation,) = found.asset_events
    return evaluation.passed, str(evaluation.description)


def lines(rehearsal: Rehearsal, runs: list[JobRun]) -> Iterator[str]:
    """What was found, and what ran for it."""
    yield f"Arrival     {next(looks_at(PROJECT, rehearsal.instance, PROJECT.events)).reason}"
    for each in runs:
        days = days_of(each.run.tags)
        yield f"  {each.job}{f' over {days[0]} to {days[1]}' if days else ''}: {each.seconds:.1f} s"


def problems(rehearsal: Rehearsal, runs: list[JobRun]) -> Iterator[str]:
    """What is not as it should be."""
    asked = [(each.job, days_of(each.run.tags)) for each in runs]
    if asked != ASKED:
        yield f"The late trips asked for {asked}, not for {ASKED}."
    yield from (f"{each.job} is {each.run.status.value}." for each in runs if not each.success)
    for last_day, wanted in AGES.items():
        passed, why = fresh(rehearsal, last_day)
        if passed is not wanted[0] or wanted[1] not in why:
            yield f"trips_are_fresh {'passed' if passed else 'failed'}, with days until {last_day}: {why}."
    trips, predictions = (report.table(rehearsal, name) for name in ("trips", "predictions"))
    counts = [int((rows["day"] == LATE_DAY).sum()) for rows in (trips, predictions)]
    if counts[0] != counts[1]:
        yield f"{counts[1]} of the {counts[0]} trips of {LATE_DAY} are predicted."
    yield from (f"Left over: {what}." for what in rehearsal.left_over())
