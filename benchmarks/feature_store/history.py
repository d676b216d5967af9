"""A warehouse as months of daily runs leave it, and one more day of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import click
import dagster as dg

from benchmarks.feature_store import features
from benchmarks.feature_store.warehouse import LAST_DAY, days_before
from mlops_core.adapters.tables import LocalTables
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import build_resources
from my_mlops_stacks.ingestion.generator import generate_trips
from my_mlops_stacks.project import PROJECT

TRIPS_A_DAY = 6_850
"""Five million trips in two years."""

DAY_BY_DAY = 100
"""So many newest days of features are commits of their own; those before are one backfill."""

QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


@dataclass(frozen=True)
class History:
    """The definitions of `local` on a folder of their own, trips of some days delivered there, and its tables."""

    folder: Path
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    tables: LocalTables

    def run(self, first_day: date, last_day: date) -> None:
        """`feature_engineering_job` for these days: trips taken, both feature tables written, checked and recorded."""
        tags = {
            f"dagster/asset_partition_range_{end}": str(day) for end, day in (("start", first_day), ("end", last_day))
        }
        delivered = {"ops": {"ingest_trips": {"config": {"path": str(self.folder / "delivered")}}}}
        self.definitions.resolve_job_def("feature_engineering_job").execute_in_process(
            instance=self.instance, tags=tags, run_config=delivered | QUIET
        )


def built(folder: Path, days: int) -> History:
    """The `days` days up to `LAST_DAY`, as the assets make them."""
    started, first_day = perf_counter(), days_before(days)
    generate_trips(folder / "delivered", rows=TRIPS_A_DAY * days, seed=0, first_day=first_day, last_day=LAST_DAY)
    variables = {"state_folder": folder / "state", "first_day": first_day, "last_day": LAST_DAY}
    target = load_target(
        PROJECT, "local", environ={f"BUNDLE_VAR_{name}": str(value) for name, value in variables.items()}
    )
    with dg.build_resources(
        {name: build_resources(PROJECT, target)[name] for name in ("spark", "tables")}
    ) as resources:
        tables = resources.tables
    history = History(folder, definitions_of(PROJECT, target), dg.DagsterInstance.ephemeral(), tables)
    history.run(first_day, LAST_DAY)
    for number in range(min(days, DAY_BY_DAY)):
        day = LAST_DAY - timedelta(days=number)
        features.ours(tables, day, day)
    click.echo(f"{days} days of trips and features made in {perf_counter() - started:.0f} s", err=True)
    return history
