"""Folds in the order of time: what is fitted was known before what is validated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops_core.training.folds import TooFewFoldsError, folds

HOUR = pd.Timedelta(hours=1)


def hourly(days: int, an_hour: int = 10) -> pd.Series:
    return pd.Series(pd.date_range("2016-01-01", periods=days * 24, freq="h").repeat(an_hour))


def test_each_fold_validates_what_comes_after_what_it_fits() -> None:
    times = hourly(8)
    made = folds(times, times + HOUR, 3)
    assert [str(fold.start.date()) for fold in made] == ["2016-01-03", "2016-01-05", "2016-01-07"]
    validated = np.concatenate([fold.validate for fold in made])
    assert list(validated) == list(np.flatnonzero(times >= "2016-01-03"))  # each row but those of the first block once
    for fold in made:
        assert times[fold.fit].max() < fold.start <= times[fold.validate].min()


def test_a_label_that_was_not_known_yet_is_not_fitted() -> None:
    times = hourly(4)
    made = folds(times, times + 30 * HOUR, 1)
    assert times[made[0].fit].max() == pd.Timestamp("2016-01-01 17:00")  # 30 hours before 2016-01-03


def test_blocks_have_about_as_many_rows_when_days_differ() -> None:
    day = [pd.Timestamp("2016-01-01")] * 600
    times = pd.Series([*day, *(day[0] + pd.Timedelta(days=1 + place % 6) for place in range(600))]).sort_values()
    (fold,) = folds(times.reset_index(drop=True), times.reset_index(drop=True), 1)
    assert (len(fold.fit), len(fold.validate)) == (600, 600)


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        (hourly(2), "has 2 days with flights, too few for 3 folds"),
        (hourly(0), "has 0 days"),
    ],
)
def test_too_short_a_period_is_refused(times: pd.Series, sentence: str) -> None:
    with pytest.raises(TooFewFoldsError, match=sentence):
        folds(times, times, 3, "flights")
