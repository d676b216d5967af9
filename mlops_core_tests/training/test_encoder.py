"""Texts, booleans, dates and times as models see them, held against scikit-learn and counted by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from mlops_core.project import Encoding
from mlops_core.project.encoding import RARE
from mlops_core.training.encoder import encoder_of

SEEN = pd.Series(["AA"] * 5 + ["UA"] * 3 + ["B6"] * 2 + ["HA"] + [None] * 2, dtype=object, name="carrier")
LATER = pd.Series(["AA", "HA", "new", None, "UA", "B6"], dtype=object, name="carrier")


def levels(encoding: Encoding, seen: pd.Series, later: pd.Series) -> pd.Series:
    encoded = encoder_of(encoding, seen.to_frame()).encoded(later.to_frame())[later.name]
    return encoded.astype(object).where(encoded.notna(), None)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        (Encoding(min_count=1), ["AA", "HA", RARE, None, "UA", "B6"]),
        (Encoding(min_count=2), ["AA", RARE, RARE, None, "UA", "B6"]),
        (Encoding(min_count=1, max_levels=3), ["AA", RARE, RARE, None, "UA", RARE]),
        (Encoding(min_count=9), [RARE, RARE, RARE, None, RARE, RARE]),
    ],
)
def test_rare_and_new_levels_are_one(encoding: Encoding, expected: list[str | None]) -> None:
    assert levels(encoding, SEEN, LATER).tolist() == expected


def test_levels_are_those_of_scikit_learn() -> None:
    """Its encoder puts rare and unknown categories together in the same way; null is a category there."""
    random = np.random.default_rng(0)
    of_level = np.repeat(np.arange(100), np.arange(100))  # no two levels are as frequent as each other
    seen = pd.Series([f"t{n}" for n in random.permutation(of_level)], dtype=object, name="t")
    later = pd.Series([f"t{n}" for n in random.integers(0, 200, 2_000)], dtype=object, name="t")
    theirs = OneHotEncoder(
        min_frequency=5, max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    frequent = theirs.fit(seen.to_frame()).transform(later.to_frame())
    ours = levels(Encoding(min_count=5, max_levels=50), seen, later)
    names = [name.removeprefix("t_") for name in theirs.get_feature_names_out()]
    expected = [names[place] for place in frequent.argmax(axis=1)]
    assert ours.tolist() == [RARE if name == "infrequent_sklearn" else name for name in expected]
    assert len(names) == 50


def test_a_category_of_a_hundred_thousand_levels_is_cut_and_says_so() -> None:
    random = np.random.default_rng(0)
    common, others = ["N1"] * 600 + ["N2"] * 400, [f"T{number}" for number in range(99_998)]
    seen = pd.Series(random.permutation([*common, *others]), dtype=object, name="tailnum")
    encoder = encoder_of(Encoding(), seen.to_frame())
    assert encoder.levels == {"tailnum": ("N1", "N2")}
    (note,) = encoder.notes()
    assert note == (
        "tailnum: 100,000 levels, of which the 2 most frequent are kept; the others, 99.0% of the training rows, are "
        "(rare)"
    )


def test_numbers_that_are_names_are_the_same_in_every_type() -> None:
    """Training has doubles where one may be missing, scoring what Spark gives."""
    seen = pd.Series([10_001.0] * 3 + [10_002.0] * 3 + [np.nan], name="zip")
    for later in (
        pd.Series([10_002, 10_001, 7], dtype="int32"),
        pd.Series([10_002, 10_001, 7], dtype="Int32"),
        pd.Series([10_002.0, 10_001.0, 7.0]),
    ):
        encoding = Encoding(categories=("zip",), min_count=1)
        assert levels(encoding, seen, later.rename("zip")).tolist() == ["10002", "10001", RARE]
    missing = pd.Series([10_002, None], dtype="Int32", name="zip")
    assert levels(Encoding(categories=("zip",), min_count=1), seen, missing).tolist() == ["10002", None]


def test_numbers_that_are_names_keep_every_digit() -> None:
    """A double has no 2**53 + 1; that of the largest integer is none of 64 bits any more."""
    seen = pd.Series([2**53, 2**53 + 1, 2**63 - 1, -(2**63)], name="id")
    encoding = Encoding(categories=("id",), min_count=1)
    assert levels(encoding, seen, seen).tolist() == [str(number) for number in seen]
    asked = pd.Series([float(2**53), float(2**63), 1.5, np.inf, np.nan], name="id")
    assert levels(encoding, seen, asked).tolist() == [str(2**53), RARE, RARE, RARE, None]


def test_booleans_dates_times_and_numbers_become_doubles() -> None:
    rows = pd.DataFrame(
        {
            "is_far": pd.Series([True, None, False], dtype=object),
            "always": [True, False, True],
            "since": pd.Series([date(1970, 1, 2), None, date(9999, 12, 31)], dtype=object),
            "at": pd.to_datetime(["1970-01-01 12:00", None, "1969-12-31 00:00"]),
            "n": pd.array([1, None, 3], "Int32"),
            "label": [0, 1, 0],
        }
    )
    encoder = encoder_of(Encoding(), rows.drop(columns="label"))
    encoded = encoder.encoded(rows)
    expected = pd.DataFrame(
        {
            "is_far": [1.0, np.nan, 0.0],
            "always": [1.0, 0.0, 1.0],
            "since": [1.0, np.nan, (date(9999, 12, 31) - date(1970, 1, 1)).days],
            "at": [0.5, np.nan, -1.0],
            "n": [1.0, np.nan, 3.0],
            "label": [0, 1, 0],
        }
    )
    pd.testing.assert_frame_equal(encoded, expected)
    assert rows["is_far"].dtype == object  # the rows themselves are left alone
    one = encoder.encoded(rows.iloc[[1]].drop(columns="label"))  # a row that lacks everything, as serving may ask
    assert one.drop(columns="always").isna().all(axis=None)


def test_a_column_without_any_value_is_a_category_without_levels() -> None:
    encoder = encoder_of(Encoding(), pd.DataFrame({"gate": pd.Series([None, None], dtype=object)}))
    later = encoder.encoded(pd.DataFrame({"gate": ["A1", None]}))["gate"]
    assert later.tolist()[0] == RARE
    assert later.isna().tolist() == [False, True]


def test_a_text_that_is_called_as_the_rare_ones_is_rare() -> None:
    seen = pd.Series([RARE] * 20 + ["AA"] * 20, dtype=object, name="carrier")
    assert levels(Encoding(), seen, seen).tolist() == seen.tolist()
