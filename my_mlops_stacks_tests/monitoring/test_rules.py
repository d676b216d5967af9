"""The judgements over the monitor tables: violations either way, drift that is no noise, late labels, clocks."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import pytest

from mlops_core.monitoring.columns import DRIFT_COLUMNS, profile_columns
from mlops_core.monitoring.drift_rule import comparisons_of, newest_drift
from mlops_core.monitoring.judged_windows import AsOf, windows_of
from mlops_core.monitoring.label_rule import newest_windows
from mlops_core.monitoring.violation import ViolationRule
from my_mlops_stacks.project import PROJECT

TODAY = AsOf(datetime(2016, 3, 31, tzinfo=UTC))


def table(spark, columns: dict, rows: list[dict]):
    """A monitor table with these rows; what a row leaves out is null."""
    schema = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    return spark.createDataFrame([tuple(row.get(name) for name in columns) for row in rows], schema)


def window(day: date, value: float | None = 1.0, **changed) -> dict:
    """A `:table` row of a fully labelled day."""
    return {
        "day": day,
        "column_name": ":table",
        "model_id": "fare_model/1",
        "count": 200,
        "labelled_count": 200,
        "label_coverage": 1.0,
        "last_prediction_time": datetime(2016, 3, 1, 11),
        "root_mean_squared_error": value,
        "r2_score": value,
        "bias": value,
    } | changed


def profile_of(spark, windows: list[dict]):
    return table(spark, profile_columns(PROJECT), windows)


def read(spark, windows: list[dict], metric: str = "root_mean_squared_error"):
    """The windows as they are read of the profile metrics."""
    return windows_of(profile_of(spark, windows), PROJECT.model.task.monitor_metric(metric), TODAY.now)


def days_of(values: list[float]) -> list[dict]:
    return [window(date(2016, 2, 15 + number), float(value)) for number, value in enumerate(values)]


def rule(metric: str = "root_mean_squared_error", threshold: float = 5.0, windows: int = 5, violations: int = 2):
    judged = PROJECT.model.task.monitor_metric(metric)
    unit = judged.unit_of(PROJECT.events.label_unit)
    return ViolationRule(judged, unit, threshold, windows, violations, minimum_coverage=0.8, minimum_count=50)


def violated(spark, windows: list[dict], **changed) -> bool:
    judging = rule(**changed)
    return judging.evaluate(read(spark, windows, judging.metric.name), TODAY).violated


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2, 2, 2, 2, 2], False),
        ([9, 2, 2, 9, 9], True),
        ([2, 2, 2, 2, 9], False),  # once is noise
        ([9, 9, 9, 9, 2], False),  # the newest day is fine again
        ([9, 9, 2, 2, 2, 2, 9], False),  # the others are too long ago
        ([5, 5, 5, 5, 5], False),  # at the threshold is within it
        ([9, 9], True),
        ([], False),
    ],
)
def test_a_violation_takes_enough_days_and_the_newest(spark, values, expected):
    assert violated(spark, days_of(values)) is expected


@pytest.mark.parametrize(
    ("metric", "threshold", "values", "expected"),
    [
        ("r2_score", 0.8, [0.9, 0.7, 0.6], True),  # an R2 that falls is bad
        ("r2_score", 0.8, [0.7, 0.9, 0.95], False),
        ("bias", 0.5, [0.1, -0.7, -0.8], True),
        ("bias", 0.5, [0.1, 0.7, 0.8], True),
        ("bias", 0.5, [0.1, -0.4, 0.4], False),
    ],
)
def test_each_metric_is_bad_in_its_own_direction(spark, metric, threshold, values, expected):
    assert violated(spark, days_of(values), metric=metric, threshold=threshold) is expected


def test_days_with_too_few_labels_are_passed_over(spark):
    late = window(date(2016, 2, 20), 1.0, labelled_count=100, label_coverage=0.5)
    few = window(date(2016, 2, 21), 1.0, count=40, labelled_count=40)
    none = window(date(2016, 2, 22), None, labelled_count=0, label_coverage=0.0)
    found = rule().evaluate(read(spark, [*days_of([2, 9, 9]), late, few, none]), TODAY)
    assert found.violated
    assert list(found.values) == ["2016-02-17", "2016-02-16", "2016-02-15"]
    assert (found.model_id, found.coverage) == ("fare_model/1", 1.0)


def test_without_any_label_nothing_is_judged_and_it_says_so(spark):
    found = rule().evaluate(read(spark, [window(date(2016, 2, 20), None, labelled_count=0)]), TODAY)
    assert not found.violated
    assert "can't be judged: no day has the labels of 80% and of at least 50 of its predictions" in found.reason


def test_slices_and_columns_are_not_windows(spark):
    slices = [window(date(2016, 2, 17), 99.0, slice_key="pickup_zip", slice_value=str(zip_)) for zip_ in range(5)]
    column = window(date(2016, 2, 17), 99.0, column_name="prediction")
    assert not violated(spark, [*days_of([2, 2, 2]), *slices, column])


def test_a_day_scored_by_two_versions_is_judged_by_the_one_that_scored_it_last(spark):
    again = [window(date(2016, 2, 15 + n), 2.0, model_id="fare_model/10") for n in range(3)]
    earlier, later = datetime(2016, 3, 1, 11), datetime(2016, 3, 2, 11)
    first = [row | {"last_prediction_time": earlier} for row in days_of([9, 9, 9])]
    assert not violated(spark, [*first, *(row | {"last_prediction_time": later} for row in again)])
    rolled_back = [row | {"last_prediction_time": later} for row in days_of([9, 9, 9])]
    assert violated(spark, [*rolled_back, *(row | {"last_prediction_time": earlier} for row in again)])


def test_of_two_versions_that_scored_a_day_at_once_the_newer_is_judged(spark):
    rows = [window(date(2016, 2, 15), 2.0, model_id=f"fare_model/{version}") for version in (9, 10, 2)]
    (judged,) = read(spark, rows)
    assert judged.model_id == "fare_model/10"


def test_a_time_of_prediction_that_has_not_come_yet_wins_over_no_other(spark):
    wrong = [row | {"last_prediction_time": datetime(2016, 4, 2, 11)} for row in days_of([9, 9, 9])]
    right = [row | {"model_id": "fare_model/2"} for row in days_of([2, 2, 2])]
    found = rule().evaluate(read(spark, [*wrong, *right]), TODAY)
    assert (found.violated, found.model_id) == (False, "fare_model/2")
    assert violated(spark, wrong)  # there is nothing else to judge


def test_a_clock_may_be_a_little_ahead(spark):
    ahead = window(date(2016, 2, 15), 9.0, model_id="fare_model/2", last_prediction_time=datetime(2016, 3, 31, 0, 45))
    (judged,) = read(spark, [window(date(2016, 2, 15)), ahead])
    assert judged.model_id == "fare_model/2"


def test_an_earlier_day_is_judged_as_if_the_later_ones_were_not_there(spark):
    found = rule().evaluate(read(spark, days_of([2, 9, 9])), AsOf(TODAY.now, date(2016, 2, 16)))
    assert (found.newest, found.violated) == ("2016-02-16", False)


def test_days_that_have_not_come_yet_are_not_judged(spark):
    rows = [*days_of([2, 2, 2]), window(date(2016, 4, 1), 9.0), window(date(2016, 4, 2), 9.0)]
    assert next(iter(rule().evaluate(read(spark, rows), TODAY).values)) == "2016-02-17"


def test_a_deleted_day_is_no_window(spark):
    rows = days_of([9, 9, 2, 9])
    assert violated(spark, [row for row in rows if row["day"] != date(2016, 2, 17)], violations=3)


def test_the_reason_names_metric_days_and_threshold(spark):
    found = rule(windows=2, violations=1).evaluate(read(spark, days_of([2.0, 9.25])), TODAY)
    assert "root_mean_squared_error is above 5 USD in 1 of the last 2 days" in found.reason
    assert "2016-02-16: 9.25" in found.reason
    assert found.violating_days == ("2016-02-16",)


@pytest.mark.parametrize("metric", ["nope", "count", "avg"])
def test_an_unknown_metric_is_refused_with_the_choices(metric):
    with pytest.raises(ValueError, match=f"judged by '{metric}': choose one of .*root_mean_squared_error"):
        rule(metric)


# ---- drift


def compared(column: str, stability: float | None, pvalue: float, day: int = 20, **changed) -> dict:
    test = "chi_squared_test" if column.endswith("zip") else "ks_test"
    return {
        "day": date(2016, 2, day),
        "model_id": "fare_model/1",
        "column_name": column,
        "drift_type": "BASELINE",
        "count": 200,
        "population_stability_index": stability,
        test: (0.3, pvalue),
    } | changed


def drift_of(spark, rows: list[dict], windows: list[dict] | None = None):
    """What is said of the drift of the `windows`, by default one of 20 February."""
    judged = read(spark, [window(date(2016, 2, 20))] if windows is None else windows)
    comparisons = comparisons_of(table(spark, DRIFT_COLUMNS, rows), date(2016, 2, 1))
    return newest_drift(comparisons, judged, TODAY, 50, PROJECT.events.label_column)


def test_a_large_change_beyond_chance_is_drift(spark):
    found = drift_of(
        spark,
        [
            compared("trip_distance", 0.4, 1e-9),
            compared("pickup_zip", 0.6, 1e-9),
            compared("dropoff_zip", 0.9, 0.02),  # chance
            compared("pickup_hour", 0.1, 1e-9),  # certain, and small
            compared("prediction", 0.3, 1e-9),
        ],
    )
    assert found.features.drifted == ("pickup_zip", "trip_distance")
    assert found.predictions.drifted == ("prediction",)
    assert "pickup_zip, trip_distance drifted on 2016-02-20" in found.features.reason


@pytest.mark.parametrize(
    ("nulls", "trained_on", "has_drifted"),
    [
        (100.0, 10_000.0, True),  # null in each row: no value is left that a test could compare
        (-100.0, 10_000.0, True),
        (20.0, 10_000.0, True),  # 2 exp(-2 * 0.2**2 * 200 * 10_000 / 10_200) = 3e-7
        (15.0, 10_000.0, False),  # 3e-4
        (20.0, 100.0, False),  # 0.0097: of few training rows
        (None, None, False),
    ],
)
def test_more_or_fewer_nulls_beyond_chance_are_drift(spark, nulls, trained_on, has_drifted):
    sizes = {"percent_null_delta": nulls, "count_delta": trained_on and 200 - trained_on}
    for test in ((0.02, 0.9), None):
        found = drift_of(spark, [compared("trip_distance", 0.4, 0.9, **sizes) | {"ks_test": test}])
        assert found.features.drifted == (("trip_distance",) if has_drifted else ())


@pytest.mark.parametrize(
    "other",
    [
        compared("trip_distance", 0.9, 1e-9, day=19),  # an older day
        compared("trip_distance", 0.9, 1e-9, drift_type="CONSECUTIVE"),
        compared("trip_distance", 0.9, 1e-9, count=40),  # too few to say
        compared("trip_distance", None, 1e-9),
        compared("trip_distance", 0.9, 1e-9, day=20) | {"day": date(2016, 4, 2)},  # has not come yet
    ],
)
def test_what_is_not_the_newest_days_drift(spark, other):
    found = drift_of(spark, [compared("pickup_zip", 0.01, 0.5), other])
    assert found.drifted == ()
    assert found.day == "2016-02-20"


def test_before_anything_is_profiled_there_is_no_drift(spark):
    found = drift_of(spark, [], [])
    assert (found.reason, found.is_fine) == ("No day has been compared with the training rows yet", True)


def test_a_day_whose_drift_is_not_written_yet_is_not_judged_by_the_day_before(spark):
    windows = [window(date(2016, 2, day)) for day in (19, 20)]
    found = drift_of(spark, [compared("trip_distance", 0.01, 0.5, day=19)], windows)
    for part in (found.features, found.predictions):
        assert not part.is_fine
        assert "The drift of 2016-02-20, predicted by fare_model/1, is not there yet" in part.reason


def test_the_drift_of_the_version_that_scored_a_day_last_is_judged(spark):
    earlier, later = datetime(2016, 3, 1, 11), datetime(2016, 3, 2, 11)
    models = ("fare_model/1", "fare_model/2")
    rows = [compared("trip_distance", 0.9, 1e-9), compared("trip_distance", 0.01, 0.5, model_id=models[1])]
    for last, drifted in (("fare_model/2", ()), ("fare_model/1", ("trip_distance",))):
        windows = [
            window(date(2016, 2, 20), model_id=model, last_prediction_time=later if model == last else earlier)
            for model in models
        ]
        found = drift_of(spark, rows, windows)
        assert (found.model_id, found.features.drifted) == (last, drifted)


# ---- labels and clocks


def test_labels_that_should_be_there_are_missed(spark):
    shares = [1.0, 0.3, 0.9, 0.5, 0.0]
    rows = [window(date(2016, 2, 15 + n), label_coverage=share) for n, share in enumerate(shares)]
    found = newest_windows(read(spark, rows), TODAY, count=5)
    assert found.newest == "2016-02-19"
    assert found.late(delay_days=2, minimum_coverage=0.8) == {"2016-02-16": 0.3}
    assert set(found.late(delay_days=0, minimum_coverage=0.8)) == {"2016-02-16", "2016-02-18", "2016-02-19"}


def test_an_empty_profile_has_no_late_labels(spark):
    found = newest_windows(read(spark, []), TODAY, count=5)
    assert (found.newest, found.late(2, 0.8), found.is_ahead_of(datetime.now(UTC))) == (None, {}, False)
    assert found.freshness("2016-02-20", TODAY.now)[0] is False


@pytest.mark.parametrize(("hour", "ahead"), [(10, False), (12, False), (14, True)])
def test_predictions_from_the_future_are_seen(spark, hour, ahead):
    rows = [window(date(2016, 2, 15), last_prediction_time=datetime(2016, 3, 1, hour))]
    found = newest_windows(read(spark, rows), TODAY, count=5)
    assert found.is_ahead_of(datetime(2016, 3, 1, 11, 30, tzinfo=UTC)) is ahead


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_when_predictions_were_made_is_the_same_on_a_machine_of_any_zone(spark, monkeypatch, zone):
    made = datetime(2016, 3, 1, 11, 15, 20)
    rows = [window(date(2016, 2, 15), last_prediction_time=made.replace(tzinfo=UTC))]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert newest_windows(read(spark, rows), TODAY, count=5).last_prediction_time == made
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_clock_that_is_wrong_is_seen_behind_the_version_that_is_judged(spark):
    wrong = window(date(2016, 2, 15), last_prediction_time=datetime(2016, 4, 9, 11), model_id="fare_model/2")
    found = newest_windows(read(spark, [wrong, window(date(2016, 2, 15))]), TODAY, count=5)
    fresh, said = found.freshness("2016-02-15", TODAY.now)
    assert not fresh
    assert "predictions were made at 2016-04-09 11:00:00 UTC, and it is 2016-03-31 00:00: a clock is wrong" in said


def test_days_that_have_not_come_yet_are_named(spark):
    days = [date(2016, 3, 30), date(2016, 4, 2), date(2016, 4, 7)]
    slices = [window(day, slice_key="pickup_zip", slice_value="1") for day in days]
    found = newest_windows(read(spark, [*map(window, days), *slices]), TODAY, count=5)
    assert found.newest == "2016-03-30"
    assert found.freshness("2016-03-30", TODAY.now) == (
        False,
        "2016-04-02, 2016-04-07 has not come yet: a clock is wrong",
    )


def test_what_a_crashed_writer_leaves_is_not_part_of_the_table(spark, tables):
    rows = profile_of(spark, days_of([2, 9, 9]))
    tables.replace("profile", rows, "day BETWEEN DATE'2016-02-15' AND DATE'2016-02-17'", ["day"])
    written = next(tables.folder("profile").rglob("*.parquet"))
    written.with_name("part-of-a-crashed-writer.parquet").write_bytes(written.read_bytes())
    found = rule().evaluate(windows_of(tables.read("profile"), rule().metric, TODAY.now), TODAY)
    assert found.violated
    assert list(found.values) == ["2016-02-17", "2016-02-16", "2016-02-15"]
