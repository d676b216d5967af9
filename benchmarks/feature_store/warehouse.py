"""Warehouses to measure in, with trips that the generator made; and the proof that contenders made the same of them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import click
import polars as pl
from polars.testing import assert_frame_equal

from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core.ingestion.accept import accept
from mlops_core.ingestion.conform import conform
from my_mlops_stacks.ingestion.generator import generate_trips
from my_mlops_stacks.ingestion.trips import TRIPS

LAST_DAY = date(2017, 12, 31)


def days_before(days: int) -> date:
    """The first of so many days that end with `LAST_DAY`."""
    return LAST_DAY - timedelta(days=days - 1)


def store_in(folder: Path) -> LocalFeatureStore:
    """A feature store with nothing in it yet."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    registry = ModelRegistry("benchmark_model", "benchmark", uri, uri, "http://127.0.0.1:5000", folder / "artifacts")
    return LocalFeatureStore(LocalTables(LocalSpark(folder / "warehouse", "benchmark")), registry)


def with_trips(folder: Path, rows: int, first_day: date, last_day: date) -> LocalFeatureStore:
    """A feature store beside a table with the accepted ones of generated trips."""
    started = perf_counter()
    generate_trips(folder / "raw", rows=rows, seed=0, first_day=first_day, last_day=last_day)
    store = store_in(folder)
    raw = store.tables.spark.spark_session.read.parquet(str(folder / "raw"))
    store.tables.replace("trips", accept(TRIPS, conform(TRIPS, raw))[0], None, ["day"])
    click.echo(f"{rows:,} trips made in {perf_counter() - started:.0f} s", err=True)
    return store


def same(ours: pl.DataFrame, theirs: pl.DataFrame, whose: str) -> None:
    """Compare rows in the same order; fares may differ by a cent, where a float's sum depends on its order.

    Raises:
        RuntimeError: they are not the same.
    """
    try:
        assert_frame_equal(ours, theirs, abs_tol=0.011, check_dtypes=False)
    except AssertionError as error:
        raise RuntimeError(f"Not the same rows, so the times mean nothing: {whose}.") from error
