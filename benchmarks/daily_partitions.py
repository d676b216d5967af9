"""The whole pipeline on the same trips in more and more daily partitions: `make benchmark-partitions`.

What it costs must follow the rows; each day is a small file of each table, and so must cost little. Ten years need
more trips than 10,000, of which too few would be held out: `--days 3650 --trips 36500`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import click

from benchmarks.feature_store.machine import machine
from mlops_core.adapters.mlflow_database import make_database
from my_mlops_stacks.ingestion.generator import generate_trips

LAST_DAY = date(2019, 12, 31)
TRIPS = 10_000
"""So many a run generates by itself; others are made before it, and are no part of it."""
GOAL = "at most 25 s and 1.5 GB for 1,095 days"


@click.command(help=__doc__)
@click.option("--days", "lengths", multiple=True, type=int, default=(60, 365, 730, 1_095), help="Daily partitions.")
@click.option("--trips", default=TRIPS, help="Generated trips.")
def main(lengths: Sequence[int], trips: int) -> None:
    click.echo(
        f"{machine()}; {trips:,} generated trips, goal: {GOAL}\n\n| daily partitions | time | cores' time | memory |"
    )
    click.echo("|---|---|---|---|")
    for days in lengths:
        with TemporaryDirectory() as folder:
            seconds, cpu, memory = measured(Path(folder), days, trips)
        click.echo(f"| {days:,} | {seconds:.1f} s | {cpu:.1f} s | {memory / 1e9:.2f} GB |")


def measured(state: Path, days: int, trips: int) -> tuple[float, float, int]:
    """Seconds, seconds of the cores, and the most bytes of memory of `python -m my_mlops_stacks` on an empty folder.

    Raises:
        RuntimeError: the run failed; its log is above.
    """
    make_database(state / "mlflow" / "mlflow.db")  # as `make setup` does: no part of a run
    first_day = LAST_DAY - timedelta(days=days - 1)
    variables = {"state_folder": state, "first_day": first_day, "last_day": LAST_DAY}
    environ = os.environ | {f"BUNDLE_VAR_{name}": str(value) for name, value in variables.items()}
    environ |= {"MLOPS_TARGET": "local", "DAGSTER_HOME": str(state / "dagster")}
    environ.pop("TRIPS_PATH", None)
    if trips != TRIPS:
        generate_trips(state / "source", rows=trips, seed=0, first_day=first_day, last_day=LAST_DAY)
        environ["TRIPS_PATH"] = str(state / "source")
    started, log = perf_counter(), state / "log"
    quiet = [(os.POSIX_SPAWN_OPEN, number, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for number in (1, 2)]
    process = os.posix_spawn(sys.executable, [sys.executable, "-m", "my_mlops_stacks"], environ, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    if status:
        click.echo(log.read_text())
        raise RuntimeError(f"The run on {days} days failed.")
    unit = 1 if sys.platform == "darwin" else 1024
    return perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit


if __name__ == "__main__":
    main()
