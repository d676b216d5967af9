"""The join in time against `pandas.merge_asof`, on cases that hypothesis looks for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlops_core.adapters.feature_store.point_in_time import Match, point_in_time_join
from mlops_core_tests.adapters.feature_store.conftest import TIME, as_table

LABELS = pa.schema([("row", pa.int32()), ("pickup zip", pa.int32()), ("borough", pa.string()), ("moment", TIME)])
FEATURES = pa.schema(
    [("zip", pa.int32()), ("area", pa.string()), ("ts", TIME), ("mean", pa.float64()), ("count", pa.int32())]
)
OUTPUTS = {"mean_fare": "mean", "trips.count": "count", "found_at": "ts"}
SECOND = timedelta(seconds=1)
ANCHORS = [
    datetime(2016, 1, 1),  # midnight, month and year
    datetime(2016, 2, 29, 12),
    datetime(2016, 3, 1),
    datetime(2016, 3, 13, 2, 30),  # an hour that New York skips
    datetime(2016, 11, 6, 1, 30),  # an hour that New York repeats
    datetime(1969, 12, 31, 23, 59, 59),
]
OFFSETS = [timedelta(0), timedelta(microseconds=1), -timedelta(microseconds=1), SECOND, -SECOND, timedelta(hours=1)]

zips = st.integers(1, 3)
areas = st.sampled_from(["a", "b"])
moments = st.builds(lambda anchor, offset: anchor + offset, st.sampled_from(ANCHORS), st.sampled_from(OFFSETS))
features = st.lists(
    st.tuples(zips, areas, moments, st.none() | st.floats(-9, 9), st.none() | st.integers(0, 9)),
    max_size=30,
    unique_by=lambda row: row[:3],
)
labels = st.lists(st.tuples(st.none() | zips, st.none() | areas, moments), min_size=1, max_size=30)
lookbacks = st.sampled_from([None, timedelta(0), timedelta(microseconds=1), SECOND, timedelta(hours=1), timedelta(99)])


def expected(label_rows: list, feature_rows: list, lookback: timedelta | None) -> pd.DataFrame:
    """What pandas finds. A null key is a value that no feature row has."""
    left = pd.DataFrame(label_rows, columns=["pickup zip", "borough", "moment"]).rename_axis("row").reset_index()
    left = left.astype({"pickup zip": "float64"}).fillna({"pickup zip": -1.0})
    left = left.astype({"pickup zip": "int64", "borough": "str"})
    right = pd.DataFrame(feature_rows, columns=["pickup zip", "borough", "ts", "mean_fare", "trips.count"])
    right = right.astype({"pickup zip": "int64", "borough": "str", "ts": "datetime64[us]"})
    right = right.astype({"mean_fare": "float64", "trips.count": "float64"})
    return pd.merge_asof(
        left.astype({"moment": "datetime64[us]"}).sort_values("moment"),
        right.assign(found_at=right["ts"]).sort_values("ts"),
        left_on="moment",
        right_on="ts",
        by=["pickup zip", "borough"],
        tolerance=None if lookback is None else pd.Timedelta(lookback),
    )


def comparable(found: pd.DataFrame) -> list[tuple]:
    """Row number and looked-up values, nulls as None."""
    return sorted(
        (int(row), *(None if pd.isna(value) else value for value in values))
        for row, *values in found[["row", "mean_fare", "trips.count", "found_at"]].itertuples(index=False)
    )


def as_found(joined: pa.Table) -> pd.DataFrame:
    frame = joined.to_pandas()
    return frame.assign(found_at=pd.to_datetime(frame["found_at"]).dt.tz_localize(None))


MATCH = ("pickup zip", "borough"), ("zip", "area"), "moment", "ts"
T0 = datetime(2016, 1, 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels, features, lookbacks)
@example([(1, "a", T0)] * 2, [(1, "a", T0, None, 1), (1, "a", T0 - SECOND, 5.0, None)], None)  # a null wins
@example([(1, "a", T0)], [(1, "a", T0 - SECOND, 5.0, 1)], SECOND)  # the edge of the look-back counts
@example([(1, "a", T0)], [(1, "a", T0 - SECOND, 5.0, 1)], timedelta(0))
@example([(1, "a", T0)], [], None)
def test_rows_are_those_of_merge_asof(make_frame, label_rows, feature_rows, lookback):
    numbered = [(number, *row) for number, row in enumerate(label_rows)]
    joined = point_in_time_join(
        make_frame(numbered, LABELS), make_frame(feature_rows, FEATURES), Match(*MATCH, lookback), OUTPUTS
    )
    assert joined.columns == [*LABELS.names, *OUTPUTS]
    found = joined.toArrow()
    assert comparable(as_found(found)) == comparable(expected(label_rows, feature_rows, lookback))
    times = dict(zip(found["row"].to_pylist(), found["moment"].to_pylist(), strict=True))
    assert {row: time.replace(tzinfo=None) for row, time in times.items()} == {row: at for row, _, _, at in numbered}


def test_label_columns_of_every_kind_survive(spark):
    rows = "SELECT 1 AS k, TIMESTAMP'2016-01-01' AS t, array(1, 2) AS a, map('x', 1.5D) AS m, named_struct('y', 1) AS s"
    features = spark.sql(
        "SELECT 1 AS k, TIMESTAMP'2015-01-01' AS ts, array('p') AS f, CAST(1.25 AS DECIMAL(9, 2)) AS d"
    )
    joined = point_in_time_join(spark.sql(rows), features, Match(["k"], ["k"], "t", "ts"), {"f": "f", "d": "d"})
    (row,) = joined.select("a", "m", "s.y", "f", "d").collect()
    assert tuple(row) == ([1, 2], {"x": 1.5}, 1, ["p"], pytest.approx(1.25))


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP_NTZ"])
def test_times_may_be_dates_or_without_a_zone(spark, kind):
    labels = spark.sql(f"SELECT 1 AS k, {kind}'2016-03-13' AS t")
    features = spark.sql(f"SELECT 1 AS k, {kind}'2016-03-12' AS ts, 5 AS f UNION ALL SELECT 1, {kind}'2016-03-14', 6")
    match = Match(["k"], ["k"], "t", "ts", timedelta(days=1))
    joined = point_in_time_join(labels, features, match, {"f": "f"})
    assert joined.schema["t"].dataType == labels.schema["t"].dataType
    assert joined.collect() == [(1, labels.collect()[0]["t"], 5)]


def test_the_time_may_be_a_key_too(spark):
    labels = spark.sql("SELECT DATE'2016-03-13' AS t")
    features = spark.sql("SELECT DATE'2016-03-13' AS day, DATE'2016-03-12' AS ts, 5 AS f")
    joined = point_in_time_join(labels, features, Match(["t"], ["day"], "t", "ts"), {"f": "f"})
    assert joined.collect() == [(date(2016, 3, 13), 5)]


def test_a_feature_row_without_a_time_or_key_is_no_row(make_frame):
    features = make_frame([(1, "a", None, 5.0, 5), (None, "a", T0, 6.0, 6)], FEATURES)
    rows = make_frame([(0, 1, "a", T0), (1, None, "a", T0)], LABELS)
    joined = point_in_time_join(rows, features, Match(*MATCH), OUTPUTS).orderBy("row").toArrow()
    assert joined["row"].to_pylist() == [0, 1]
    assert joined["mean_fare"].to_pylist() == [None, None]


def test_a_label_row_without_a_time_raises(make_frame):
    rows = make_frame([(0, 1, "a", T0), (1, 1, "a", None)], LABELS)
    joined = point_in_time_join(rows, make_frame([(1, "a", T0, 5.0, 5)], FEATURES), Match(*MATCH), OUTPUTS)
    with pytest.raises(Exception, match="a label row has no time: 'moment' is null"):
        joined.collect()


ON_APACHE_SPARK = """
import json, sys
from datetime import timedelta
from pyspark.sql import SparkSession
from mlops_core.adapters.feature_store.point_in_time import Match, point_in_time_join
folder, match, outputs, lookback = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]), float(sys.argv[4])
builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
spark = builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2").getOrCreate()
labels, features = (spark.read.parquet(f"{folder}/{name}.parquet") for name in ("labels", "features"))
point_in_time_join(labels, features, Match(*match, timedelta(seconds=lookback)), outputs).write.parquet(f"{folder}/out")
"""


QUICK_JVM = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}  # less compiling for so few rows


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java: apt-get install default-jre-headless")
def test_apache_spark_finds_the_same_rows(tmp_path: Path):
    rows = list(product((None, 1, 2), "ab", (anchor + offset for anchor in ANCHORS for offset in OFFSETS)))
    with_keys = enumerate(rows[len(rows) // 3 :: 2])
    known = [(*row, None if number % 3 else 1.5 * number, number) for number, row in with_keys]
    pq.write_table(as_table([(n, *row) for n, row in enumerate(rows)], LABELS), tmp_path / "labels.parquet")
    pq.write_table(as_table(known, FEATURES), tmp_path / "features.parquet")
    arguments = [str(tmp_path), json.dumps(MATCH), json.dumps(OUTPUTS), "3600"]
    others = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    environment = others | {"SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": os.pathsep.join(sys.path), **QUICK_JVM}
    run = [sys.executable, "-c", ON_APACHE_SPARK, *arguments]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = as_found(pq.read_table(tmp_path / "out"))
    assert comparable(found) == comparable(expected(rows, known, timedelta(hours=1)))
    assert found["found_at"].notna().sum() > 50
