"""Data arrive day by day, some of them late and some corrected, and what changed is built, predicted and judged.

Every step is the real one: the sensor looks at the files that were delivered, and the jobs that it asks for run here,
one after another. Only the events are made for it, and days pass faster.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import click
import dagster as dg

from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.cli.demo_world import DAYS_BEFORE, SEED, DemoFailedError, DemoWorld, demo_folder, tell
from mlops_core.cli.one_model import model_option, project_of
from mlops_core.config import ModelTarget
from mlops_core.defs.arrival import NAME as SENSOR
from mlops_core.defs.arrival_looks import JOB as LOOKS
from mlops_core.defs.arrival_looks import looks_at
from mlops_core.defs.arrival_plan import FEATURES, MONITORING, PREDICTIONS
from mlops_core.defs.arrival_requests import DAYS
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import adapters
from mlops_core.project import Project

if TYPE_CHECKING:
    import pyarrow as pa

EVENTS_A_DAY = 2_000
LATE_SHARE, CORRECTED_SHARE = 0.3, 0.05
"""Of a day's events: those that arrive a day late, and those whose label is corrected."""
CORRECTION = 1.2
"""Factor on a corrected label."""
HELD_OUT_DAYS = 1
MOST_TICKS = 40
"""For one delivery, with some to spare."""
NEEDED = ("watched", "sources", "spark", "model_registry")
"""What the sensor needs, and what these need."""
DID = {FEATURES: "built", PREDICTIONS: "predicted", MONITORING: "judged"}


@dataclass
class Arrival(DemoWorld):
    """Days that end one by one, a sensor that watches the delivered files, and a daemon that runs what it asks for."""

    name = "arrival"
    cursor: str | None = None

    def adapted(self, target: ModelTarget) -> ModelTarget:
        model = target.model_workflow.model_copy(update={"holdout_days": HELD_OUT_DAYS})
        return target.model_copy(update={"model_workflow": model})

    def end_day(self, day: date) -> None:
        """The day is over: it is the newest that has a partition."""
        self.today, self.target = day, self.target.model_copy(update={"last_day": day})
        self.definitions = definitions_of(self.project, self.target)

    def events_of(self, day: date, factor: float = 1.0) -> pa.Table:
        return self.of_day(day, EVENTS_A_DAY, SEED, factor)

    def tick(self) -> list[dg.RunRequest]:
        """What the sensor asks for."""
        repository = self.definitions.get_repository_def()
        sensor = repository.get_sensor_def(self.project.named(SENSOR))
        with adapters(self.project, self.target, *NEEDED) as resources:
            given = {self.project.named(name): getattr(resources, name) for name in NEEDED}
            context = dg.build_sensor_context(
                self.instance, cursor=self.cursor, repository_def=repository, resources=given
            )
            ticked = sensor.evaluate_tick(context)
        self.cursor = ticked.cursor
        return list(ticked.run_requests or ())

    def runs(self) -> Iterator[dg.RunRequest]:
        """Run what the sensor asks for, one after another, until it asks for nothing.

        Raises:
            DemoFailedError: a run failed, or there is no end of them.
        """
        for _ in range(MOST_TICKS):
            requests = self.tick()
            if not requests:
                return
            for request in requests:
                given = {"dagster/run_key": str(request.run_key), "dagster/sensor_name": self.project.named(SENSOR)}
                self.run(str(request.job_name), {**request.tags, **given}, dict(request.run_config))
                yield request
        raise DemoFailedError(f"After {MOST_TICKS} ticks the sensor asks for more: {requests[0].run_key}.")


def story(demo: Arrival) -> Iterator[str]:
    """The deliveries, and what came of each."""
    nouns, first = demo.project.events.nouns, demo.first_day
    before = [first + timedelta(days=number) for number in range(DAYS_BEFORE)]
    yield f"{DAYS_BEFORE} days of {EVENTS_A_DAY:,} {nouns} have arrived, before there is a model"
    for day in before:
        demo.deliver(demo.events_of(day), str(day))
    demo.end_day(before[-1])
    yield from _told(demo)
    yield "The training has its schedule: the first model is trained"
    demo.run(demo.project.named("model_training_job"), {}, {})
    yield f"Version {demo.champion} is champion"
    for number, delivery in enumerate(DELIVERIES, start=DAYS_BEFORE):
        day = first + timedelta(days=number)
        demo.end_day(day)
        yield f"{day}  {delivery(demo, day).format(events=nouns)}"
        yield from _told(demo)


def _on_time(demo: Arrival, day: date) -> str:
    demo.deliver(demo.events_of(day), str(day))
    return "All {events} of the day arrive"


def _a_part_of_it(demo: Arrival, day: date) -> str:
    events = demo.events_of(day)
    demo.deliver(events.slice(0, _on_time_count(events)), str(day))
    return f"{LATE_SHARE:.0%} of the {{events}} of the day are late"


def _and_what_was_late(demo: Arrival, day: date) -> str:
    late = demo.events_of(day - timedelta(days=1))
    demo.deliver(late.slice(_on_time_count(late)), f"{day - timedelta(days=1)}-late")
    demo.deliver(demo.events_of(day), str(day))
    return "All {events} of the day arrive, and those of the day before that were late"


def _with_a_correction(demo: Arrival, day: date) -> str:
    import pyarrow as pa

    corrected = day - timedelta(days=4)
    before, after = demo.events_of(corrected), demo.events_of(corrected, CORRECTION)
    count = int(CORRECTED_SHARE * before.num_rows)
    demo.deliver(pa.concat_tables([after.slice(0, count), before.slice(count)]), str(corrected))
    demo.deliver(demo.events_of(day), str(day))
    return f"All {{events}} of the day arrive, and {CORRECTED_SHARE:.0%} of those of {corrected} are corrected"


def _written_again(demo: Arrival, day: date) -> str:
    for number in range((day - demo.first_day).days):
        earlier = demo.first_day + timedelta(days=number)
        file = demo.delivered / f"{demo.project.events.name}-{earlier}.parquet"
        file.write_bytes(file.read_bytes())
    demo.deliver(demo.events_of(day), str(day))
    return "All {events} of the day arrive, and every earlier file is written again as it was"


DELIVERIES = (_on_time, _a_part_of_it, _and_what_was_late, _written_again, _with_a_correction)


def _on_time_count(events: pa.Table) -> int:
    return int((1 - LATE_SHARE) * events.num_rows)


def _told(demo: Arrival) -> Iterator[str]:
    """What is looked at, built, predicted and judged until the sensor asks for nothing, as it happens."""
    names = {demo.project.named(job): did for job, did in DID.items()}
    for request in demo.runs():
        if request.job_name == demo.project.named(LOOKS):
            seen = next(looks_at(demo.project, demo.instance, demo.project.events))
            yield f"            looked at   {seen.reason}"
        else:
            did = names[str(request.job_name)]
            yield f"            {did:12}{request.tags[DAYS]}{_verdict(demo, did)}"


def _verdict(demo: Arrival, did: str) -> str:
    if did == "predicted":
        return f" by version {demo.champion}"
    if did != "judged":
        return ""
    evaluation = demo.judged()
    values: dict[str, Any] = recorded(evaluation.metadata, "values", dict) or {}
    newest = max(values, default="")
    verdict = "passes" if evaluation.passed else "FAILS"
    return f": error {values[newest]:.2f} on {newest}, metric_within_threshold {verdict}" if newest else f": {verdict}"


@click.command(help=__doc__, short_help="Watch arriving data being built, predicted and judged")
@model_option
@click.pass_obj
def main(project: Project, model: str | None) -> None:
    os.environ.pop(project.events.path_variable, None)  # it would go before the files that are delivered
    tell(lambda: story(Arrival(project_of(project, model), demo_folder(project, Arrival.name))))
    click.echo("Look around: `make demo-dev DEMO=arrival` opens its graph, where each run and each look says why")
