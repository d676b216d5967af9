"""A code location that arrivals start: its sensor's ticks, sources whose version moves, runs that end as told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData

from mlops_core.defs.arrival_looks import observation
from mlops_core.ingestion.arrivals import DaySummaries, SourceState
from mlops_core.ingestion.changed_days import ChangedDays, DayChange
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.deployment.desk import Desk

SUCCESS, FAILURE, CANCELED, STARTED = (
    getattr(dg.DagsterRunStatus, name) for name in ("SUCCESS", "FAILURE", "CANCELED", "STARTED")
)
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
DAYS = {"first_day": "2016-02-01", "last_day": "2016-02-29", "first_predicted_day": "2016-02-10"}
NOTHING = DaySummaries("test", {})


@dataclass
class Source:
    """A source whose version a test moves; or one that can't be seen, by `error`."""

    version: int = 1
    error: Exception | None = None

    def state(self) -> SourceState:
        if self.error:
            raise self.error
        return SourceState("table", str(self.version))


@dataclass
class Arriving:
    """The sensor of a target; `cursor` is what the daemon keeps."""

    desk: Desk
    source: Source = field(default_factory=Source)
    cursor: str | None = None

    def __post_init__(self) -> None:
        self.repository = self.desk.definitions.get_repository_def()

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.desk.instance

    def tick(self, *, keeps_cursor: bool = True) -> SensorExecutionData:
        """A tick; where the cursor is not kept, the daemon was killed between the requests and the cursor."""
        context = dg.build_sensor_context(
            self.instance,
            cursor=self.cursor,
            repository_def=self.repository,
            resources={"model_registry": self.desk.registry, "watched": {"trips": self.source}},
        )
        found = self.repository.get_sensor_def("arrival_sensor").evaluate_tick(context)
        assert bool(found.run_requests) != bool(found.skip_message)  # a tick asks for a run, or says why not
        if keeps_cursor:
            self.cursor = found.cursor
        return found

    def asked(self) -> dg.RunRequest:
        (request,) = self.tick().run_requests
        return request

    def said(self) -> str:
        return str(self.tick().skip_message)

    def becomes(self, request: dg.RunRequest, status: dg.DagsterRunStatus = SUCCESS) -> str:
        """What the daemon makes of a request: a run, unless one has its key."""
        tags = {**request.tags, "dagster/run_key": request.run_key, "dagster/sensor_name": "arrival_sensor"}
        known = self.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": request.run_key}))
        return known[0].run_id if known else self.run(request.job_name, status, **tags)

    def run(self, job: str, status: dg.DagsterRunStatus, **tags: str) -> str:
        run = self.instance.create_run_for_job(self.repository.get_job(job), tags=tags, status=status)
        return run.run_id

    def looks(self, request: dg.RunRequest, *days: int, meanwhile: Callable[[], object] = lambda: None) -> None:
        """The run of `arrivals_job`, which finds that these days of February have changed, until 23:30 of each.

        After it has said so, and before it ends, it waits for what happens `meanwhile`.
        """
        assert request.job_name == "arrivals_job"
        config = request.run_config["ops"]["look_for_arrivals"]["config"]["sources"]["trips"]
        changes = {day(each): DayChange("changed", datetime(2016, 2, each, 23, 30)) for each in days}
        counted = "1 day" if len(days) == 1 else f"{len(days)} days"
        found = ChangedDays(changes, f"{counted} changed; rows +1") if days else ChangedDays()
        seen = observation(PROJECT, PROJECT.events, SourceState.from_json(_json(config["state"])), found, NOTHING)
        tags = {"dagster/run_key": request.run_key, "dagster/sensor_name": "arrival_sensor"}
        assert saying(seen, meanwhile).execute_in_process(instance=self.instance, tags=tags).success

    def arrives(self, *days: int) -> None:
        """A version whose look finds these days changed."""
        self.source.version += 1
        self.looks(self.asked(), *days)

    def predicted(self, first: int, last: int) -> None:
        """These days have predictions."""
        for each in range(first, last + 1):
            made = dg.AssetMaterialization("predictions", partition=str(day(each)))
            self.instance.report_runless_asset_event(made)


def day(number: int) -> date:
    return date(2016, 2, number)


def extent(request: dg.RunRequest) -> tuple[str, int, int]:
    """The job without its ending, and the days of February."""
    first, last = (int(request.tags[name].removeprefix("2016-02-")) for name in RANGE)
    return request.job_name.removesuffix("_job"), first, last


def to_the_end(arriving: Arriving) -> Iterator[tuple[str, int, int]]:
    """What is asked for, run after run, until a tick asks for nothing."""
    while requests := arriving.tick().run_requests:
        for request in requests:
            arriving.becomes(request)
            yield extent(request)


def _json(text: str) -> Any:
    import json

    return json.loads(text)


def saying(
    seen: dg.AssetObservation, *then: dg.AssetObservation | Callable[[], object], name: str = "arrivals_job"
) -> dg.JobDefinition:
    """A look that says this, and then says or does each of these."""

    @dg.op(out=dg.Out(dg.Nothing))
    def look_for_arrivals() -> Iterable[Any]:
        for each in (seen, *then):
            if isinstance(each, dg.AssetObservation):
                yield each
            else:
                each()
        yield dg.Output(None)

    @dg.job(name=name)
    def job() -> None:
        look_for_arrivals()

    return job


def opened(folder: Path) -> Desk:
    """A registry whose version 1 was trained on the days before the 15th."""
    variables = {**DAYS, "schedules": "running", "start": "arrival"}
    desk = Desk(folder, **variables)
    desk.register(held_out_from="2016-02-15", held_out_until="2016-02-29")
    return desk
