"""Feature tables as months of daily runs leave them: created by the feature store, then written day by day."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from time import perf_counter

import click

from benchmarks.feature_store import features
from benchmarks.feature_store.warehouse import LAST_DAY, days_before, with_trips
from my_mlops_stacks.adapters.feature_store.local import LocalFeatureStore
from my_mlops_stacks.feature_engineering.feature_tables import PRIMARY_KEYS, TIMESERIES_COLUMN

TRIPS_A_DAY = 6_850
"""Five million trips in two years."""

DAY_BY_DAY = 100
"""So many newest days are commits of their own; those before are one backfill."""


def built(folder: Path, days: int) -> LocalFeatureStore:
    """A store with both feature tables of the `days` days up to `LAST_DAY`, as the assets make them."""
    first_day, alone_from = days_before(days), days_before(min(days, DAY_BY_DAY))
    store, started = with_trips(folder, TRIPS_A_DAY * days, first_day, LAST_DAY), perf_counter()
    tables = store.tables
    for name, compute in features.COMPUTE.items():
        rows = compute(tables.read("trips"), LAST_DAY, LAST_DAY).limit(0)
        keys = {"primary_keys": PRIMARY_KEYS, "timeseries_column": TIMESERIES_COLUMN, "partition_columns": ["day"]}
        store.create_table(name=name, df=rows, **keys)
    if alone_from > first_day:
        features.ours(tables, first_day, alone_from - timedelta(days=1))
    for number in range((LAST_DAY - alone_from).days + 1):
        day = alone_from + timedelta(days=number)
        features.ours(tables, day, day)
    click.echo(f"{days} days of features made in {perf_counter() - started:.0f} s", err=True)
    return store
