"""Predictions of events that are told apart by a number that no model sees, against counts by hand."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession

from mlops_core.deployment.pairing import Pairing, pairing
from mlops_core.deployment.predictions import as_predictions, to_score
from mlops_core_tests.adapters.sources.landed import DEPARTURES, departure

DAY = date(2013, 3, 9)


@pytest.fixture
def departures(shared_spark: SparkSession) -> DataFrame:
    schema = ", ".join(f"{name} {kind}" for name, kind in DEPARTURES.types.items())
    rows = [(*departure(flight_id=2**53 + number), DAY) for number in range(3)]
    return shared_spark.createDataFrame(rows, f"{schema}, day date")


def predicted(departures: DataFrame, version: int) -> DataFrame:
    scored = to_score(DEPARTURES, departures, DAY, DAY).drop("day").selectExpr("*", "0.5D AS prediction")
    return as_predictions(DEPARTURES, scored, "late_model", version, datetime(2013, 3, 10, version))


def test_nothing_that_is_known_late_is_scored_and_the_identity_stays(departures: DataFrame) -> None:
    assert not {"landed_at", "delay", "is_late"} & set(to_score(DEPARTURES, departures, DAY, DAY).columns)
    types = dict(predicted(departures, 1).dtypes)
    assert (types["flight_id"], types["model_version"], types["day"]) == ("bigint", "int", "date")


def test_each_is_predicted_once(departures: DataFrame) -> None:
    made = predicted(departures, 1)
    assert pairing(DEPARTURES, made, departures) == Pairing(doubled=0, missing=0)
    assert pairing(DEPARTURES, made.union(made.limit(1)), departures) == Pairing(doubled=1, missing=0)
    one_more = made.where(f"flight_id <> {2**53 + 1}").union(predicted(departures, 2).limit(1))
    assert pairing(DEPARTURES, one_more, departures) == Pairing(doubled=0, missing=2)
