"""What the demos have in common: a state folder of their own, generated events that are delivered to it, real jobs."""

from __future__ import annotations

import logging
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import click
import dagster as dg

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.cli.run_history import local_instance
from mlops_core.config import ModelTarget, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.judgements import METRIC, check_key
from mlops_core.defs.records import newest_evaluated
from mlops_core.defs.resources import adapters
from mlops_core.project import Project

UI_PORTS = {"drift": 3010, "arrival": 3020}
"""Demo -> the first of the ports of its own servers, so that its links lead to its own history."""
INSTANCE_SETTINGS = "dagster.local.yaml"
DAYS_SKIPPED, DAYS_BEFORE = 31, 5
"""Days of the target before the story, and days of it before the first model."""
SEED = 7
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def demo_folder(project: Project, name: str) -> Path:
    """Beside the project's package."""
    return project.root / ".local" / f"demo-{name}"


def first_day(project: Project) -> date:
    """The first day of the story."""
    return load_target(project, "local").first_day + timedelta(days=DAYS_SKIPPED)


def demo_environment(project: Project, name: str, folder: Path | None = None) -> dict[str, str]:
    """Environment of a process of the demo `name` in `folder`."""
    folder = folder or demo_folder(project, name)
    variables = {"BUNDLE_VAR_state_folder": str(folder), "BUNDLE_VAR_ui_port": str(UI_PORTS[name])}
    variables["BUNDLE_VAR_first_predicted_day"] = str(first_day(project))
    if name == "arrival":
        variables["BUNDLE_VAR_start"] = "arrival"
        variables[f"BUNDLE_VAR_{project.events.variable('table')}"] = str(folder / "delivered")
    return {"MLOPS_TARGET": "local", "DAGSTER_HOME": str(folder / "dagster"), **variables}


class DemoFailedError(RuntimeError):
    """The story did not end as it should."""


def tell(story: Callable[[], Iterable[str]]) -> None:
    """Print the lines of a story as they come, each after the seconds since the start.

    Raises:
        click.ClickException: the story did not end as it should.
    """
    logging.disable(logging.WARNING)
    started = perf_counter()
    try:
        for line in story():
            click.echo(f"{perf_counter() - started:6.0f} s  {line}")
    except DemoFailedError as error:
        raise click.ClickException(str(error)) from None


@dataclass
class DemoWorld(ABC):
    """A state folder of its own, the definitions of `local` on it, and the day that it is; `name` is the demo's."""

    name: ClassVar[str]
    project: Project
    folder: Path

    def __post_init__(self) -> None:
        sample = self.project.events.sample
        if sample is None or sample.of_day is None:
            raise DemoFailedError(
                f"{self.project.package} has no generator of single days: the demo needs `Sample.of_day`."
            )
        if label := self.project.events.label_source:
            raise DemoFailedError(
                f"{self.project.package} has its labels in the table '{label.table.name}': the demo makes those of the "
                "events' own files only."
            )
        self.of_day = sample.of_day
        shutil.rmtree(self.folder, ignore_errors=True)
        self.delivered.mkdir(parents=True)
        self.first_day = self.today = first_day(self.project)
        loaded = load_target(self.project, environ=demo_environment(self.project, self.name, self.folder))
        self.target = self.adapted(loaded.of(self.project))
        home = self.folder / "dagster"
        home.mkdir()
        shutil.copy(self.target.root / INSTANCE_SETTINGS, home / "dagster.yaml")
        self.instance = local_instance(home, self.project)
        self.definitions = definitions_of(self.project, self.target)
        with adapters(self.project, self.target, "model_registry") as resources:
            self.registry: ModelRegistry = resources.model_registry

    @abstractmethod
    def adapted(self, target: ModelTarget) -> ModelTarget:
        """The target as the story needs it."""

    @property
    def delivered(self) -> Path:
        return self.folder / "delivered"

    @property
    def champion(self) -> int:
        return self.registry.at_alias("champion").version

    def deliver(self, events: Any, name: str) -> None:
        """Events arrive as the file `name`, in the place of what it held."""
        import pyarrow.parquet as pq

        pq.write_table(events, self.delivered / f"{self.project.events.name}-{name}.parquet")

    def run(self, job: str, tags: dict[str, str], config: dict[str, Any]) -> dg.ExecuteInProcessResult:
        """Run the job of this name in Dagster.

        Raises:
            DemoFailedError: the run failed.
        """
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, run_config=config | QUIET, raise_on_error=False
        )
        if not result.success:
            raise DemoFailedError(f"{job} failed; its run {result.run_id} is in {self.folder / 'dagster'}.")
        return result

    def judged(self) -> dg.AssetCheckEvaluation:
        """What the newest evaluation of the monitored metric says.

        Raises:
            DemoFailedError: there is none.
        """
        check = check_key(self.project, METRIC)
        record = newest_evaluated(self.instance, check)
        if record is None:
            raise DemoFailedError(f"{self.project.named('monitoring_job')} has not evaluated {check.name}.")
        return record.evaluation
