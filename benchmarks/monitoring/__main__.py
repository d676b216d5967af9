"""The monitor tables of 30 days of a million predictions, and one day again: python -m benchmarks.monitoring."""

from __future__ import annotations

import os
import platform
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import click
from pyspark.sql import functions as F

from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core.ingestion.accept import accept
from mlops_core.ingestion.conform import conform
from mlops_core.monitoring.bins import bins_of
from mlops_core.monitoring.drift import drift_metrics, versions_of
from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.profile import profile_metrics
from my_mlops_stacks.ingestion.generator import generate_trips
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks.project import PROJECT

LAST_DAY = date(2016, 12, 31)
ROWS = 1_000_000


@click.command(help=__doc__)
@click.option("--rounds", default=5, help="Rounds that count.")
def main(rounds: int) -> None:
    click.echo(f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, medians of {rounds} rounds\n")
    click.echo("| what | goal | profile | drift | together (min to max) | processor |\n|---|---|---|---|---|---|")
    with TemporaryDirectory() as temporary:
        month = predicted(Path(temporary) / "month", ROWS, 30)
        _report("30 days of 1,000,000 predictions", "10 s", month, 30, rounds)
        _report("one day of it again", "", month, 1, rounds)
        year = predicted(Path(temporary) / "year", ROWS * 365 // 30, 365)
        _report("one day of a year with as many a day", "as of a month", year, 1, rounds)


def predicted(folder: Path, rows: int, days: int) -> LocalTables:
    """Tables with generated trips of the days up to `LAST_DAY`, and a prediction for each of them."""
    tables = LocalTables(LocalSpark(folder / "warehouse", "benchmark"))
    generate_trips(folder / "raw", rows=rows, seed=0, first_day=LAST_DAY - timedelta(days=days - 1), last_day=LAST_DAY)
    raw = tables.spark.spark_session.read.parquet(str(folder / "raw"))
    tables.replace("trips", accept(TRIPS, conform(TRIPS, raw))[0], None, ["day"])
    trips = tables.read("trips")
    predictions = trips.drop("fare_amount", "tpep_dropoff_datetime").withColumns(
        {
            "pickup_hour": F.hour("tpep_pickup_datetime"),
            "mean_fare_window_1h_pickup_zip": (10 + 5 * F.rand(1)).cast("float"),
            "count_trips_window_1h_pickup_zip": (50 * F.rand(2)).cast("int"),
            "count_trips_window_30m_dropoff_zip": (50 * F.rand(3)).cast("int"),
            "prediction": 3 + 3 * F.col("trip_distance") + F.rand(4),
            "model_name": F.lit("fare_model"),
            "model_version": F.lit(1),
            "prediction_time": F.current_timestamp(),
        }
    )
    tables.replace("predictions", predictions, None, ["day"])
    return tables


def _report(what: str, goal: str, tables: LocalTables, days: int, rounds: int) -> None:
    first = LAST_DAY - timedelta(days=days - 1)
    sample = tables.read("predictions").limit(10_000).toPandas()
    sample[TRIPS.label_column] = sample["prediction"]
    bins = {("fare_model", 1): bins_of(sample, PROJECT)}
    times, processor = [], []
    for _ in range(rounds + 1):
        started, busy = perf_counter(), process_time()
        profile(tables, first)
        between = perf_counter()
        drift(tables, first, bins)
        times.append((between - started, perf_counter() - between))
        processor.append(process_time() - busy)  # of both cores together: other work does not count
    times, used = times[1:], median(processor[1:])  # the first one warms up
    sums = [sum(pair) for pair in times]
    parts = " | ".join(f"{median(part):.2f} s" for part in zip(*times, strict=True))
    click.echo(
        f"| {what} | {goal} | {parts} | {median(sums):.2f} s ({min(sums):.2f} to {max(sums):.2f}) | {used:.2f} s |"
    )


def profile(tables: LocalTables, first: date) -> None:
    """As the asset and the IO manager do it: from the tables to the table."""
    predictions = tables.read("predictions").where(F.col("day").between(F.lit(first), F.lit(LAST_DAY)))
    labelled = with_labels(predictions, tables.read("trips"), PROJECT, first, LAST_DAY)
    rows = profile_metrics(predictions, labelled, PROJECT)
    tables.replace("profile", rows, f"day BETWEEN DATE'{first}' AND DATE'{LAST_DAY}'", ["day"])


def drift(tables: LocalTables, first: date, bins: dict) -> None:
    before = first - timedelta(days=1)
    predictions = tables.read("predictions").where(F.col("day").between(F.lit(before), F.lit(LAST_DAY)))
    if versions_of(predictions) != list(bins):
        raise RuntimeError("The predictions are not of one version: the times mean nothing.")
    labelled = with_labels(predictions, tables.read("trips"), PROJECT, before, LAST_DAY)
    rows = drift_metrics(predictions, labelled, bins, first)
    tables.replace("drift", rows, f"day BETWEEN DATE'{first}' AND DATE'{LAST_DAY}'", ["day"])


if __name__ == "__main__":
    main()
