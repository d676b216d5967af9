"""The hold-out is the most recent days, never a random share; a label counts from when it was known."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from pyspark.sql import DataFrame

from mlops_core.project.checks import MIN_TRAINING_ROWS
from mlops_core.training.split import (
    TooFewDaysError,
    TooFewRowsError,
    held_out,
    holdout_start,
    known_before,
    labelled_days,
    require_enough,
)
from my_mlops_stacks.ingestion.trips import TRIPS

FIRST, LAST, START = date(2016, 1, 1), date(2016, 2, 29), date(2016, 2, 15)
SCHEMA = "tpep_pickup_datetime timestamp, tpep_dropoff_datetime timestamp, fare_amount double, day date"


def trips(spark, *rows: tuple[str, str | None, float | None]) -> DataFrame:
    def at(text: str | None) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    return spark.createDataFrame([(at(up), at(off), fare, at(up).date()) for up, off, fare in rows], SCHEMA)


def per_day(spark, counts: dict[str, int], fare: float | None = 8.0) -> DataFrame:
    rows = [(f"{day} 10:00", f"{day} 10:10", fare) for day, count in counts.items() for _ in range(count)]
    return trips(spark, *rows)


def fares(rows: DataFrame) -> list[float]:
    return sorted(row["fare_amount"] for row in rows.collect())


def test_the_last_fifteen_of_sixty_days_are_held_out():
    assert holdout_start(TRIPS, FIRST, LAST, 15) == START


def test_too_few_days_are_refused_with_the_key_to_change():
    with pytest.raises(TooFewDaysError, match="holdout_days in resources/model-workflow-resource.yml"):
        holdout_start(TRIPS, FIRST, date(2016, 1, 15), 15)


def test_a_trip_is_trained_on_when_its_fare_was_known_before_the_cut_and_held_out_when_it_began_after_it(spark):
    rows = trips(
        spark,
        ("2016-02-14 23:40", "2016-02-14 23:59:59", 1.0),
        ("2016-02-14 23:40", "2016-02-15 00:00", 2.0),  # known at the cut: on neither side
        ("2016-02-14 12:00", None, None),
        ("2016-02-14 12:00", None, 3.0),
        ("2016-02-14 12:00", "2016-02-14 12:10", None),
        ("2016-02-15 00:00", "2016-02-15 00:10", 4.0),
        ("2016-02-20 12:00", "2016-02-20 12:10", 5.0),
        ("2016-02-20 12:00", "2016-02-20 12:10", None),
        ("2016-02-20 12:00", None, 6.0),
        ("2016-03-01 00:00", "2016-03-01 00:10", 7.0),
    )
    assert fares(known_before(TRIPS, rows, START)) == [1.0]
    assert fares(held_out(TRIPS, rows, START, LAST)) == [4.0, 5.0]
    assert fares(held_out(TRIPS, rows, START)) == [4.0, 5.0, 7.0]


def test_every_trip_is_on_one_side_but_those_under_way_at_the_cut(sample, sample_trips):
    rows, frame = sample_trips
    start, last = date.fromisoformat(sample.day(-15)), date.fromisoformat(sample.day(-1))
    pickup, dropoff, cut = frame.tpep_pickup_datetime, frame.tpep_dropoff_datetime, str(start)
    past, unseen = known_before(TRIPS, rows, start).count(), held_out(TRIPS, rows, start, last).count()
    assert past == ((pickup < cut) & (dropoff < cut)).sum()
    assert unseen == (pickup >= cut).sum()
    assert len(frame) - past - unseen == ((pickup < cut) & (dropoff >= cut)).sum() > 0
    assert labelled_days(TRIPS, rows, sample.first_day, sample.last_day) == (sample.first_day, sample.last_day)


class TestLabelledDays:
    def test_trips_of_days_that_are_not_built_do_not_count(self, spark):
        rows = per_day(spark, {"2015-12-31": 3, "2016-01-02": 3, "2016-02-20": 3, "2016-03-01": 3})
        assert labelled_days(TRIPS, rows, FIRST, LAST) == (date(2016, 1, 2), date(2016, 2, 20))

    def test_days_without_labels_do_not_count(self, spark):
        rows = per_day(spark, {"2016-01-02": 3, "2016-01-03": 3}).union(per_day(spark, {"2016-01-04": 3}, None))
        assert labelled_days(TRIPS, rows, FIRST, LAST) == (date(2016, 1, 2), date(2016, 1, 3))

    def test_a_dozen_broken_clocks_are_no_days(self, spark):
        days = {str(date(2016, 1, 2) + timedelta(days=n)): 150 for n in range(20)}
        strays = {str(date(2016, 2, 10) + timedelta(days=n)): 1 for n in range(12)}
        assert labelled_days(TRIPS, per_day(spark, days | strays), FIRST, LAST) == (date(2016, 1, 2), date(2016, 1, 21))

    def test_in_a_small_city_a_day_of_one_trip_is_a_day(self, spark):
        assert labelled_days(TRIPS, per_day(spark, {"2016-01-02": 1, "2016-01-03": 5}), FIRST, LAST)[0] == date(
            2016, 1, 2
        )

    @pytest.mark.parametrize(
        ("counts", "fare", "sentence"),
        [
            ({}, 8.0, "There are no accepted trips"),
            ({"2016-01-02": 2, "2016-01-05": 1}, None, "2016-01-02 to 2016-01-05, has its label yet: fare_amount or"),
            ({"2017-01-02": 2}, 8.0, "days that are built; trips are of 2017-01-02 to 2017-01-02: first_day and last"),
        ],
    )
    def test_says_why_there_are_none(self, spark, counts, fare, sentence):
        with pytest.raises(TooFewDaysError, match=sentence):
            labelled_days(TRIPS, per_day(spark, counts, fare), FIRST, LAST)


def test_a_training_on_a_handful_of_trips_is_refused():
    require_enough(TRIPS, MIN_TRAINING_ROWS, START)
    with pytest.raises(TooFewRowsError, match=r"only 99 trips .* before 2016-02-15"):
        require_enough(TRIPS, MIN_TRAINING_ROWS - 1, START)
