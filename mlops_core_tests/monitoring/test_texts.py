"""Columns of texts and of booleans: what is said of a day's values, and how far they are from the training rows'."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlops_core.monitoring.bins import FREQUENT, bins_of
from mlops_core.monitoring.columns import watched
from mlops_core.monitoring.drift import drift_metrics
from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.profile import profile_metrics
from mlops_core.project import Input, Project
from mlops_core_tests.flights.project import PROJECT
from mlops_core_tests.flights.sample import FIRST, LAST

KEY = ("late_model", 1)


def whole(profile: pd.DataFrame, column: str) -> pd.DataFrame:
    rows = profile[profile["slice_key"].isna() & (profile["column_name"] == column)]
    return rows.set_index("day").sort_index()


def test_texts_are_counted_and_have_no_numbers(profile, predicted):
    for column in ("carrier", "origin", "dest"):
        found = whole(profile, column)
        assert set(found["data_type"]) == {"string"}
        np.testing.assert_array_equal(found["count"], predicted.groupby("day").size())
        assert (found["num_nulls"] == 0).all() and (found["percent_null"] == 0).all()
        assert found[["num_nan", "num_zeros", "percent_zeros", "avg", "stddev", "min", "max"]].isna().all(axis=None)
        assert found[["median", "quantiles"]].isna().all(axis=None)


def test_numbers_beside_texts_are_described(profile, predicted):
    found, miles = whole(profile, "distance"), predicted.groupby("day")["distance"]
    np.testing.assert_allclose(found["avg"], miles.mean())
    np.testing.assert_allclose(found["median"], miles.median())


def test_what_is_watched_is_what_the_model_sees_and_says(profile):
    """The time, what identifies a flight and what only slices go by are no inputs."""
    assert watched(PROJECT)[-2:] == ["prediction", "late"]
    assert set(profile["column_name"]) == {":table", *watched(PROJECT)}
    assert not {"flight_id", "scheduled_departure", "predicted_class"} & set(watched(PROJECT))


def drift_of(
    spark: SparkSession, column: str, baseline: list, day: list, *, kind: str = "string", project: Project = PROJECT
) -> dict:
    """The row that compares a day's values with the baseline's."""
    rows = spark.createDataFrame([(value,) for value in day], f"{column} {kind}")
    rows = rows.selectExpr(column, "date'2013-02-01' day", "'late_model' model_name", "1 model_version")
    bins = {KEY: bins_of(pd.DataFrame({column: pd.Series(baseline, dtype=object)}), project)}
    (row,) = drift_metrics(rows, rows, bins, date(2013, 2, 1)).collect()
    return row.asDict(recursive=True)


def test_drift_of_texts_is_scipys_over_their_values(shared_spark):
    random, names = np.random.default_rng(0), ["AA", "B6", "UA"]
    baseline, day = (
        random.choice(names, size, p=shares).tolist()
        for size, shares in ((2_000, [0.5, 0.3, 0.2]), (500, [0.3, 0.3, 0.4]))
    )
    got = drift_of(shared_spark, "carrier", baseline, day)
    counts = [[sample.count(name) for name in names] for sample in (day, baseline)]
    expected = stats.chi2_contingency(counts, correction=False)
    assert got["chi_squared_test"] == {
        "statistic": pytest.approx(expected.statistic),
        "pvalue": pytest.approx(expected.pvalue),
    }
    p, q = (np.array(of) / sum(of) for of in counts)
    assert got["js_distance"] == pytest.approx(jensenshannon(p, q, base=2))
    assert got["population_stability_index"] == pytest.approx(np.sum((p - q) * np.log(p / q)))
    assert (got["data_type"], got["ks_test"], got["avg_delta"]) == ("string", None, None)
    assert got["percent_zeros_delta"] is None


def test_rare_new_and_missing_texts_have_a_bin_each(shared_spark):
    """Of the baseline, YV and 9E are below the share of a frequent value: they are others, as a new one is."""
    baseline = ["AA"] * 970 + ["YV"] * 15 + ["9E"] * 5 + [None] * 10
    assert FREQUENT > 15 / 990
    day = ["AA"] * 80 + ["XX"] * 5 + ["YV"] * 5 + [None] * 10
    got = drift_of(shared_spark, "carrier", baseline, day)
    p, q = np.array([80, 10, 10]) / 100, np.array([970, 20, 10]) / 1_000
    assert got["population_stability_index"] == pytest.approx(np.sum((p - q) * np.log(p / q)))
    assert got["percent_null_delta"] == pytest.approx(9)
    assert got["tv_distance"] == pytest.approx(np.abs(p - q).sum() / 2)


def test_a_text_that_is_a_number_stays_a_text(shared_spark):
    got = drift_of(shared_spark, "carrier", ["9", "09"] * 50, ["9"] * 50 + ["09"] * 50)
    assert got["population_stability_index"] == pytest.approx(0)
    quoted = drift_of(shared_spark, "carrier", ["O'Hare", 'a "b"', "\\"] * 50, ["O'Hare", 'a "b"', "\\"])
    assert quoted["population_stability_index"] == pytest.approx(0)


def test_a_baseline_without_values_is_compared_too(shared_spark):
    got = drift_of(shared_spark, "carrier", [None] * 100, ["AA"] * 50 + [None] * 50)
    assert got["percent_null_delta"] == pytest.approx(-50)
    assert got["tv_distance"] == pytest.approx(0.5)


@pytest.fixture
def with_boolean() -> Project:
    weekend = Input("at_weekend", "boolean", "Whether it is Saturday or Sunday", expression="dayofweek(day) IN (1, 7)")
    training = replace(PROJECT.model.training, inputs=(*PROJECT.model.training.inputs, weekend))
    return replace(PROJECT, models=(replace(PROJECT.model, training=training),))


def test_booleans_are_categories(shared_spark, with_boolean):
    baseline, day = [True] * 60 + [False] * 30 + [None] * 10, [True] * 20 + [False] * 70 + [None] * 10
    got = drift_of(shared_spark, "at_weekend", baseline, day, kind="boolean", project=with_boolean)
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.6, 0.1])
    assert got["population_stability_index"] == pytest.approx(np.sum((p - q) * np.log(p / q)))
    assert (got["data_type"], got["ks_test"]) == ("boolean", None)


def test_a_boolean_is_profiled_by_its_share(predictions, flight_events, predicted, with_boolean):
    rows = predictions.selectExpr("*", "dayofweek(day) IN (1, 7) AS at_weekend")
    labelled = with_labels(rows, flight_events, with_boolean, FIRST, LAST)
    found = whole(profile_metrics(rows, labelled, with_boolean).toPandas(), "at_weekend")
    share = predicted["scheduled_departure"].dt.dayofweek.ge(5).groupby(predicted["day"]).mean()
    np.testing.assert_array_equal(found["avg"], share)
    assert found["quantiles"].isna().all()


def test_drift_of_all_columns_of_a_day_is_zero_against_itself(predictions: DataFrame, flight_events, predicted):
    labelled = with_labels(predictions, flight_events, PROJECT, FIRST, LAST)
    of_day = predictions.where(f"day = DATE'{LAST}'"), labelled.where(f"day = DATE'{LAST}'")
    bins = {KEY: bins_of(predicted[predicted["day"] == LAST], PROJECT)}
    found = drift_metrics(*of_day, bins, LAST).toPandas().set_index("column_name")
    assert set(found.index) == set(watched(PROJECT))
    np.testing.assert_allclose(found["population_stability_index"], 0, atol=1e-12)
