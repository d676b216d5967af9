from __future__ import annotations

import logging
import math
from collections import Counter
from datetime import date, datetime

import duckdb
import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mlops_core.ingestion.accept import accept, require_acceptable
from mlops_core.ingestion.columns import accepted_columns, rejected_columns
from mlops_core.ingestion.conform import InvalidEventsError, conform
from mlops_core.ingestion.days import ALL_DAYS
from mlops_core.ingestion.quality import rejections
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks_tests.samples import ON_THE_REAL_TRIPS, Sample

TYPES = dict(TRIPS.types)
SCHEMA = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
PICKUP, DROPOFF = datetime(2016, 2, 13, 21, 47, 53), datetime(2016, 2, 13, 21, 57, 15)
NOT_AFTER = "tpep_dropoff_datetime not after tpep_pickup_datetime"
GOOD = (PICKUP, DROPOFF, 1.4, 8.0, 10103, 10110)

JUDGED = """
    SELECT *, concat_ws('; ',
        CASE WHEN tpep_dropoff_datetime <= tpep_pickup_datetime
            THEN 'tpep_dropoff_datetime not after tpep_pickup_datetime' END,
        CASE WHEN fare_amount <= 0 THEN 'fare not positive' END,
        CASE WHEN trip_distance <= 0 THEN 'distance not positive' END,
        CASE WHEN row_number() OVER (PARTITION BY {columns}) > 1 THEN 'duplicate' END) AS reason
    FROM '{file}'
"""
"""The rules in plain SQL."""


def a_trip(**changes: object) -> tuple:
    return tuple((dict(zip(TYPES, GOOD, strict=True)) | changes).values())


def frame(spark: SparkSession, *rows: tuple, schema: str = SCHEMA) -> DataFrame:
    return spark.createDataFrame(list(rows), schema)


def judged(
    spark: SparkSession, *rows: tuple, schema: str = SCHEMA, now: datetime | None = None
) -> tuple[DataFrame, DataFrame]:
    return accept(TRIPS, conform(TRIPS, frame(spark, *rows, schema=schema)), now)


def reasons(spark: SparkSession, *rows: tuple) -> list[str]:
    return sorted(row["reason"] for row in judged(spark, *rows)[1].collect())


def is_valid(
    pickup: datetime | None, dropoff: datetime | None, miles: float | None, fare: float | None, *zips: int | None
) -> bool:
    """The rules in plain words, for the values of the messy input."""
    if None in (pickup, miles, *zips):
        return False
    in_order = dropoff is None or dropoff > pickup
    return in_order and 0 < miles < 1e9 and (fare is None or fare > 0) and all(1 <= number <= 99_999 for number in zips)


def identity(row: tuple) -> tuple:
    return (row[0], row[2], row[4], row[5])


class TestConform:
    def test_names_the_missing_columns_and_those_that_are_there(self, spark: SparkSession) -> None:
        raw = frame(spark, (PICKUP, 1.0, 2), schema="tpep_pickup_datetime timestamp, fare double, PULocationID int")
        with pytest.raises(InvalidEventsError) as error:
            conform(TRIPS, raw)
        assert "lack the columns tpep_dropoff_datetime, trip_distance, fare_amount, pickup_zip, dropoff_zip" in str(
            error.value
        )
        assert "they have: tpep_pickup_datetime, fare, PULocationID" in str(error.value)
        assert "fare_amount (double)" in str(error.value)

    @pytest.mark.parametrize(
        ("column", "value", "kind", "sentence"),
        [
            ("fare_amount", "8.0", "string", "fare_amount is string, expected a number"),
            ("trip_distance", True, "boolean", "trip_distance is boolean, expected a number"),
            ("pickup_zip", 10103.0, "double", "pickup_zip is double, expected an integer"),
            ("dropoff_zip", "10103", "string", "dropoff_zip is string, expected an integer"),
            ("tpep_pickup_datetime", date(2016, 2, 13), "date", "tpep_pickup_datetime is date, expected timestamp"),
            ("tpep_dropoff_datetime", 1455400073, "bigint", "tpep_dropoff_datetime is bigint, expected timestamp"),
        ],
    )
    def test_names_the_column_of_a_wrong_type(
        self, spark: SparkSession, column: str, value: object, kind: str, sentence: str
    ) -> None:
        schema = ", ".join(f"{name} {kind if name == column else right}" for name, right in TYPES.items())
        with pytest.raises(InvalidEventsError, match=sentence):
            conform(TRIPS, frame(spark, a_trip(**{column: value}), schema=schema))

    def test_names_all_columns_of_a_wrong_type_at_once(self, spark: SparkSession) -> None:
        schema = ", ".join(f"{name} string" for name in TYPES)
        with pytest.raises(InvalidEventsError) as error:
            conform(TRIPS, frame(spark, tuple("x" for _ in TYPES), schema=schema))
        assert all(name in str(error.value) for name in TYPES)

    def test_takes_other_numbers_another_order_and_extra_columns(
        self, spark: SparkSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        raw = frame(spark, a_trip()).select(
            F.lit("cash").alias("payment"),
            F.col("dropoff_zip").cast("smallint"),
            F.col("pickup_zip").cast("bigint"),
            F.col("fare_amount").cast("decimal(8,2)"),
            F.lit(2).alias("trip_distance"),
            F.col("tpep_dropoff_datetime").cast("timestamp_ntz"),
            "tpep_pickup_datetime",
        )
        with caplog.at_level(logging.INFO):
            trips = conform(TRIPS, raw)
        assert dict(trips.dtypes) == TYPES | {"source_problem": "string"}
        assert trips.columns == [*TYPES, "source_problem"]
        assert tuple(trips.collect()[0]) == (PICKUP, DROPOFF, 2.0, 8.0, 10103, 10110, None)
        assert "not used: payment" in caplog.text

    @pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz"])
    def test_keeps_the_wall_clock_even_in_the_hour_that_daylight_saving_skips(
        self, spark: SparkSession, kind: str
    ) -> None:
        clock = datetime(2016, 3, 13, 2, 30)
        raw = frame(spark, a_trip(tpep_pickup_datetime=clock, tpep_dropoff_datetime=datetime(2016, 3, 13, 3, 1)))
        raw = raw.withColumn("tpep_pickup_datetime", F.col("tpep_pickup_datetime").cast(kind))
        row = conform(TRIPS, raw).select("*", F.hour("tpep_pickup_datetime").alias("hour")).collect()[0]
        assert (row["tpep_pickup_datetime"], row["hour"]) == (clock, 2)


class TestAccept:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            *(({name: None}, f"null in {name}") for name in TRIPS.identity),
            ({"trip_distance": math.nan}, "NaN in trip_distance"),
            ({"fare_amount": math.nan}, "NaN in fare_amount"),
            ({"fare_amount": math.inf}, "infinite fare_amount"),
            ({"trip_distance": math.inf}, "infinite trip_distance"),
            ({"fare_amount": -math.inf}, "infinite fare_amount; fare not positive"),
            ({"fare_amount": 0.0}, "fare not positive"),
            ({"fare_amount": -8.0}, "fare not positive"),
            ({"trip_distance": 0.0}, "distance not positive"),
            ({"trip_distance": -0.1}, "distance not positive"),
            ({"tpep_dropoff_datetime": PICKUP}, NOT_AFTER),
            (
                {"tpep_dropoff_datetime": datetime(2016, 2, 13, 21, 0)},
                NOT_AFTER,
            ),
            ({"pickup_zip": 0}, "pickup_zip not a US zip"),
            ({"dropoff_zip": 100_000}, "dropoff_zip not a US zip"),
            ({"dropoff_zip": -10001}, "dropoff_zip not a US zip"),
            (
                {"tpep_dropoff_datetime": PICKUP, "trip_distance": 0.0, "fare_amount": None, "pickup_zip": 0},
                f"{NOT_AFTER}; distance not positive; pickup_zip not a US zip",
            ),
        ],
    )
    def test_rejects_a_bad_row_with_its_reasons(self, spark: SparkSession, changes: dict, reason: str) -> None:
        accepted, rejected = judged(spark, a_trip(), a_trip(**changes))
        assert [row["fare_amount"] for row in accepted.collect()] == [8.0]
        assert [row["reason"] for row in rejected.collect()] == [reason]
        assert rejected.columns == [*TYPES, "reason", "day"]

    def test_rejects_a_zip_that_no_integer_holds(self, spark: SparkSession) -> None:
        raw = frame(
            spark, a_trip(pickup_zip=10_103_000_000), schema=SCHEMA.replace("pickup_zip int", "pickup_zip long")
        )
        assert [row["reason"] for row in accept(TRIPS, conform(TRIPS, raw))[1].collect()] == [
            "pickup_zip does not fit int; null in pickup_zip"
        ]

    def test_accepts_one_of_equal_trips(self, spark: SparkSession) -> None:
        nearly = a_trip(trip_distance=1.41)
        accepted, _ = judged(spark, a_trip(), nearly, a_trip(), a_trip())
        assert sorted(row["trip_distance"] for row in accepted.collect()) == [1.4, 1.41]
        assert reasons(spark, a_trip(), nearly, a_trip(), a_trip()) == ["duplicate", "duplicate"]

    def test_an_invalid_trip_that_repeats_is_rejected_each_time(self, spark: SparkSession) -> None:
        bad = a_trip(fare_amount=math.nan, pickup_zip=None)
        once = "null in pickup_zip; NaN in fare_amount"
        assert reasons(spark, bad, bad, bad) == [once, f"{once}; duplicate", f"{once}; duplicate"]

    def test_the_day_is_that_of_the_pickup(self, spark: SparkSession) -> None:
        late = a_trip(
            tpep_pickup_datetime=datetime(2016, 2, 28, 23, 59, 59),
            tpep_dropoff_datetime=datetime(2016, 2, 29, 0, 20),
        )
        row = judged(spark, late)[0].collect()[0]
        assert row["day"] == date(2016, 2, 28)
        assert row["tpep_dropoff_datetime"] == datetime(2016, 2, 29, 0, 20)

    def test_every_row_of_a_messy_input_ends_up_in_exactly_one_place(self, spark: SparkSession) -> None:
        rng = np.random.default_rng(3)
        choices = {
            "tpep_pickup_datetime": [PICKUP, datetime(2016, 2, 13, 22, 0), None],
            "tpep_dropoff_datetime": [DROPOFF, datetime(2016, 2, 14, 0, 0), None],
            "trip_distance": [*(1.4 + n for n in range(40)), 0.0, -1.0, math.nan, math.inf, None],
            "fare_amount": [8.0, 9.0, 0.0, -8.0, math.nan, None],
            "pickup_zip": [10103, 0, None],
            "dropoff_zip": [10110, 99_999, 100_000],
        }
        rows = [tuple(values[rng.integers(len(values))] for values in choices.values()) for _ in range(3_000)]
        accepted, rejected = (part.collect() for part in judged(spark, *rows))

        def spelled(row: tuple) -> tuple[str, ...]:
            return tuple(map(str, row[:6]))

        assert Counter(map(spelled, accepted)) + Counter(map(spelled, rejected)) == Counter(map(spelled, rows))
        told = [row for row in {spelled(row): row for row in rows}.values() if is_valid(*row)]
        best: dict[tuple, tuple] = {}
        for row in told:
            known = sum(value is not None for value in (row[1], row[3]))
            ranked = (known, row[1] or datetime.min, row[3] or 0.0, row)
            best[identity(row)] = max(ranked, best.get(identity(row), ranked), key=lambda found: found[:3])
        expected = {spelled(row) for *_, row in best.values()}
        assert {spelled(row) for row in accepted} == expected
        assert len(accepted) == len(expected) > 0
        assert any("None" in row for row in expected)
        assert all(row["reason"] for row in rejected)

    def test_every_trip_of_a_file_is_accepted_or_rejected(self, spark: SparkSession, sample: Sample) -> None:
        accepted, rejected = accept(TRIPS, conform(TRIPS, spark.read.parquet(str(sample.path))))
        judged = duckdb.sql(JUDGED.format(file=sample.path, columns=", ".join(TYPES)))  # noqa: F841 - the queries read it
        columns = "count(*), sum(fare_amount), min(tpep_pickup_datetime), max(tpep_pickup_datetime)"
        (truth,) = duckdb.sql(f"SELECT {columns} FROM judged WHERE reason = ''").fetchall()
        pickup = F.col("tpep_pickup_datetime")
        found = accepted.agg(F.count("*"), F.sum("fare_amount"), F.min(pickup), F.max(pickup)).collect()[0]
        assert tuple(found) == (truth[0], pytest.approx(truth[1]), *truth[2:])
        counted = duckdb.sql("SELECT reason, count(*) FROM judged WHERE reason <> '' GROUP BY reason").fetchall()
        assert rejections(TRIPS, accepted, rejected).by_reason == dict(counted)
        assert len(counted) > 2

    @ON_THE_REAL_TRIPS
    def test_the_real_trips(self, spark: SparkSession, sample: Sample) -> None:
        accepted, rejected = accept(TRIPS, conform(TRIPS, spark.read.parquet(str(sample.path))))
        assert accepted.count() == 9_961
        assert list(rejections(TRIPS, accepted, rejected).by_reason.items()) == [
            ("distance not positive", 34),
            ("fare not positive", 4),
            ("fare not positive; distance not positive", 1),
        ]


class TestRequireAcceptable:
    def test_is_content_with_one_good_trip(self, spark: SparkSession) -> None:
        require_acceptable(TRIPS, conform(TRIPS, frame(spark, a_trip(fare_amount=0.0), a_trip())), ALL_DAYS)

    def test_refuses_an_empty_input(self, spark: SparkSession) -> None:
        with pytest.raises(InvalidEventsError, match="no trips in the input"):
            require_acceptable(TRIPS, conform(TRIPS, frame(spark)), ALL_DAYS)

    def test_names_the_reasons_when_nothing_is_left(self, spark: SparkSession) -> None:
        rows = [a_trip(fare_amount=0.0), a_trip(fare_amount=-1.0), a_trip(pickup_zip=None)]
        with pytest.raises(InvalidEventsError, match=r"fare not positive \(2\), null in pickup_zip \(1\)"):
            require_acceptable(TRIPS, conform(TRIPS, frame(spark, *rows)), ALL_DAYS)


def test_both_tables_have_the_columns_that_are_documented(spark: SparkSession) -> None:
    for table, documented in zip(
        judged(spark, a_trip()),
        (accepted_columns(TRIPS), rejected_columns(TRIPS)),
        strict=True,
    ):
        assert table.dtypes == [(name, kind) for name, (kind, _) in documented.items()]


def test_a_problem_that_the_source_names_rejects_its_row(spark: SparkSession) -> None:
    bad = (*a_trip(trip_distance=2.0, fare_amount=None), "unparsable fare_amount")
    accepted, rejected = accept(
        TRIPS, conform(TRIPS, frame(spark, (*GOOD, None), bad, schema=f"{SCHEMA}, source_problem string"))
    )
    assert [row["trip_distance"] for row in accepted.collect()] == [1.4]
    assert [row["reason"].split("; ")[0] for row in rejected.collect()] == ["unparsable fare_amount"]
    assert "source_problem" not in accepted.columns + rejected.columns
