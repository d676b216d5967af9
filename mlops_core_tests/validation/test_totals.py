"""What Spark sums of all rows gives the metrics, intervals and segments that pandas makes of the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops_core.project import ByBand, ByHour, ByValue
from mlops_core.tasks import BinaryClassification, Decision, MulticlassClassification, Regression, Task
from mlops_core.validation.comparison import compare
from mlops_core.validation.slice_segments import OTHER, frequent_values, segments
from mlops_core.validation.totals import Totals, totals
from mlops_core_tests.tasks.test_metrics import rows

SLICES = (
    ByHour("hour", "at", title="hour"),
    ByValue("place", "place", title="place", most=2),
    ByBand("far", "distance", title="distance", edges=(1.0, 4.0), unit="mi"),
)
CLASSES = MulticlassClassification(classes=("early", "on time", "late"))
TASKS = [Regression(), BinaryClassification(), BinaryClassification(decision=Decision(1.0, 5.0)), CLASSES]
NAMED = {"label": "label", "event_time": "at"}


def scored(task, count: int = 2_000) -> pd.DataFrame:
    """Rows of ten days, some of which lack what a slice goes by."""
    random = np.random.default_rng(3)
    actual, candidate = rows(task, count)
    _, champion = rows(task, count, seed=1)
    if task is CLASSES:
        actual = np.array(task.classes)[actual.astype(int)]
        candidate, champion = ([row.tolist() for row in each] for each in (candidate, champion))
    if isinstance(task, BinaryClassification):
        candidate[:2] = 0.0, 1.0  # of which an unclipped loss would be infinite
    frame = pd.DataFrame(
        {
            "at": pd.Timestamp("2013-02-01") + pd.to_timedelta(random.integers(0, 14_400, count), unit="min"),
            "place": random.choice(["JFK", "EWR", "LGA", "HPN", None], count, p=[0.4, 0.3, 0.1, 0.1, 0.1]),
            "distance": random.gamma(2, 1.5, count),
            "label": actual,
            "candidate": list(candidate),
            "champion": list(champion),
        }
    )
    frame.loc[random.random(count) < 0.1, "distance"] = np.nan
    return frame.sort_values("at", ignore_index=True)


def both(task: Task) -> dict[str, Task]:
    """A champion with a threshold of its own, where there are such."""
    return {"candidate": task, "champion": task.at(0.3)}


def summed(spark, frame: pd.DataFrame, task, **options) -> Totals:
    given = spark.createDataFrame(frame.assign(at=frame["at"].dt.tz_localize("UTC")))
    found = frequent_values(given, SLICES)
    return totals(given, both(task), SLICES, found, **NAMED, **options)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_metrics_intervals_and_segments_are_those_of_the_rows(shared_spark, task) -> None:
    frame = scored(task)
    expected = compare(frame, both(task), SLICES, **NAMED)
    found = compare(frame, both(task), SLICES, **NAMED, totals=summed(shared_spark, frame, task))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9, atol=1e-12)
    assert {"missing", "other"} < set(found["segment"])


@pytest.mark.parametrize("task", TASKS[:2], ids=lambda task: type(task).__name__)
def test_of_a_sample_what_follows_from_sums_is_of_all_rows(shared_spark, task) -> None:
    frame = scored(task, 4_000)
    sums = summed(shared_spark, frame, task)
    sample = frame[frame.index % 4 == 0]
    of_all, of_sample = (compare(rows, both(task), SLICES, **NAMED) for rows in (frame, sample))
    found = compare(sample, both(task), SLICES, **NAMED, totals=sums)
    of_ranks = found["metric"].isin(["roc_auc", "average_precision", "calibration_error"])
    pd.testing.assert_frame_equal(found[~of_ranks], of_all[~of_ranks], rtol=1e-9, atol=1e-12)
    for metric in found.loc[of_ranks, "metric"].unique():
        theirs, ours = (each[(each["metric"] == metric) & (each["by"] == "all")] for each in (of_sample, found))
        assert ours["candidate"].item() == pytest.approx(theirs["candidate"].item())
    some, every = ([each[name].to_numpy(float) for name in ("label", "candidate")] for each in (sample, frame))
    measured, expected = task.measure(*some, sums.sums("candidate")), task.measure(*every)
    names = set(expected) - {"roc_auc", "average_precision", "calibration_error"}
    assert {name: measured[name] for name in names} == pytest.approx({name: expected[name] for name in names}, rel=1e-9)


def test_rows_that_measure_nothing_are_counted(shared_spark) -> None:
    frame = scored(BinaryClassification())
    frame.loc[:4, "candidate"] = np.nan
    frame.loc[:6, "champion"] = [np.inf, -np.inf, 0.5, 1.2, -0.1, 0.5, 0.5]
    frame.loc[10, "label"] = 2.0
    found = summed(shared_spark, frame, BinaryClassification(), required=("place", "at"))
    assert found.count("unknown__candidate") == 5
    assert found.count("unknown__champion") == 2
    assert found.count("unusable__champion") == 2 + 2 + 1  # neither finite, nor a probability; a label
    assert found.count("unknown__place") == frame["place"].isna().sum() > 100
    assert found.count("unknown__at", "unknown__label") == 0


def test_a_value_that_is_called_as_the_others_has_a_segment_of_its_own() -> None:
    found = segments(SLICES[1], pd.Series(["other", "other", "JFK", "LGA", None, "JFK"]))
    assert list(found) == [OTHER, OTHER, "JFK", "all other", "all other", "JFK"]


def test_of_equally_frequent_values_the_first_have_segments(shared_spark) -> None:
    given = shared_spark.createDataFrame([(place,) for place in "dacbacbd"] + [(None,)] * 9, "place string")
    assert frequent_values(given, SLICES) == {"place": ["a", "b"]}
