"""Both feature tables from accepted trips, written as Delta, by us and by the fastest that this machine has."""

from __future__ import annotations

import shutil
from datetime import date
from functools import partial
from pathlib import Path

import deltalake
import duckdb
import polars as pl
import pyarrow as pa

from mlops_core.adapters.tables import LocalTables
from mlops_core.features.tables import compute_features
from my_mlops_stacks.feature_engineering.features.dropoff_features import DROPOFF_FEATURES
from my_mlops_stacks.feature_engineering.features.pickup_features import PICKUP_FEATURES

FRIDAY = 5  # Polars'
COMPUTE = {table.name: partial(compute_features, table) for table in (PICKUP_FEATURES, DROPOFF_FEATURES)}
PLAIN_SQL = {
    "trip_pickup_features": """
        SELECT pickup_zip AS zip, ts, CAST(avg(fare_amount) AS FLOAT) AS mean_fare_window_1h_pickup_zip,
               CAST(count(*) AS INT) AS count_trips_window_1h_pickup_zip, CAST(ts AS DATE) AS day
        FROM (SELECT pickup_zip, fare_amount, unnest([
                time_bucket(INTERVAL '15 minutes', tpep_dropoff_datetime) + INTERVAL '15 minutes' * slide
                FOR slide IN [1, 2, 3, 4]]) AS ts FROM trips)
        GROUP BY ALL""",
    "trip_dropoff_features": """
        SELECT dropoff_zip AS zip, ts, CAST(count(*) AS INT) AS count_trips_window_30m_dropoff_zip,
               CAST(dayofweek(ts) IN (0, 6) AS INT) AS dropoff_is_weekend, CAST(ts AS DATE) AS day
        FROM (SELECT dropoff_zip,
                     time_bucket(INTERVAL '30 minutes', tpep_dropoff_datetime) + INTERVAL '30 minutes' AS ts
              FROM trips)
        GROUP BY ALL""",
}


def ours(tables: LocalTables, first_day: date, last_day: date) -> None:
    """As the assets do it: the days of a backfill replaced in one commit for each table."""
    for name, compute in COMPUTE.items():
        rows = compute(tables.read("trips"), first_day, last_day)
        tables.replace(name, rows, f"day BETWEEN DATE'{first_day}' AND DATE'{last_day}'", ["day"])


def in_duckdb(trips: Path, target: Path, first_day: date, last_day: date) -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.read_parquet(f"{trips}/*/*.parquet", hive_partitioning=False).create_view("trips")
    for name, query in PLAIN_SQL.items():
        rows = f"SELECT * FROM ({query}) WHERE day BETWEEN DATE '{first_day}' AND DATE '{last_day}'"
        _write(connection.sql(rows).to_arrow_table(), target / name)


def in_polars(trips: Path, target: Path, first_day: date, last_day: date) -> None:
    """Pre-aggregated to the slide, as we do it."""
    rows = pl.scan_parquet(f"{trips}/*/*.parquet", hive_partitioning=False)
    fare, count = pl.col("fare").sum() / pl.col("trips").sum(), pl.col("trips").sum().cast(pl.Int32)
    pickups = _windows(rows, "pickup_zip", "15m", 4).agg(
        fare.cast(pl.Float32).alias("mean_fare_window_1h_pickup_zip"), count.alias("count_trips_window_1h_pickup_zip")
    )
    dropoffs = _windows(rows, "dropoff_zip", "30m", 1).agg(count.alias("count_trips_window_30m_dropoff_zip"))
    dropoffs = dropoffs.with_columns((pl.col("ts").dt.weekday() > FRIDAY).cast(pl.Int32).alias("dropoff_is_weekend"))
    for name, features in {"trip_pickup_features": pickups, "trip_dropoff_features": dropoffs}.items():
        days = features.with_columns(pl.col("ts").dt.date().alias("day"))
        _write(days.filter(pl.col("day").is_between(first_day, last_day)).collect().to_arrow(), target / name)


def _windows(trips: pl.LazyFrame, key: str, slide: str, slices: int) -> object:
    ended = trips.group_by(pl.col(key).alias("zip"), pl.col("tpep_dropoff_datetime").dt.truncate(slide).alias("slice"))
    sums = ended.agg(pl.col("fare_amount").sum().alias("fare"), pl.len().alias("trips"))
    minutes = int(slide.removesuffix("m"))
    shifted = [
        sums.with_columns(pl.col("slice").dt.offset_by(f"{minutes * n}m").alias("ts")) for n in range(1, slices + 1)
    ]
    return pl.concat(shifted).group_by("zip", "ts")


def _write(rows: pa.Table, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    deltalake.write_deltalake(folder, rows, partition_by=["day"])


def content(folder: Path) -> pl.DataFrame:
    """A feature table's rows in the order of their keys, fares to the cent: sums differ by their order."""
    rows = pl.scan_delta(str(folder)).with_columns(pl.col(pl.Float32).round(2), pl.col("ts").cast(pl.Datetime("us")))
    return rows.select(sorted(rows.collect_schema().names())).sort("zip", "ts").collect()


def ancestor_content(folder: Path, first_day: date, last_day: date) -> pl.DataFrame:
    """What the ancestor's way made of these days, without the weekend: it shifts the wall clock."""
    rows = pl.scan_parquet(f"{folder}/**/*.parquet", hive_partitioning=True).with_columns(
        pl.col(pl.Float32).round(2), pl.col("ts").cast(pl.Datetime("us")), pl.col("day").cast(pl.Date)
    )
    rows = rows.filter(pl.col("day").is_between(first_day, last_day)).drop("dropoff_is_weekend", strict=False)
    return rows.select(sorted(rows.collect_schema().names())).sort("zip", "ts").collect()
