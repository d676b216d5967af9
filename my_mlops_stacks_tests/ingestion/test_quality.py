"""When rejected trips say that a source is broken."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from mlops_core.ingestion.quality import Rejections, extent
from my_mlops_stacks.ingestion.trips import TRIPS

DAY, NEXT = date(2016, 2, 10), date(2016, 2, 11)
FARE, ZIP = "fare not positive", "null in pickup_zip"


@pytest.mark.parametrize(
    ("accepted", "rejected", "sentences"),
    [
        ({DAY: 95}, {(DAY, FARE): 5}, []),
        ({DAY: 94}, {(DAY, FARE): 6}, ["6 of 100 trips were rejected, more than 5%"]),
        ({DAY: 1_980}, {(DAY, FARE): 20}, []),
        ({DAY: 1_979}, {(DAY, FARE): 21}, ["21 of 2000 trips were rejected for 'fare not positive', more than 1%"]),
        ({DAY: 1_981}, {(DAY, FARE): 19, (None, ZIP): 19}, []),
        ({DAY: 979}, {(DAY, f"{FARE}; {ZIP}"): 21}, ["for 'fare not positive'", "for 'null in pickup_zip'"]),
        (
            {DAY: 1_979},
            {(DAY, f"no fare: '1,{n:03}'"): 1 for n in range(21)},
            ["21 of 2000 trips were rejected for 'no"],
        ),
        ({DAY: 6_000, NEXT: 79}, {(NEXT, FARE): 21}, ["21 of 100 trips of 2016-02-11 were rejected, more than 10%"]),
        ({DAY: 6_000}, {(NEXT, FARE): 21}, ["21 of 21 trips of 2016-02-11"]),
        ({DAY: 6_000, NEXT: 10}, {(NEXT, FARE): 10}, []),
        ({DAY: 6_000}, {(None, FARE): 21}, []),
        ({DAY: 100}, {(DAY, "duplicate"): 1_000, (DAY, "superseded"): 1_000, (DAY, "superseded; duplicate"): 9}, []),
        ({DAY: 94}, {(DAY, f"{FARE}; duplicate"): 6}, ["6 of 100 trips were rejected, more than 5%"]),
    ],
)
def test_each_limit_has_its_sentence(accepted: dict, rejected: dict, sentences: list[str]) -> None:
    problems = Rejections(TRIPS, accepted, rejected).problems()
    assert len(problems) == len(sentences)
    assert all(sentence in problem for sentence, problem in zip(sentences, problems, strict=True))


def test_the_metadata_counts_reasons_as_they_stand_in_the_table() -> None:
    found = Rejections(TRIPS, {}, {(DAY, ZIP): 2, (DAY, FARE): 1, (NEXT, FARE): 1, (None, "duplicate"): 3})
    assert list(found.by_reason.items()) == [("duplicate", 3), (FARE, 2), (ZIP, 2)]


def test_the_extent_is_that_of_the_trips(spark: SparkSession) -> None:
    times = pd.to_datetime(["2016-02-10 23:59", "2016-02-11 01:30", "2016-01-31 00:00"])
    times = times + pd.Timedelta(microseconds=7)
    trips = pd.DataFrame({"tpep_pickup_datetime": times, "day": times.date})
    assert extent(TRIPS, spark.createDataFrame(trips)) == (trips.day.min(), trips.day.max(), times.max())
    assert extent(TRIPS, spark.createDataFrame(trips).where("day > DATE '2017-01-01'")) == (None, None, None)
