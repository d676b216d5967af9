"""The profile of each day against pandas and hand calculations, and what late or missing labels make of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from my_mlops_stacks.monitoring.columns import PROFILE_COLUMNS, QUANTILES
from my_mlops_stacks.monitoring.labels import with_labels
from my_mlops_stacks.monitoring.profile import profile_metrics
from my_mlops_stacks_tests.monitoring.conftest import EVERY_DAY, TRIP, whole

LATER = ("2016-02-15 09:00:00", "2016-02-15 09:30:00", 2.0, 14.0, 10001, 10002)


def test_a_prediction_without_its_fare_stays_and_is_counted(trips_of, predict_all, profiled):
    trips = trips_of([TRIP, LATER])
    row = whole(profiled(predict_all(trips), trips.where("fare_amount = 14"))).iloc[0]
    assert (row["count"], row["labelled_count"], row["label_coverage"]) == (2, 1, 0.5)
    assert (row["root_mean_squared_error"], row["mean_average_error"], row["bias"]) == (4.0, 4.0, -4.0)
    assert np.isnan(row["r2_score"])  # one fare has no variance to explain


def test_a_day_without_any_label_has_its_predictions_described_and_no_error(trips_of, predict_all, profiled):
    trips = trips_of([TRIP, LATER])
    profile = profiled(predict_all(trips, "trip_distance"), trips.where("false"))
    row = whole(profile).iloc[0]
    assert (row["count"], row["labelled_count"], row["label_coverage"]) == (2, 0, 0.0)
    assert np.isnan(row["root_mean_squared_error"])
    assert whole(profile, "prediction")["avg"].item() == 1.5
    assert whole(profile, "fare_amount")["percent_null"].item() == 100


def test_when_the_fares_arrive_the_same_day_has_its_errors(trips_of, predict_all, profiled):
    trips = trips_of([TRIP, LATER])
    predictions = predict_all(trips)
    before, after = profiled(predictions, trips.where("fare_amount = 14")), profiled(predictions, trips)
    assert whole(before)["label_coverage"].item() == 0.5
    assert (whole(after)["label_coverage"].item(), whole(after)["mean_squared_error"].item()) == (1.0, 8.0)


def test_trips_that_look_alike_at_the_pickup_are_paired_once(trips_of, predict_all):
    trips = trips_of([TRIP, (*TRIP[:3], 12.0, *TRIP[4:])])
    labelled = with_labels(predict_all(trips), trips, *EVERY_DAY)
    assert sorted(row["fare_amount"] for row in labelled.collect()) == [10.0, 12.0]
    one_arrived = with_labels(predict_all(trips), trips.where("fare_amount = 12"), *EVERY_DAY)
    assert [row["fare_amount"] for row in one_arrived.orderBy("fare_amount").collect()] == [None, 12.0]


def test_a_trip_whose_prediction_is_null_is_counted_and_has_no_error(trips_of, predict_all, profiled):
    trips = trips_of([TRIP, LATER])
    profile = profiled(predict_all(trips, "cast(null as double)"), trips)
    assert whole(profile)["count"].item() == 2
    assert whole(profile, "prediction")["num_nulls"].item() == 2
    assert whole(profile)["labelled_count"].item() == 0


def test_the_profile_of_the_real_trips_equals_pandas(real_trips, predict_all):
    trips, frame = real_trips
    predictions = predict_all(trips, "3 + 3 * trip_distance")
    got = profile_metrics(predictions, with_labels(predictions, trips, *EVERY_DAY))
    assert dict(got.dtypes) == {name: kind for name, (kind, _) in PROFILE_COLUMNS.items()}
    error = 3 + 3 * frame.trip_distance - frame.fare_amount
    days = frame.tpep_pickup_datetime.dt.date
    expected = pd.DataFrame(
        {
            "count": error.groupby(days).size(),
            "root_mean_squared_error": (error**2).groupby(days).mean() ** 0.5,
            "mean_average_error": error.abs().groupby(days).mean(),
            "mean_absolute_percentage_error": (error.abs() / frame.fare_amount).groupby(days).mean(),
            "bias": error.groupby(days).mean(),
            "r2_score": 1 - (error**2).groupby(days).mean() / frame.fare_amount.groupby(days).var(ddof=0),
        }
    )
    profile = got.toPandas()
    result = whole(profile).set_index("day").sort_index()[list(expected.columns)]
    pd.testing.assert_frame_equal(result, expected, check_names=False)

    described = whole(profile, "trip_distance").set_index("day").sort_index()
    miles = frame.trip_distance.groupby(days)
    for name, values in (("avg", miles.mean()), ("stddev", miles.std()), ("min", miles.min()), ("max", miles.max())):
        np.testing.assert_allclose(described[name], values)
    quantiles = np.array([miles.get_group(day).quantile(list(QUANTILES)) for day in described.index])
    np.testing.assert_allclose(np.stack(described["quantiles"]), quantiles)
    np.testing.assert_allclose(described["median"], miles.median())


@pytest.mark.parametrize(
    ("key", "slices"),
    [
        ("pickup_zip", lambda frame: frame.pickup_zip.astype(str)),
        ("pickup_hour", lambda frame: frame.tpep_pickup_datetime.dt.strftime("%H")),
        (
            "distance_band",
            lambda frame: pd.cut(
                frame.trip_distance,
                [0, 1, 2, 4, 8, np.inf],
                right=False,
                labels=["0 to 1 mi", "1 to 2 mi", "2 to 4 mi", "4 to 8 mi", "8 mi and more"],
            ).astype(str),
        ),
    ],
)
def test_slices_of_the_real_trips_equal_pandas(real_trips, predict_all, profiled, key, slices):
    trips, frame = real_trips
    profile = profiled(predict_all(trips, "3 + 3 * trip_distance"), trips)
    rows = profile[(profile["slice_key"] == key) & (profile["column_name"] == ":table")]
    error = 3 + 3 * frame.trip_distance - frame.fare_amount
    groups = [frame.tpep_pickup_datetime.dt.date, slices(frame)]
    got = rows.set_index(["day", "slice_value"]).sort_index()
    np.testing.assert_array_equal(got["count"], error.groupby(groups).size().sort_index())
    np.testing.assert_allclose(got["bias"], error.groupby(groups).mean().sort_index())
    fares = profile[(profile["slice_key"] == key) & (profile["column_name"] == "fare_amount")]
    np.testing.assert_allclose(
        fares.set_index(["day", "slice_value"]).sort_index()["median"],
        frame.fare_amount.groupby(groups).median().sort_index(),
    )


def test_two_versions_of_a_day_are_profiled_apart(trips_of, predict_all, profiled):
    trips = trips_of([TRIP])
    both = predict_all(trips, "10.0D", 1).unionByName(predict_all(trips, "13.0D", 2))
    rows = whole(profiled(both, trips)).sort_values("model_id")
    assert list(zip(rows["model_id"], rows["mean_average_error"], strict=True)) == [
        ("fare_model/1", 0.0),
        ("fare_model/2", 3.0),
    ]
