"""Seconds and memory of a training and its validation on more and more trips: `make benchmark-training`.

Each size has its own folder, and its training a process of its own; features are built before, in another one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import time

import click
import dagster as dg

from benchmarks.feature_store.machine import machine
from mlops_core.adapters.mlflow_database import make_database
from mlops_core.config import Target, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.partitions import daily_partitions
from my_mlops_stacks.ingestion.generator import generate_trips
from my_mlops_stacks.project import PROJECT

STEPS = {"fare_model": "training", "candidate_validation": "validation"}
EVERY = 0.05
"""Seconds between two looks at the memory."""
PAGE = os.sysconf("SC_PAGE_SIZE")


@click.command(help=__doc__)
@click.option("--trips", "sizes", multiple=True, type=int, default=(100_000, 1_000_000, 3_000_000))
def main(sizes: Sequence[int]) -> None:
    click.echo(f"{machine()}; generated trips of 60 days, the last 15 held out\n")
    click.echo("| trips | step | time | memory before | most memory |\n|---|---|---|---|---|")
    for trips in sizes:
        with TemporaryDirectory() as folder:
            state = Path(folder)
            _in_a_process(_prepare, state, trips)
            for step, found in _in_a_process(_measured, state, trips).items():
                click.echo(f"| {trips:,} | {step} | {found[0]:.1f} s | {found[1]:.2f} GB | {found[2]:.2f} GB |")


def _in_a_process(function, *arguments):  # noqa: ANN001
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _target(state: Path) -> Target:
    return load_target(PROJECT, "local", environ={"BUNDLE_VAR_state_folder": str(state)})


def _prepare(state: Path, trips: int) -> None:
    """The feature tables of generated trips."""
    make_database(state / "mlflow" / "mlflow.db")
    target = _target(state)
    days = daily_partitions(target).get_partition_keys()
    generate_trips(state / "source", rows=trips, seed=0, first_day=target.first_day, last_day=target.newest_day)
    os.environ["TRIPS_PATH"] = str(state / "source")
    tags = {f"dagster/asset_partition_range_{end}": day for end, day in (("start", days[0]), ("end", days[-1]))}
    _run(target, "feature_engineering_job", tags)


def _measured(state: Path, trips: int) -> dict[str, tuple[float, float, float]]:  # noqa: ARG001
    """Step -> its seconds, and gigabytes when it begins and at most."""
    with sampled_memory() as memory:
        events = _run(_target(state), "model_training_job", {})
    found = {}
    for op, name in STEPS.items():
        kinds = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}
        of_step = [event for event in events if event.step_key == op and event.is_dagster_event]
        times = [event.timestamp for event in of_step if event.get_dagster_event().event_type in kinds]
        inside = memory.between(min(times), max(times))
        found[name] = (max(times) - min(times), inside[0] / 1e9, max(inside) / 1e9)
    return found


def _run(target: Target, job: str, tags: dict[str, str]) -> Sequence[dg.EventLogEntry]:
    instance, definitions = dg.DagsterInstance.ephemeral(), definitions_of(PROJECT, target)
    result = definitions.resolve_job_def(job).execute_in_process(instance=instance, tags=tags)
    return instance.all_logs(result.run_id)


@dataclass
class Memory:
    """Bytes of this process over time, Sail's among them."""

    seen: list[tuple[float, int]] = field(default_factory=list)

    def between(self, start: float, end: float) -> list[int]:
        before = [used for at, used in self.seen if at <= start][-1:]
        return before + [used for at, used in self.seen if start < at <= end]


@contextmanager
def sampled_memory() -> Iterator[Memory]:
    memory, ended, statm = Memory(), Event(), Path("/proc/self/statm")

    def look() -> None:
        while not ended.wait(EVERY):
            memory.seen.append((time(), int(statm.read_text().split()[1]) * PAGE))

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    main()
