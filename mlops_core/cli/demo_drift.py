"""Labels rise overnight, and the pipeline finds its way back, on generated events.

Every step is the real one: the jobs of the target `local` make each day, the real check judges it, the real sensor asks
for the training, and validation decides about the challenger. Only the events are made for it, and days pass faster.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import dagster as dg

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.cli.run_history import local_instance
from mlops_core.config import Target, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.judgements import METRIC, check_key
from mlops_core.defs.names import op_of
from mlops_core.defs.records import newest_evaluated
from mlops_core.defs.resources import adapters
from mlops_core.ingestion.times import WALL_CLOCK
from mlops_core.project import Project

FOLDER = Path(".local") / "demo-drift"
"""Beside the project's package."""
UI_PORT = 3010
"""Ports of its own servers, so that its links lead to its own history."""
INSTANCE_SETTINGS = "dagster.local.yaml"
DAYS_SKIPPED, DAYS_BEFORE, QUIET_DAYS, MOST_DAYS = 31, 5, 1, 9
EVENTS_A_DAY, SEED = 8_000, 7
LABEL_FACTOR = 1.3
"""Factor on every label after the change."""
HELD_OUT_DAYS, RETRAINING_DAYS = 1, 4
"""A training holds out the newest day; one that a violation asked for learns from the four days before it."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def demo_folder(project: Project) -> Path:
    return project.root / FOLDER


def first_day(project: Project) -> date:
    """The first day of the story."""
    return load_target(project, "local").first_day + timedelta(days=DAYS_SKIPPED)


def demo_environment(project: Project, folder: Path | None = None) -> dict[str, str]:
    """Environment of a demo process in `folder`."""
    folder = folder or demo_folder(project)
    variables = {"BUNDLE_VAR_state_folder": str(folder), "BUNDLE_VAR_ui_port": str(UI_PORT)}
    variables["BUNDLE_VAR_first_predicted_day"] = str(first_day(project))
    return {"MLOPS_TARGET": "local", "DAGSTER_HOME": str(folder / "dagster"), **variables}


class DemoFailedError(RuntimeError):
    """The story did not end as it should."""


@dataclass
class Demo:
    """A state folder of its own, the definitions of `local` on it, and the day that it is."""

    project: Project
    folder: Path
    cursor: str | None = None
    errors: dict[date, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.project.events.sample is None or self.project.events.sample.of_day is None:
            raise DemoFailedError(
                f"{self.project.package} has no generator of single days: the demo needs `Sample.of_day`."
            )
        self.of_day = self.project.events.sample.of_day
        shutil.rmtree(self.folder, ignore_errors=True)
        self.first_day = self.today = first_day(self.project)
        self.target: Target = load_target(self.project, environ=demo_environment(self.project, self.folder))
        model = self.target.model_workflow.model_copy(update={"holdout_days": HELD_OUT_DAYS})
        monitoring = self.target.monitoring_workflow.model_copy(update={"retraining_days": RETRAINING_DAYS})
        self.target = self.target.model_copy(update={"model_workflow": model, "monitoring_workflow": monitoring})
        self.instance = local_instance(self.folder / "dagster", self.project)
        shutil.copy(self.target.root / INSTANCE_SETTINGS, self.folder / "dagster" / "dagster.yaml")
        self.definitions = definitions_of(self.project, self.target)
        with adapters(self.project, self.target, "model_registry") as resources:
            self.registry: ModelRegistry = resources.model_registry

    @property
    def champion(self) -> int:
        return self.registry.at_alias("champion").version

    def deliver(self, day: date, factor: float) -> None:
        """The events of one more day arrive."""
        import pyarrow.parquet as pq

        (self.folder / "delivered").mkdir(parents=True, exist_ok=True)
        events = self.of_day(day, EVENTS_A_DAY, SEED, factor)
        pq.write_table(events, self.folder / "delivered" / f"{self.project.events.name}-{day}.parquet")
        self.today = day

    def build(self, job: str, first: date) -> None:
        """Run a job for the days from `first` to today.

        Raises:
            DemoFailedError: the run failed.
        """
        days = zip(("start", "end"), (first, self.today), strict=True)
        tags = {f"dagster/asset_partition_range_{end}": str(day) for end, day in days}
        ingestion = op_of(self.project, self.project.events.ingestion_name)
        delivered = {ingestion: {"config": {"path": str(self.folder / "delivered"), "times": WALL_CLOCK}}}
        result = self._run(job, tags, {"ops": delivered} if job == "feature_engineering_job" else {})
        if not result.success:
            raise DemoFailedError(f"{job} failed; its run {result.run_id} is in {self.folder / 'dagster'}.")

    def train(self, request: dg.RunRequest | None = None) -> None:
        """Train, as the sensor asked when it did; a candidate that validation refuses changes nothing.

        Raises:
            DemoFailedError: the run failed.
        """
        asked = request or dg.RunRequest()
        result = self._run("model_training_job", dict(asked.tags), dict(asked.run_config))
        if not result.success:
            raise DemoFailedError(f"A training failed; its run {result.run_id} is in {self.folder / 'dagster'}.")

    def _run(self, job: str, tags: dict[str, str], config: dict[str, Any]) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(self.project.named(job)).execute_in_process(
            instance=self.instance, tags=tags, run_config=config | QUIET, raise_on_error=False
        )

    def live(self) -> dg.AssetCheckEvaluation:
        """Features, predictions and monitoring of today; what the check says of it."""
        for job in ("feature_engineering_job", "batch_inference_job", "monitoring_job"):
            self.build(job, self.today)
        check = check_key(self.project, METRIC)
        record = newest_evaluated(self.instance, check)
        if record is None:
            job = self.project.named("monitoring_job")
            raise DemoFailedError(f"{job} of {self.today} has not evaluated {check.name}.")
        values = recorded(record.evaluation.metadata, "values", dict) or {}
        self.errors[self.today] = values[str(self.today)]
        return record.evaluation

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
        demo.deliver(demo.first_day + timedelta(days=number), 1.0)
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
    demo.deliver(day, factor)
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
@click.pass_obj
def main(project: Project) -> None:
    logging.disable(logging.WARNING)
    started = perf_counter()
    try:
        for line in story(Demo(project, demo_folder(project))):
            click.echo(f"{perf_counter() - started:6.0f} s  {line}")
    except DemoFailedError as error:
        raise click.ClickException(str(error)) from None
    click.echo("Look around: `make demo-dev` opens its graph, its monitoring's pages, and its runs and models")
