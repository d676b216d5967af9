"""Held-out events of several classes judge a model only when each has its label and its probabilities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops_core.tasks.task import UnusableRowsError
from mlops_core.validation.scored_rows import check_rows
from mlops_core_tests.flights.bands import BAND, BANDS

LIKELY = np.array([0.1, 0.2, 0.7, 0.0])


def scored(**odd: object) -> pd.DataFrame:
    """A hundred scored flights, the first of which has other values."""
    rows = pd.DataFrame(
        {
            "scheduled_departure": pd.date_range("2013-02-01", periods=100, freq="h"),
            "origin": "JFK",
            "distance": 500,
            "band": "late",
            "candidate": [LIKELY] * 100,
            "champion": [LIKELY] * 100,
        }
    )
    for name, value in odd.items():
        rows.at[0, name] = value
    return rows


def test_complete_rows_are_taken():
    check_rows(BANDS, scored(), "since then")


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        ({"band": None}, "band is not a finite number for 1 of 100 flights"),
        ({"band": "diverted"}, "1 of 100 labels are 'diverted', and the classes of the task are 'early'"),
        ({"candidate": None}, "candidate is not a finite number for 1 of 100 flights .*look at the features of these"),
        ({"candidate": np.array([0.5, np.nan, 0.5, 0])}, "candidate is not a finite number for 1 of 100 flights"),
        ({"champion": np.array([0.5, 0.5])}, "champion is not a finite number for 1 of 100 flights .*roll back to a"),
    ],
)
def test_others_are_one_sentence(odd, sentence):
    with pytest.raises(UnusableRowsError, match=sentence):
        check_rows(BANDS, scored(**odd), "since then")


def test_answers_of_a_table_are_read_by_row():
    answers = BAND.shape.answers(pd.Series([LIKELY, None, [0.1, None, 0.4, 0.5]]))
    np.testing.assert_array_equal(answers[0], LIKELY)
    assert np.isnan(answers[1]).all() and np.isnan(answers[2]).tolist() == [False, True, False, False]
