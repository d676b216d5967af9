"""Monitor tables against pandas, SciPy and hand calculations."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from my_mlops_stacks.monitoring.columns import DRIFT_COLUMNS, PROFILE_COLUMNS
from my_mlops_stacks.monitoring.drift import SMALLEST_SHARE, bins_of, drift_metrics
from my_mlops_stacks.monitoring.labels import with_labels as with_labels_of_days
from my_mlops_stacks.monitoring.plots import drift_heat_map, error_over_time
from my_mlops_stacks.monitoring.profile import computed, profile_metrics
from my_mlops_stacks.monitoring.violation import ViolationRule

TRIP = ("2016-02-15 08:00:00", "2016-02-15 08:10:00", 1.0, 10.0, 10001, 10002)


def with_labels(predictions, trips):
    return with_labels_of_days(predictions, trips, date(2016, 1, 1), date(2016, 2, 29))


@pytest.fixture
def predict_all():
    def predict(trips, value: str = "10.0", version: int = 1):
        return trips.drop("fare_amount", "tpep_dropoff_datetime").selectExpr(
            "*", f"{value} as prediction", "'fare_model' as model_name", f"{version} as model_version"
        )

    return predict


def test_a_prediction_without_its_fare_stays_and_is_counted(trips_of, predict_all):
    trips = trips_of([TRIP, ("2016-02-15 09:00:00", "2016-02-15 09:30:00", 2.0, 14.0, 10001, 10002)])
    arrived = trips.where("fare_amount = 14")
    row = profile_metrics(with_labels(predict_all(trips), arrived)).collect()[0]
    assert (row["count"], row["labelled_count"]) == (2, 1)
    assert (row["root_mean_squared_error"], row["bias"], row["r2_score"]) == (4.0, -4.0, None)


def test_trips_that_look_alike_at_the_pickup_are_paired_once(trips_of, predict_all):
    trips = trips_of([TRIP, (*TRIP[:3], 12.0, *TRIP[4:])])
    labelled = with_labels(predict_all(trips), trips)
    assert sorted(row["fare_amount"] for row in labelled.collect()) == [10.0, 12.0]


def test_the_profile_of_the_real_trips_equals_pandas(real_trips, predict_all):
    trips, frame = real_trips
    got = computed(profile_metrics(with_labels(predict_all(trips, "3 + 3 * trip_distance"), trips)))
    assert dict(got.dtypes) == {name: kind for name, (kind, _) in PROFILE_COLUMNS.items()}
    error = 3 + 3 * frame.trip_distance - frame.fare_amount
    days = frame.tpep_pickup_datetime.dt.date
    expected = pd.DataFrame(
        {
            "count": error.groupby(days).size(),
            "root_mean_squared_error": (error**2).groupby(days).mean() ** 0.5,
            "mean_absolute_error": error.abs().groupby(days).mean(),
            "bias": error.groupby(days).mean(),
            "r2_score": 1 - (error**2).groupby(days).mean() / frame.fare_amount.groupby(days).var(ddof=0),
        }
    )
    result = got.toPandas().set_index("day").sort_index()[list(expected.columns)]
    pd.testing.assert_frame_equal(result, expected, check_names=False)


def test_two_versions_of_a_day_are_profiled_apart(trips_of, predict_all):
    trips = trips_of([TRIP])
    both = predict_all(trips, "10.0", 1).unionByName(predict_all(trips, "13.0", 2))
    rows = profile_metrics(with_labels(both, trips)).orderBy("model_id").collect()
    assert [(row["model_id"], row["mean_absolute_error"]) for row in rows] == [
        ("fare_model/1", 0.0),
        ("fare_model/2", 3.0),
    ]


def drift_of(spark, baseline: np.ndarray, values: np.ndarray) -> dict:
    frame = pd.DataFrame({"value": values, "model_name": "fare_model", "model_version": 1})
    predictions = spark.createDataFrame(frame).selectExpr(
        "date'2016-02-15' as day", "value", "model_name", "cast(model_version as int) model_version"
    )
    drift = drift_metrics(predictions, bins_of(pd.DataFrame({"value": baseline}), ["value"]))
    assert dict(drift.dtypes) == {name: kind for name, (kind, _) in DRIFT_COLUMNS.items()}
    return drift.collect()[0].asDict()


def test_drift_equals_scipy_over_the_same_bins(spark):
    rng = np.random.default_rng(1)
    baseline, values = rng.normal(0, 1, 5000), rng.normal(0.5, 1.2, 3000)
    edges = [-np.inf, *np.quantile(baseline, np.arange(0.1, 1, 0.1)), np.inf]
    p, q = (np.histogram(sample, edges)[0] / len(sample) for sample in (values, baseline))
    got = drift_of(spark, baseline, values)
    assert got["js_distance"] == pytest.approx(jensenshannon(p, q, base=2))
    assert got["population_stability_index"] == pytest.approx(np.sum((p - q) * np.log(p / q)))
    assert got["ks_statistic"] <= stats.ks_2samp(baseline, values).statistic  # bins see no more than the whole sample
    assert got["ks_statistic"] == pytest.approx(stats.ks_2samp(baseline, values).statistic, abs=0.02)


def test_the_same_distribution_does_not_drift(spark):
    values = np.random.default_rng(2).exponential(3, 4000)
    got = drift_of(spark, values, values)
    assert (got["population_stability_index"], got["js_distance"], got["ks_statistic"]) == pytest.approx((0, 0, 0))


def test_nulls_and_constant_columns_have_bins_of_their_own(spark):
    got = drift_of(spark, np.full(100, 7.0), np.array([7.0, np.nan]))
    assert got["population_stability_index"] == pytest.approx(
        (0.5 - 1) * np.log(0.5 / 1) + (0.5 - SMALLEST_SHARE) * np.log(0.5 / SMALLEST_SHARE)
    )


def profile_of(spark, values: list[float]):
    rows = [(f"2016-02-{15 + number:02d}", value) for number, value in enumerate(values)]
    return spark.createDataFrame(rows, "day string, root_mean_squared_error double").selectExpr(
        "cast(day as date) day", "root_mean_squared_error", "':table' column_name", "'fare_model/1' model_id"
    )


@pytest.mark.parametrize(
    ("values", "violated"),
    [
        ([2, 2, 2, 2, 2], False),
        ([9, 2, 2, 9, 9], True),
        ([2, 2, 2, 2, 9], False),  # once is noise
        ([9, 9, 9, 9, 2], False),  # the newest day is fine again
        ([9, 9, 2, 2, 2, 2, 9], False),  # the others are too long ago
        ([9, 9], True),
        ([], False),
    ],
)
def test_a_violation_takes_enough_days_and_the_newest(spark, values, violated):
    found = ViolationRule("root_mean_squared_error", 5.0, 5, 2).evaluate(profile_of(spark, [float(v) for v in values]))
    assert found.violated is violated


def test_the_reason_names_metric_days_and_threshold(spark):
    found = ViolationRule("root_mean_squared_error", 5.0, 2, 1).evaluate(profile_of(spark, [2.0, 9.25]))
    assert "root_mean_squared_error exceeds 5 in 1 of the last 2 days" in found.reason
    assert "2016-02-16: 9.25" in found.reason


def test_an_unknown_metric_is_refused_with_the_choices(spark):
    with pytest.raises(ValueError, match=r"'nope' in resources/monitoring-workflow-resource.yml .* choose one of day"):
        ViolationRule("nope", 5.0, 5, 2).evaluate(profile_of(spark, [1.0]))


def test_plots_of_no_rows_are_drawn_too():
    assert error_over_time(pd.DataFrame(columns=[*PROFILE_COLUMNS])).axes
    assert drift_heat_map(pd.DataFrame(columns=[*DRIFT_COLUMNS])).axes
