"""A training set of a million labels against a million feature rows, read from and written to parquet."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.project.feature_lookup import FeatureLookup

ZIPS, MINUTES = 250, 60 * 24 * 60
FEATURE_TABLE = "benchmark_features"
CODEC = "snappy"
"""Apache Spark's own; left alone, each contender would compress in another way."""


def make_input(folder: Path, rows: int) -> None:
    """Labels at any second of 60 days, features at the quarter hours, keys evenly spread."""
    random, start = np.random.default_rng(0), datetime(2016, 1, 1)
    seconds = random.integers(0, MINUTES * 60, rows)
    labels = pl.DataFrame({"zip": random.integers(0, ZIPS, rows).astype("int32"), "second": seconds})
    quarters = random.choice(ZIPS * MINUTES // 15, rows, replace=False)
    features = pl.DataFrame({"zip": (quarters % ZIPS).astype("int32"), "second": quarters // ZIPS * 15 * 60})
    at = (pl.lit(start) + pl.duration(seconds=pl.col("second"))).dt.replace_time_zone("UTC").alias("at")
    labels.select("zip", at, pl.Series("fare", random.random(rows))).write_parquet(folder / "labels.parquet")
    values = {"mean_fare": random.random(rows), "trips": random.integers(0, 99, rows).astype("int32")}
    features.select("zip", at).with_columns(pl.DataFrame(values)).write_parquet(folder / "features.parquet")


def create_table(store: LocalFeatureStore, folder: Path) -> None:
    rows = store.tables.spark.spark_session.read.parquet(str(folder / "features.parquet"))
    store.create_table(name=FEATURE_TABLE, primary_keys=["zip", "at"], timeseries_column="at", df=rows)


def ours(store: LocalFeatureStore, folder: Path) -> None:
    labels = store.tables.spark.spark_session.read.parquet(str(folder / "labels.parquet"))
    look_up = FeatureLookup(FEATURE_TABLE, "zip", timestamp_lookup_key="at")
    rows = store.create_training_set(df=labels, feature_lookups=[look_up], label="fare").load_df()
    rows.write.mode("overwrite").option("compression", CODEC).parquet(str(folder / "ours"))


def in_polars(folder: Path) -> None:
    labels, features = (pl.scan_parquet(folder / f"{name}.parquet").sort("at") for name in ("labels", "features"))
    shutil.rmtree(folder / "polars", ignore_errors=True)
    (folder / "polars").mkdir()
    joined = labels.join_asof(features, on="at", by="zip", check_sortedness=False)
    joined.sink_parquet(folder / "polars" / "rows.parquet", compression=CODEC)


def content(folder: Path, prefix: str = "") -> pl.DataFrame:
    """The joined rows in one order; `prefix` is what a contender puts before the features' names."""
    rows = pl.scan_parquet(f"{folder}/*.parquet").select(
        "zip",
        pl.col("at").dt.epoch("us"),
        "fare",
        pl.col(f"{prefix}mean_fare").alias("mean_fare"),
        pl.col(f"{prefix}trips").alias("trips"),
    )
    return rows.sort("zip", "at", "fare").collect()
