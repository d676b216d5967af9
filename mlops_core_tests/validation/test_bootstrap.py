"""Values and intervals of segments: each metric of a resample is scikit-learn's, slices are pandas'."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlops_core.project import ByBand, ByHour, ByValue, DeclarationError
from mlops_core.tasks import BinaryClassification, Regression
from mlops_core.validation.bootstrap import FEWEST_CLUSTERS, Rows, draws, interval
from mlops_core.validation.comparison import compare
from mlops_core.validation.slice_segments import segments
from mlops_core_tests.tasks.test_metrics import CASES, both, rows

HOURS = ByHour("hour", "at", title="hour")
PLACES = ByValue("place", "place", title="place", most=2)
BANDS = ByBand("far", "distance", title="distance", edges=(1.0, 4.0), unit="mi")


@pytest.mark.parametrize(("task", "truth"), CASES)
def test_every_metric_of_every_resample_is_scikit_learns_with_weights(task, truth):
    actual, predicted = rows(task)
    cluster, segment = np.arange(len(actual)) % 40, np.arange(len(actual)) % 3
    drawn = draws(40)[:5]
    found = Rows(task, actual, predicted, cluster, segment, (40, 3)).measured(drawn)
    for name, (value, resamples) in found.items():
        for code in range(3):
            inside = segment == code
            one, two = actual[inside], predicted[inside]
            assert value[code] == pytest.approx(truth[name](one, two), rel=1e-9), name
            expected = [truth[name](one, two, sample_weight=weights[cluster[inside]]) for weights in drawn]
            np.testing.assert_allclose(resamples[:, code], expected, rtol=1e-9, err_msg=name)


def test_an_interval_is_scipys_when_each_row_is_a_cluster():
    task = BinaryClassification()
    actual, predicted = rows(task, 300)
    alone = np.arange(300)
    measured = Rows(task, actual, predicted, alone, np.zeros(300, int), (300, 1)).measured(draws(300))
    low, high = interval(measured["brier_score"][1], np.array([300]))

    def brier(index: np.ndarray, axis: int) -> np.ndarray:
        return ((predicted[index] - actual[index]) ** 2).mean(axis=axis)

    truth = stats.bootstrap((alone,), brier, n_resamples=4_000, method="percentile", rng=0).confidence_interval
    assert (low[0], high[0]) == pytest.approx((truth.low, truth.high), abs=0.003)


def scored(count: int, task: object = None) -> pd.DataFrame:
    random = np.random.default_rng(2)
    actual, candidate = rows(task or Regression(), count)
    return pd.DataFrame(
        {
            "at": pd.Timestamp("2013-02-01") + pd.to_timedelta(random.integers(0, 240, count), unit="h"),
            "place": random.choice(["JFK", "EWR", "LGA", "HPN"], count, p=[0.4, 0.3, 0.2, 0.1]),
            "distance": random.gamma(2, 1.5, count),
            "label": actual,
            "candidate": candidate,
            "champion": np.clip(candidate + random.normal(0, 0.05, count), 0, None),
        }
    )


def test_segments_are_those_of_pandas():
    frame = scored(1_000)
    table = compare(frame, both(Regression()), [HOURS, PLACES, BANDS], label="label", event_time="at")
    keys = {
        "hour": frame["at"].dt.strftime("%H"),
        "place": frame["place"].where(frame["place"].isin(["JFK", "EWR"]), "other"),
        "far": pd.cut(
            frame["distance"], [0, 1, 4, np.inf], right=False, labels=["0 to 1 mi", "1 to 4 mi", "4 mi or more"]
        ),
    }
    for by, key in keys.items():
        errors = (frame["candidate"] - frame["label"]).abs().groupby(key, observed=True).mean()
        found = table[(table["by"] == by) & (table["metric"] == "mean_absolute_error")].set_index("segment")
        assert found["candidate"].to_dict() == pytest.approx(errors.to_dict())
        assert found["events"].sum() == len(frame)


def test_a_difference_is_paired():
    frame = scored(1_000)
    table = compare(frame, both(Regression()), [], label="label", event_time="at").set_index("metric")
    rmse = table.loc["root_mean_squared_error"]
    assert rmse["difference"] == pytest.approx(rmse["candidate"] - rmse["champion"])
    apart = rmse["difference_high"] - rmse["difference_low"]
    assert apart < (rmse["candidate_high"] - rmse["candidate_low"]) / 3


def test_the_same_rows_have_the_same_intervals_and_a_thin_segment_has_none():
    frame = scored(400, BinaryClassification())
    frame["champion"] = frame["champion"].clip(0, 1)
    once, again = (
        compare(frame, both(BinaryClassification()), [PLACES], label="label", event_time="at") for _ in range(2)
    )
    pd.testing.assert_frame_equal(once, again)
    assert once.loc[once["by"] == "all", "candidate_low"].notna().all()
    few = frame[frame["at"] < frame["at"].min() + pd.Timedelta(hours=FEWEST_CLUSTERS - 1)]
    thin = compare(few, both(BinaryClassification()), [], label="label", event_time="at")
    assert thin["candidate_low"].isna().all()


def test_without_a_champion_nothing_is_said_of_one():
    table = compare(scored(100).drop(columns="champion"), both(Regression()), [], label="label", event_time="at")
    assert not [name for name in table if name.startswith(("champion", "difference"))]


def test_a_missing_value_is_among_the_others_or_a_segment():
    places = segments(PLACES, pd.Series(["JFK", None, "JFK", "EWR", "LGA"]))
    assert list(places) == ["JFK", "other", "JFK", "EWR", "other"]
    bands = segments(BANDS, pd.Series([0.5, None, 9.0]))
    assert list(bands) == ["0 to 1 mi", "missing", "4 mi or more"]
    hours = segments(HOURS, pd.Series(pd.to_datetime(["2013-01-01 05:30", None])))
    assert list(hours) == ["05", "missing"]


@pytest.mark.parametrize(
    ("declare", "sentence"),
    [
        (lambda: ByBand("far", "distance", title="", edges=()), "'far': edges must rise from above zero"),
        (lambda: ByBand("far", "distance", title="", edges=(2.0, 1.0)), "'far': edges must rise"),
        (lambda: ByBand("far", "distance", title="", edges=(0.0, 1.0)), "'far': edges must rise"),
        (lambda: ByValue("place", "place", title="", most=0), "'place': most must be above zero, not 0"),
    ],
)
def test_a_slice_that_divides_nothing_is_refused(declare, sentence):
    with pytest.raises(DeclarationError, match=sentence):
        declare()


def test_what_monitoring_groups_by_is_what_a_validation_shows(shared_spark):
    frame = scored(500).drop(columns="champion")
    rows_ = shared_spark.createDataFrame(frame.assign(at=frame["at"].dt.tz_localize("UTC")))
    for each in (HOURS, BANDS):
        grouped = rows_.selectExpr(f"{each.group} AS {each.name}").groupBy(each.name).count()
        texts = {row["text"]: row["count"] for row in grouped.selectExpr(f"{each.text} AS text", "count").collect()}
        assert texts == pd.Series(segments(each, frame[each.column])).astype(str).value_counts().to_dict()
