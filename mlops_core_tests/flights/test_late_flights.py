"""Declared windows alone make late flights of the real December predictable, without a leak."""

from __future__ import annotations

from datetime import date, datetime

import lightgbm
import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mlops_core.adapters.feature_store.point_in_time import Match, point_in_time_join
from mlops_core.features.leakage import leakage_violations
from mlops_core.features.tables import compute_features
from mlops_core_tests.flights import sample
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import CARRIER, DEST, ORIGIN, ORIGIN_HOUR
from mlops_core_tests.flights.project import project_of
from mlops_core_tests.flights.task import LATE

pytestmark = pytest.mark.slow

PROJECT = project_of(ORIGIN_HOUR, ORIGIN, CARRIER, DEST)
YEAR = date(2013, 1, 1), date(2013, 12, 31)
HELD_OUT_FROM = datetime(2013, 12, 1)
OWN = ["hour", "weekday", "carrier", "origin", "dest", "distance"]


def looked_up(events: DataFrame, rows: DataFrame) -> DataFrame:
    """The rows with all features of the project at their scheduled departure."""
    for lookup in PROJECT.lookups:
        table = PROJECT.table(lookup.table_name)
        features = compute_features(table, events, *YEAR).drop("day")
        match = Match(list(lookup.keys), list(table.entity), FLIGHTS.event_time, "ts")
        rows = point_in_time_join(rows, features, match, PROJECT.outputs(lookup))
    return rows


@pytest.fixture(scope="module")
def year(shared_spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    if "real" not in sample.SAMPLES:
        pytest.skip("needs the real flights of 2013: set FLIGHTS_PATH to them as a parquet file")
    return sample.as_events(shared_spark, sample.flights("real", *YEAR), tmp_path_factory.mktemp("year"))


def log_loss(rows: pd.DataFrame, columns: list[str]) -> dict[str, float]:
    """LightGBM on the flights that had landed before December, measured on those of December."""
    inputs = rows[columns].astype({name: "category" for name in columns if rows[name].dtype == object})
    past = (rows["scheduled_departure"] < HELD_OUT_FROM) & (rows["landed_at"] < HELD_OUT_FROM)
    held_out = rows["scheduled_departure"] >= HELD_OUT_FROM
    parameters = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.05, "seed": 0, "verbose": -1}
    data = lightgbm.Dataset(inputs[past], rows.loc[past, "late"].astype(float))
    model = lightgbm.train(parameters, data, num_boost_round=150)
    return LATE.measure(rows.loc[held_out, "late"].to_numpy(float), np.asarray(model.predict(inputs[held_out])))


def test_late_flights_are_predicted_from_declared_windows(year: DataFrame) -> None:
    rows = looked_up(year, year.where("late IS NOT NULL").drop("day")).toPandas()
    rows["scheduled_departure"] = pd.to_datetime(rows["scheduled_departure"]).dt.tz_localize(None)
    rows["landed_at"] = pd.to_datetime(rows["landed_at"]).dt.tz_localize(None)
    rows["hour"], rows["weekday"] = rows.scheduled_departure.dt.hour, rows.scheduled_departure.dt.weekday
    december = rows.loc[rows["scheduled_departure"] >= HELD_OUT_FROM, "late"].to_numpy(float)
    base = LATE.constant(rows.loc[rows["landed_at"] < HELD_OUT_FROM, "late"].to_numpy(float))
    assert LATE.measure(december, np.full(len(december), base))["log_loss"] == pytest.approx(0.656, abs=0.003)
    assert log_loss(rows, OWN)["log_loss"] == pytest.approx(0.644, abs=0.01)
    with_features = log_loss(rows, [*OWN, *PROJECT.looked_up])
    assert with_features["log_loss"] < 0.57
    assert with_features["roc_auc"] > 0.7


def test_none_of_these_windows_leaks(year: DataFrame) -> None:
    asked = year.where("day > '2013-06-01'").orderBy(F.xxhash64("flight_id")).limit(100)
    assert leakage_violations(PROJECT, {"flights": year}, looked_up(year, asked.drop("day"))) == []
