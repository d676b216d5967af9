"""Labels rise overnight, and the pipeline finds its way back, on generated events.

Every step is the real one: the jobs of the target `local` make each day, the real check judges it, the real sensor asks
for the training, and validation decides about the challenger. Only the events are made for it, and days pass faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import click
import dagster as dg

from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.cli.demo_world import DAYS_BEFORE, SEED, DemoFailedError, DemoWorld, demo_folder, tell
from mlops_core.cli.one_model import model_option, project_of
from mlops_core.config import ModelTarget
from mlops_core.defs.names import op_of
from mlops_core.ingestion.times import WALL_CLOCK
from mlops_core.project import Project

QUIET_DAYS, MOST_DAYS, EVENTS_A_DAY = 1, 9, 8_000
LABEL_FACTOR = 1.5
"""Factor on every label after the change."""
HELD_OUT_DAYS, RETRAINING_DAYS = 1, 4
"""A training holds out the newest day; one that a violation asked for learns from the four days before it."""


@dataclass
class Demo(DemoWorld):
    """Days that pass one by one, each with a factor on its labels."""

    name = "drift"
    cursor: str | None = None
    errors: dict[date, float] = field(default_factory=dict)

    def adapted(self, target: ModelTarget) -> ModelTarget:
        model = target.model_workflow.model_copy(update={"holdout_days": HELD_OUT_DAYS})
        monitoring = target.monitoring_workflow.model_copy(update={"retraining_days": RETRAINING_DAYS})
        return target.model_copy(update={"model_workflow": model, "monitoring_workflow": monitoring})

    def pass_day(self, day: date, factor: float) -> None:
        """The events of one more day arrive."""
        self.deliver(self.of_day(day, EVENTS_A_DAY, SEED, factor), str(day))
        self.today = day

    def build(self, job: str, first: date) -> None:
        """Run a job for the days from `first` to today."""
        days = zip(("start", "end"), (first, self.today), strict=True)
        tags = {f"dagster/asset_partition_range_{end}": str(day) for end, day in days}
        ingestion = op_of(self.project, self.project.events.ingestion_name)
        delivered = {ingestion: {"config": {"path": str(self.delivered), "times": WALL_CLOCK}}}
        self.run(self.project.named(job), tags, {"ops": delivered} if job == "feature_engineering_job" else {})

    def train(self, request: dg.RunRequest | None = None) -> None:
        """Train, as the sensor asked when it did; a candidate that validation refuses changes nothing."""
        asked = request or dg.RunRequest()
        self.run(self.project.named("model_training_job"), dict(asked.tags), dict(asked.run_config))

    def live(self) -> dg.AssetCheckEvaluation:
        """Features, predictions and monitoring of today; what the check says of it."""
        for job in ("feature_engineering_job", "batch_inference_job", "monitoring_job"):
            self.build(job, self.today)
        evaluation = self.judged()
        self.errors[self.today] = (recorded(evaluation.metadata, "values", dict) or {})[str(self.today)]
        return evaluation

    def ask_the_sensor(self) -> dg.RunRequest | None:
        """One tick of `retraining_sensor`."""
        repository = self.definitions.get_repository_def()
        context = dg.build_sensor_context(self.instance, cursor=self.cursor, repository_def=repository)
        ticked = repository.get_sensor_def(self.project.named("retraining_sensor")).evaluate_tick(context)
        self.cursor = ticked.cursor or self.cursor
        return ticked.run_requests[0] if ticked.run_requests else None


def story(demo: Demo) -> Iterator[str]:
    """The days one by one, told as they pass; the error is back at the end.

    Raises:
        DemoFailedError: it is not.
    """
    threshold = demo.target.monitoring_workflow.metric_violation_threshold
    nouns, unit = demo.project.events.nouns, demo.project.events.label_unit
    metric = demo.target.monitoring_workflow.metric_to_monitor
    yield f"{DAYS_BEFORE} days of {EVENTS_A_DAY:,} {nouns} have passed: building features, training the first model"
    for number in range(DAYS_BEFORE):
        demo.pass_day(demo.first_day + timedelta(days=number), 1.0)
    demo.build("feature_engineering_job", demo.first_day)
    demo.train()
    yield f"Version {demo.champion} is champion. Its {metric} has to stay below {threshold:g} {unit}."
    for number in range(QUIET_DAYS):
        yield from _day(demo, 1.0, "" if number else "A usual day. ")
    usual = demo.errors[demo.today]
    first = demo.champion
    for number in range(MOST_DAYS):
        yield from _day(demo, LABEL_FACTOR, "" if number else f"Labels rise by {LABEL_FACTOR - 1:.0%} tonight. ")
        if demo.champion != first and demo.errors[demo.today] <= threshold:
            worst, now = max(demo.errors.values()), demo.errors[demo.today]
            yield f"The error was {usual:.2f}, rose to {worst:.2f}, and is {now:.2f} again."
            return
    raise DemoFailedError(f"After {MOST_DAYS} days of higher labels the error is still above {threshold:g} {unit}.")


def _day(demo: Demo, factor: float, news: str) -> Iterator[str]:
    day = demo.today + timedelta(days=1)
    demo.pass_day(day, factor)
    evaluation = demo.live()
    verdict = "passes" if evaluation.passed else "FAILS"
    yield f"{day}  {news}error {demo.errors[day]:.2f} of version {demo.champion}: metric_within_threshold {verdict}"
    request = demo.ask_the_sensor()
    if request is None:
        return
    sensor, attempt = demo.project.named("retraining_sensor"), request.tags["retraining/attempt"]
    yield f"            {sensor} asks for training {attempt}:"
    yield f"            {request.tags['retraining/reason']}"
    before = demo.champion
    demo.train(request)
    candidate = demo.registry.at_alias("candidate")
    status = candidate.record.validation_status or "not validated"
    won = "it is champion now" if demo.champion != before else f"version {before} stays champion"
    yield f"            Version {candidate.version} was trained, validation {status}: {won}"


@click.command(help=__doc__, short_help="Watch drift being noticed and repaired")
@model_option
@click.pass_obj
def main(project: Project, model: str | None) -> None:
    tell(lambda: story(Demo(project_of(project, model), demo_folder(project, Demo.name))))
    click.echo("Look around: `make demo-dev` opens its graph, its monitoring's pages, and its runs and models")
