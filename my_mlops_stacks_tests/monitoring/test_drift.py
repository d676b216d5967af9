"""Drift against SciPy over the same bins, and what odd columns make of it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame
from scipy import stats
from scipy.spatial.distance import chebyshev, cityblock, jensenshannon

from mlops_core.monitoring.bins import bins_of
from mlops_core.monitoring.columns import DRIFT_COLUMNS
from mlops_core.monitoring.drift import drift_metrics, versions_of
from mlops_core.monitoring.drift_rule import comparisons_of
from mlops_core.monitoring.statistics import SMALLEST_SHARE, ks_test
from my_mlops_stacks.project import PROJECT

FIRST = date(2016, 2, 15)


def compared(spark, baseline: np.ndarray, days: list[np.ndarray], column: str = "trip_distance") -> DataFrame:
    """The drift of one column whose values on 15 February and the days after are `days`, in order."""
    frames = [pd.DataFrame({column: values, "after": number}) for number, values in enumerate(days)]
    predictions = spark.createDataFrame(pd.concat(frames)).selectExpr(
        column, "date_add(date'2016-02-15', cast(after as int)) day", "'fare_model' model_name", "1 model_version"
    )
    bins = {("fare_model", 1): bins_of(pd.DataFrame({column: baseline}), PROJECT)}
    assert versions_of(predictions) == [("fare_model", 1)]
    drift = drift_metrics(predictions, predictions, bins, FIRST)
    assert dict(drift.dtypes) == {name: kind for name, (kind, _) in DRIFT_COLUMNS.items()}
    return drift


def drift_of(spark, baseline: np.ndarray, days: list[np.ndarray], column: str = "trip_distance") -> list[dict]:
    """Its rows."""
    drift = compared(spark, baseline, days, column)
    return [row.asDict(recursive=True) for row in drift.orderBy("day", "drift_type").collect()]


def test_drift_of_numbers_equals_scipy_over_the_same_bins(spark):
    rng = np.random.default_rng(1)
    baseline, values = rng.normal(0, 1, 5000), rng.normal(0.5, 1.2, 3000)
    edges = [-np.inf, *np.quantile(baseline, np.arange(0.1, 1, 0.1)), np.inf]
    p, q = (np.histogram(sample, edges)[0] / len(sample) for sample in (values, baseline))
    (got,) = drift_of(spark, baseline, [values])
    assert (got["drift_type"], got["window_cmp"], got["chi_squared_test"]) == ("BASELINE", None, None)
    assert got["js_distance"] == pytest.approx(jensenshannon(p, q, base=2))
    assert got["population_stability_index"] == pytest.approx(np.sum((p - q) * np.log(p / q)))
    assert got["avg_delta"] == pytest.approx(values.mean() - baseline.mean())
    whole = stats.ks_2samp(baseline, values)
    assert got["ks_test"]["statistic"] <= whole.statistic  # bins see no more than the whole sample
    assert got["ks_test"]["statistic"] == pytest.approx(whole.statistic, abs=0.02)
    middles = np.arange(10)  # one value a bin: then the whole sample has nothing that the bins hide
    binned = stats.ks_2samp(
        np.repeat(middles, np.round(q * 5000).astype(int)),
        np.repeat(middles, np.round(p * 3000).astype(int)),
        method="asymp",
    )
    assert got["ks_test"]["statistic"] == pytest.approx(binned.statistic)


@pytest.mark.parametrize(
    ("sizes", "shift", "between", "tolerance"),
    [
        ((400, 300), 0.0, (0.05, 1), 1e-9),
        ((400, 300), 0.12, (0.01, 0.5), 1e-9),
        ((400, 300), 0.25, (1e-6, 0.01), 1e-9),
        ((9_000, 7_000), 0.0, (0.05, 1), 1e-3),  # above 1,000 another formula stands in for SciPy's
        ((9_000, 7_000), 0.02, (0.01, 0.9), 1e-3),
        ((9_000, 7_000), 0.045, (1e-6, 0.01), 5e-3),
    ],
)
def test_the_p_value_of_kolmogorov_smirnov_is_that_of_scipy(spark, sizes, shift, between, tolerance):
    """Both samples have a few values, each a bin of its own: then the whole samples have nothing that bins hide."""
    rng = np.random.default_rng(4)
    baseline = np.repeat(np.arange(10.0), sizes[0] // 10)
    values = np.minimum(rng.integers(0, 10, sizes[1]) + (rng.random(sizes[1]) < shift * 4), 9).astype(float)
    expected = stats.ks_2samp(baseline, values, method="asymp")
    assert between[0] < expected.pvalue < between[1]
    (got,) = drift_of(spark, baseline, [values])
    assert got["ks_test"]["statistic"] == pytest.approx(expected.statistic)
    assert got["ks_test"]["pvalue"] == pytest.approx(expected.pvalue, rel=tolerance)


@pytest.mark.parametrize("size", [1, 2, 50, 1_000, 1_001, 100_000])
@pytest.mark.parametrize("statistic", [0.0, 1e-9, 0.5, 1.0])
def test_a_p_value_is_a_probability(size, statistic):
    sample = np.array([size - round(statistic * size), round(statistic * size)])
    assert 0 <= ks_test(sample, np.array([size, 0])).pvalue <= 1


def test_drift_of_zips_equals_scipys_chi_squared(spark):
    rng = np.random.default_rng(2)
    zips = np.array([10001, 10002, 10003, 10004])
    baseline, values = rng.choice(zips, 2000, p=[0.4, 0.3, 0.2, 0.1]), rng.choice(zips, 500, p=[0.3, 0.3, 0.2, 0.2])
    (got,) = drift_of(spark, baseline, [values], "pickup_zip")
    table = [[np.sum(sample == one) for one in zips] for sample in (values, baseline)]
    expected = stats.chi2_contingency(table, correction=False)
    assert got["ks_test"] is None
    assert got["chi_squared_test"] == {
        "statistic": pytest.approx(expected.statistic),
        "pvalue": pytest.approx(expected.pvalue),
    }
    shares = [np.array(counts) / np.sum(counts) for counts in table]
    assert got["js_distance"] == pytest.approx(jensenshannon(*shares, base=2))
    assert got["tv_distance"] == pytest.approx(cityblock(*shares) / 2)
    assert got["l_infinity_distance"] == pytest.approx(chebyshev(*shares))
    assert (got["avg_delta"], got["percent_zeros_delta"]) == (None, None)


def test_zeros_and_rows_are_compared_too(spark):
    (got,) = drift_of(spark, np.array([0.0, 1, 2, 3]), [np.array([0.0, 0, 1, 2, np.nan])])
    assert got["count_delta"] == 1.0
    assert got["percent_zeros_delta"] == pytest.approx(100 * (2 / 5 - 1 / 4))
    assert (got["tv_distance"], got["l_infinity_distance"]) == (None, None)


def test_new_zips_count_as_others_and_show(spark):
    baseline = np.repeat([10001, 10002], 500)
    (same,) = drift_of(spark, baseline, [np.repeat([10001, 10002], 50)], "pickup_zip")
    (new,) = drift_of(spark, baseline, [np.repeat([10001, 10002, 99999, 99998], 25)], "pickup_zip")
    assert same["population_stability_index"] == pytest.approx(0, abs=1e-3)
    assert new["population_stability_index"] > 1
    assert new["chi_squared_test"]["pvalue"] < 1e-6


def test_a_day_is_compared_with_the_day_before(spark):
    rng = np.random.default_rng(3)
    one, other = rng.normal(0, 1, 2000), rng.normal(3, 1, 1000)
    rows = drift_of(spark, one, [one, one, other])
    found = [(str(row["day"]), row["drift_type"]) for row in rows]
    assert found == [
        ("2016-02-15", "BASELINE"),  # the day before it has no predictions
        ("2016-02-16", "BASELINE"),
        ("2016-02-16", "CONSECUTIVE"),
        ("2016-02-17", "BASELINE"),
        ("2016-02-17", "CONSECUTIVE"),
    ]
    assert rows[2]["population_stability_index"] == pytest.approx(0)
    assert rows[4]["population_stability_index"] > 1
    assert str(rows[4]["window_cmp"]["start"]) == "2016-02-16 00:00:00"


def test_a_day_whose_day_before_was_deleted_is_compared_with_the_baseline_only(spark):
    values = np.arange(100.0)
    rows = drift_of(spark, values, [values, np.array([]), values])
    assert [(str(row["day"]), row["drift_type"]) for row in rows] == [
        ("2016-02-15", "BASELINE"),
        ("2016-02-17", "BASELINE"),
    ]


def test_the_same_distribution_does_not_drift(spark):
    values = np.random.default_rng(2).exponential(3, 4000)
    (got,) = drift_of(spark, values, [values])
    assert (got["population_stability_index"], got["js_distance"]) == pytest.approx((0, 0), abs=1e-7)
    assert got["ks_test"] == {"statistic": pytest.approx(0), "pvalue": 1}


def test_nulls_and_constant_columns_have_bins_of_their_own(spark):
    (got,) = drift_of(spark, np.full(100, 7.0), [np.array([7.0, np.nan])])
    assert got["population_stability_index"] == pytest.approx(
        (0.5 - 1) * np.log(0.5 / 1) + (0.5 - SMALLEST_SHARE) * np.log(0.5 / SMALLEST_SHARE)
    )
    assert got["percent_null_delta"] == 50
    (constant,) = drift_of(spark, np.full(100, 7.0), [np.full(3, 7.0)])
    assert constant["population_stability_index"] == 0


@pytest.mark.parametrize(
    ("frequent", "other"), [(7.0, 6.0), (7.0, 8.0), (7.0, -np.inf), (7.0, np.inf), (0.0, -1.0), (0.0, 1.0)]
)
@pytest.mark.parametrize("share", [1.0, 0.7])
def test_other_values_than_a_frequent_one_are_drift_on_either_side(spark, share, frequent, other):
    """A feature that was one value, always or mostly, is another in half of the rows."""
    random, is_frequent = np.random.default_rng(0), np.arange(1_000) < 1_000 * share
    baseline = np.where(is_frequent, frequent, random.normal(frequent, 1, 1_000))
    (found,) = comparisons_of(compared(spark, baseline, [np.repeat([frequent, other], 100)]), FIRST)
    assert found.has_drifted(50)
    (same,) = comparisons_of(compared(spark, baseline, [baseline[::5]]), FIRST)
    assert same.psi < 0.1 and not same.has_drifted(50)


def test_infinite_values_are_compared_too(spark):
    values, endless = np.arange(300.0), np.full(300, np.inf)
    for baseline, day, has_drifted in ((endless, values, True), (values, endless, True), (endless, endless, False)):
        (found,) = comparisons_of(compared(spark, baseline, [day]), FIRST)
        assert found.has_drifted(50) == has_drifted


def test_one_row_and_one_zip_are_described_too(spark):
    (one,) = drift_of(spark, np.arange(100.0), [np.array([50.0])])
    assert one["count"] == 1 and np.isfinite(one["population_stability_index"])
    (single,) = drift_of(spark, np.full(50, 10001), [np.full(5, 10001)], "pickup_zip")
    assert single["chi_squared_test"] is None  # one category: there is nothing to compare
    (empty,) = drift_of(spark, np.arange(10.0), [np.array([np.nan, np.nan])])
    assert empty["ks_test"] is None and empty["population_stability_index"] > 1


@pytest.mark.parametrize("change", ["nulls appear", "nulls go", "none"])
def test_a_column_that_is_null_in_each_row_on_one_side_has_drifted(spark, change):
    """No test compares values with none: a feature that is not filled any more is drift all the same."""
    values, nulls = np.arange(100.0), np.full(100, np.nan)
    baseline, day = {"nulls appear": (values, nulls), "nulls go": (nulls, values), "none": (nulls, nulls)}[change]
    (found,) = comparisons_of(compared(spark, baseline, [day]), FIRST)
    assert found.pvalue is None
    assert found.has_drifted(50) == (change != "none")


def test_labels_that_have_not_arrived_are_not_drift(spark):
    values = np.array([10.0, 12.0, 14.0] * 10)
    rows = drift_of(spark, values, [np.concatenate([values, np.full(30, np.nan)]), np.full(3, np.nan)], "fare_amount")
    first, second = (row for row in rows if row["drift_type"] == "BASELINE")
    assert first["population_stability_index"] == pytest.approx(0)
    assert (second["count"], second["population_stability_index"]) == (0, None)


def test_each_version_is_compared_with_its_own_training_rows(spark):
    frame = pd.DataFrame({"trip_distance": [0.0, 1.0] * 50, "model_version": [1, 2] * 50})
    predictions = spark.createDataFrame(frame).selectExpr(
        "trip_distance", "date'2016-02-15' day", "'fare_model' model_name", "cast(model_version as int) model_version"
    )
    bins = {
        ("fare_model", version): bins_of(pd.DataFrame({"trip_distance": [float(version - 1)] * 100}), PROJECT)
        for version in (1, 2)
    }
    rows = drift_metrics(predictions, predictions, bins, FIRST).collect()
    assert {row["model_id"]: row["population_stability_index"] for row in rows} == {
        "fare_model/1": 0.0,
        "fare_model/2": 0.0,
    }


def test_the_first_day_of_a_version_is_compared_with_the_day_before_in_its_own_bins(spark):
    """Only the bins of version 2 tell what version 1 predicted, 10, from what it predicts itself, 11."""
    frame = pd.DataFrame({"trip_distance": [10.0] * 40 + [11.0] * 40, "model_version": [1] * 40 + [2] * 40})
    predictions = spark.createDataFrame(frame).selectExpr(
        "trip_distance",
        "date_add(date'2016-02-14', cast(model_version as int)) day",
        "'fare_model' model_name",
        "cast(model_version as int) model_version",
    )
    samples = {1: [0.0, 99.0] * 50, 2: [10.0, 11.0] * 50}
    bins = {
        ("fare_model", number): bins_of(pd.DataFrame({"trip_distance": rows}), PROJECT)
        for number, rows in samples.items()
    }
    rows = drift_metrics(predictions, predictions, bins, FIRST).collect()
    (got,) = [row for row in rows if row["drift_type"] == "CONSECUTIVE"]
    assert (got["model_id"], got["avg_delta"], got["ks_test"]["statistic"]) == ("fare_model/2", 1.0, 1.0)
