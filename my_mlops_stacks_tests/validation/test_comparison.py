"""Metrics, segments and intervals against pandas, SciPy and hand calculation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlops_core.tasks.task import UnusableRowsError
from mlops_core.validation import comparison as engine
from mlops_core.validation.plots import errors_by_segment
from mlops_core.validation.scored_rows import check_rows as check_rows_of
from my_mlops_stacks.project import PROJECT

RMSE = "root_mean_squared_error"


def compare(rows: pd.DataFrame) -> pd.DataFrame:
    events, tasks = PROJECT.events, dict.fromkeys((engine.CANDIDATE, engine.CHAMPION), PROJECT.model.task)
    return engine.compare(rows, tasks, PROJECT.model.slices, label=events.label, event_time=events.event_time)


def check_rows(rows: pd.DataFrame, days: str) -> None:
    check_rows_of(PROJECT, rows, days)


def scored(count: int, *, champion: float | None = 2.5, hourly: bool = False, seed: int = 1) -> pd.DataFrame:
    """Trips of 15 days, the candidate wrong by 2 USD and the champion by `champion`; `hourly`: one trip an hour."""
    generator = np.random.default_rng(seed)
    hours = np.arange(count) if hourly else generator.integers(0, 15 * 24, count)
    fare = generator.gamma(2, 6, count)
    noise = generator.normal(size=count)
    rows = pd.DataFrame(
        {
            "tpep_pickup_datetime": pd.Timestamp("2016-02-01") + pd.to_timedelta(hours, unit="h"),
            "trip_distance": generator.gamma(2, 1.5, count),
            "pickup_zip": 10_001 + generator.integers(0, 30, count).astype("int32"),
            "fare_amount": fare,
            "candidate": fare + 2 * noise,
        }
    )
    return rows if champion is None else rows.assign(champion=fare + champion * noise + generator.normal(0, 0.5, count))


def overall(comparison: pd.DataFrame, metric: str = RMSE) -> pd.Series:
    return comparison[(comparison["by"] == "all") & (comparison["metric"] == metric)].iloc[0]


def test_metrics_are_those_of_scikit_learn():
    from sklearn import metrics

    rows = scored(500)
    comparison = compare(rows)
    for model in ("candidate", "champion"):
        assert overall(comparison)[model] == pytest.approx(
            metrics.root_mean_squared_error(rows.fare_amount, rows[model])
        )
        r2 = overall(comparison, "r2_score")[model]
        assert r2 == pytest.approx(metrics.r2_score(rows.fare_amount, rows[model]))


@pytest.mark.parametrize("by", ["pickup_hour", "pickup_zip", "distance_band"])
def test_segments_are_those_of_pandas(by):
    rows = scored(3_000)
    keys = {
        "pickup_hour": rows["tpep_pickup_datetime"].dt.strftime("%H"),
        "pickup_zip": rows["pickup_zip"].astype(str),
        "distance_band": pd.cut(
            rows["trip_distance"],
            [0, 1, 2, 4, 8, np.inf],
            right=False,
            labels=["0 to 1 mi", "1 to 2 mi", "2 to 4 mi", "4 to 8 mi", "8 mi or more"],
        ),
    }
    expected = (rows["candidate"] - rows["fare_amount"]).pow(2).groupby(keys[by], observed=True).mean().pow(0.5)
    comparison = compare(rows)
    found = comparison[(comparison["by"] == by) & (comparison["metric"] == RMSE)].set_index("segment")
    named = [segment for segment in found.index if segment != "other"]
    assert len(named) == {"pickup_hour": 24, "pickup_zip": 12, "distance_band": 5}[by]
    assert found.loc[named, "candidate"].to_numpy() == pytest.approx(expected.loc[named].to_numpy())
    assert found["events"].sum() == len(rows)  # nobody is left out: other zips are a segment too


def test_intervals_are_those_of_scipy_when_each_trip_has_its_own_hour():
    rows = scored(400, hourly=True)

    def difference(actual, ours, theirs, axis):
        errors = [np.sqrt(np.mean((model - actual) ** 2, axis=axis)) for model in (ours, theirs)]
        return errors[0] - errors[1]

    data = tuple(rows[name].to_numpy() for name in ("fare_amount", "candidate", "champion"))
    expected = stats.bootstrap(
        data, difference, paired=True, vectorized=True, method="percentile", n_resamples=4_000, rng=0
    ).confidence_interval
    found = overall(compare(rows))
    width = expected.high - expected.low
    assert found["difference_low"] == pytest.approx(expected.low, abs=0.1 * width)
    assert found["difference_high"] == pytest.approx(expected.high, abs=0.1 * width)


def test_pairing_sees_a_difference_that_the_models_own_intervals_hide():
    found = overall(compare(scored(2_000, champion=2.02)))
    assert found["candidate_high"] > found["champion_low"]
    assert found["difference_high"] < 0


def test_trips_of_one_hour_count_as_one_observation():
    """The same trip a hundred times an hour tells nothing new: the interval stays that of one trip an hour."""
    once = scored(120, hourly=True)
    often = pd.concat([once] * 100, ignore_index=True)
    for bound in ("candidate_low", "candidate_high", "difference_low", "difference_high"):
        assert overall(compare(often))[bound] == pytest.approx(overall(compare(once))[bound])


def test_the_same_rows_give_the_same_intervals():
    pd.testing.assert_frame_equal(compare(scored(800)), compare(scored(800)))


def test_few_hours_have_no_interval():
    found = overall(compare(scored(9, hourly=True)))
    assert np.isnan(found["difference_low"]) and np.isfinite(found["difference"])


def test_a_first_model_is_measured_alone():
    comparison = compare(scored(500, champion=None))
    assert "champion" not in comparison and "difference" not in comparison
    assert overall(comparison)["candidate_low"] < overall(comparison)["candidate"]


def test_a_zero_difference_is_exactly_zero():
    rows = scored(500)
    found = overall(compare(rows.assign(champion=rows["candidate"])))
    assert (found[["difference", "difference_low", "difference_high"]] == 0).all()


def test_the_picture_marks_what_is_worse_beyond_chance():
    for champion, color in ((1.0, "#c44e52"), (4.0, "#55a868")):
        figure = errors_by_segment(
            compare(scored(3_000, champion=champion)), PROJECT.model.slices, PROJECT.model.task.metric(RMSE), "USD"
        )
        drawn = figure.axes[0].collections[-1].get_facecolors()
        assert {tuple(row) for row in drawn.round(3)} == {_rgba(color)}


def _rgba(color: str) -> tuple[float, ...]:
    from matplotlib.colors import to_rgba

    return tuple(np.round(to_rgba(color), 3))


def test_an_empty_hold_out_names_the_fix():
    with pytest.raises(UnusableRowsError, match="ingest days that have trips, or raise holdout_days"):
        check_rows(scored(0), "since 2016-02-15")


@pytest.mark.parametrize(
    ("column", "fix"),
    [("fare_amount", "rule to the declaration"), ("candidate", "launch model_training"), ("champion", "roll back")],
)
def test_what_is_no_number_is_counted_and_names_the_fix(column, fix):
    rows = scored(20)
    rows.loc[[3, 5], column] = [np.nan, np.inf]
    with pytest.raises(UnusableRowsError, match=f"{column} is not a finite number for 2 of 20 trips .*{fix}"):
        check_rows(rows, "since 2016-02-15")


@pytest.mark.parametrize("column", ["tpep_pickup_datetime", "trip_distance", "pickup_zip"])
def test_a_trip_that_belongs_to_no_segment_is_refused(column):
    rows = scored(20).astype({"pickup_zip": float})
    rows.loc[3, column] = None
    with pytest.raises(
        UnusableRowsError, match=f"{column} is missing for 1 of 20 trips .*rule to the declaration of 'trips'"
    ):
        check_rows(rows, "since 2016-02-15")
