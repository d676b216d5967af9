"""The profile of each day against pandas and hand calculations, and what late or missing labels make of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops_core.monitoring.columns import QUANTILES, profile_columns
from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.profile import profile_metrics
from my_mlops_stacks.project import PROJECT
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
    labelled = with_labels(predict_all(trips), trips, PROJECT, *EVERY_DAY)
    assert sorted(row["fare_amount"] for row in labelled.collect()) == [10.0, 12.0]
    one_arrived = with_labels(predict_all(trips), trips.where("fare_amount = 12"), PROJECT, *EVERY_DAY)
    assert [row["fare_amount"] for row in one_arrived.orderBy("fare_amount").collect()] == [None, 12.0]


def test_a_fare_counts_when_the_trip_has_ended(trips_of, predict_all):
    """Of two trips that look alike one is over; a fare without a drop-off is not known yet."""
    rows = [
        TRIP,
        (TRIP[0], None, TRIP[2], None, *TRIP[4:]),
        (LATER[0], None, *LATER[2:]),
        (*LATER[:3], None, 10003, 10002),
    ]
    trips = trips_of(rows)
    labelled = with_labels(predict_all(trips), trips, PROJECT, *EVERY_DAY)
    found = [row["fare_amount"] for row in labelled.collect()]
    assert sorted(found, key=str) == [TRIP[3], None, None, None]


def test_a_trip_whose_prediction_is_null_is_counted_and_has_no_error(trips_of, predict_all, profiled):
    trips = trips_of([TRIP, LATER])
    profile = profiled(predict_all(trips, "cast(null as double)"), trips)
    assert whole(profile)["count"].item() == 2
    assert whole(profile, "prediction")["num_nulls"].item() == 2
    assert whole(profile)["labelled_count"].item() == 0


def test_the_profile_of_many_trips_equals_pandas(sample_trips, predict_all):
    trips, frame = sample_trips
    predictions = predict_all(trips, "3 + 3 * trip_distance")
    got = profile_metrics(predictions, with_labels(predictions, trips, PROJECT, *EVERY_DAY), PROJECT)
    assert dict(got.dtypes) == {name: kind for name, (kind, _) in profile_columns(PROJECT).items()}
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
    assert whole(profile, "pickup_zip")["quantiles"].isna().all()  # a zip is a name
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
                labels=["0 to 1 mi", "1 to 2 mi", "2 to 4 mi", "4 to 8 mi", "8 mi or more"],
            ).astype(str),
        ),
    ],
)
def test_slices_of_many_trips_equal_pandas(sample_trips, predict_all, profiled, key, slices):
    trips, frame = sample_trips
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


def test_fares_that_are_all_the_same_leave_no_variance_to_explain(trips_of, predict_all, profiled):
    trips = trips_of([TRIP, (*LATER[:3], 10.0, *LATER[4:])])
    row = whole(profiled(predict_all(trips, "12.0D"), trips)).iloc[0]
    assert np.isnan(row["r2_score"])
    assert row["root_mean_squared_error"] == 2.0


def test_a_constant_column_and_one_zip_are_described(trips_of, predict_all, profiled):
    trips = trips_of([TRIP, (*LATER[:2], 1.0, *LATER[3:])])
    profile = profiled(predict_all(trips), trips)
    miles, zips = whole(profile, "trip_distance").iloc[0], whole(profile, "pickup_zip").iloc[0]
    assert (miles["avg"], miles["stddev"], miles["min"], miles["max"], miles["median"]) == (1, 0, 1, 1, 1)
    assert set(miles["quantiles"]) == {1.0}
    assert (zips["count"], zips["num_nulls"], zips["avg"]) == (2, 0, 10001)
    slices = profile[(profile["slice_key"] == "pickup_zip") & (profile["column_name"] == ":table")]
    assert list(zip(slices["slice_value"], slices["count"], strict=True)) == [("10001", 2)]


def test_a_zip_that_was_never_seen_before_is_a_slice(trips_of, predict_all, profiled):
    profile = profiled(*(predict_all(trips := trips_of([TRIP, (*LATER[:4], 99999, 10002)])), trips))
    slices = profile[(profile["slice_key"] == "pickup_zip") & (profile["column_name"] == ":table")]
    assert sorted(slices["slice_value"]) == ["10001", "99999"]


def test_zeros_nulls_and_what_is_no_number_are_counted(trips_of, predict_all, profiled):
    rows = [(f"2016-02-15 08:0{minute}:00", "2016-02-15 08:30:00", 1.0, 10.0, 10001, 10002) for minute in range(4)]
    trips = trips_of(rows)
    values = "CASE minute(tpep_pickup_datetime) WHEN 0 THEN 0.0D WHEN 1 THEN cast('NaN' as double) WHEN 2 THEN 3.0D END"
    predictions = predict_all(trips, values).selectExpr("*", "prediction as mean_fare_window_1h_pickup_zip")
    profile = profiled(predictions, trips)
    for column in ("prediction", "mean_fare_window_1h_pickup_zip"):
        row = whole(profile, column).iloc[0]
        assert (row["num_nulls"], row["num_nan"], row["num_zeros"]) == (2, 1, 1)
        assert (row["percent_null"], row["percent_zeros"], row["avg"]) == (50, 25, 1.5)
    table = whole(profile).iloc[0]
    assert (table["count"], table["labelled_count"], table["bias"]) == (4, 2, -8.5)  # of 0 and 3 for 10


def test_without_predictions_there_are_no_rows(trips_of, predict_all, profiled):
    trips = trips_of([TRIP])
    assert profiled(predict_all(trips).where("false"), trips).empty
