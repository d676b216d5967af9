"""Apache Spark on the JVM as a process that does what it is told on its standard input, and says how long it took.

It has the ancestor's way of building both feature tables, and dbl-tempo's point-in-time join. Without Delta's jars it
writes parquet, which is a little less work than what it is compared with.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FRIDAY = 4  # Python's


class OnJvm:
    """The process, and calls to it."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
        environment["PYSPARK_PYTHON"] = sys.executable
        command = [sys.executable, "-m", "benchmarks.feature_store.on_jvm"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def seconds(self, task: str, *paths: Path) -> float:
        """How long the task took there.

        Raises:
            RuntimeError: the process ended.
        """
        self._process.stdin.write(" ".join([task, *map(str, paths)]) + "\n")
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            if line.startswith("took "):
                return float(line.removeprefix("took "))
        raise RuntimeError(
            f"Apache Spark ended during {task}: run `python -m benchmarks.feature_store.on_jvm` to see why."
        )

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def build_features(spark: SparkSession, trips: str, folder: str) -> None:
    """The ancestor's way: windows straight over the trips, day and weekend by Python functions of each row."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import IntegerType, StringType

    @F.udf(StringType())
    def partition_id(at: datetime) -> str:
        return f"{at.year:04d}-{at.month:02d}-{at.day:02d}"

    @F.udf(IntegerType())
    def is_weekend(at: datetime) -> int:
        return int((at + timedelta(hours=-5)).weekday() > FRIDAY)  # its shift of the wall clock, kept as it is

    rows = spark.read.parquet(trips)
    windows = F.window("tpep_dropoff_datetime", "1 hour", "15 minutes")
    features = rows.groupBy(F.col("pickup_zip").alias("zip"), windows).agg(
        F.mean("fare_amount").cast("float").alias("mean_fare_window_1h_pickup_zip"),
        F.count("*").cast("int").alias("count_trips_window_1h_pickup_zip"),
    )
    features = features.select("zip", F.col("window.end").alias("ts"), *features.columns[2:])
    features.withColumn("day", partition_id("ts")).write.mode("overwrite").partitionBy("day").parquet(
        f"{folder}/trip_pickup_features"
    )
    windows = F.window("tpep_dropoff_datetime", "30 minutes")
    features = rows.groupBy(F.col("dropoff_zip").alias("zip"), windows).agg(
        F.count("*").cast("int").alias("count_trips_window_30m_dropoff_zip")
    )
    features = features.select("zip", F.col("window.end").alias("ts"), "count_trips_window_30m_dropoff_zip")
    features = features.withColumn("dropoff_is_weekend", is_weekend("ts")).withColumn("day", partition_id("ts"))
    features.write.mode("overwrite").partitionBy("day").parquet(f"{folder}/trip_dropoff_features")


def tempo_join(spark: SparkSession, labels: str, features: str, joined: str) -> None:
    from tempo import TSDF

    left = TSDF(spark.read.parquet(labels), ts_col="at", partition_cols=["zip"])
    right = TSDF(spark.read.parquet(features), ts_col="at", partition_cols=["zip"])
    left.asofJoin(right, right_prefix="found").df.write.mode("overwrite").parquet(joined)


def main() -> None:
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master(f"local[{os.cpu_count()}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "8g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "8")
        .getOrCreate()
    )
    tasks = {"features": build_features, "join": tempo_join}
    for line in sys.stdin:
        task, *paths = line.split()
        started = perf_counter()
        tasks[task](spark, *paths)
        sys.stdout.write(f"took {perf_counter() - started}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
