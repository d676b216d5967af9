"""Folds in the order of time, inside the training period: each is validated on rows that come after those it fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

MIN_ROWS = 50
"""Of fewer rows to fit or to validate nothing can be said: such a fold judges no model."""


class TooFewFoldsError(ValueError):
    """The training period is too short for so many folds."""


@dataclass(frozen=True)
class Fold:
    """Positions of rows: those to fit, and the later ones to validate with. `start` is when the later ones begin."""

    start: pd.Timestamp
    fit: np.ndarray
    validate: np.ndarray


def folds(times: pd.Series, known: pd.Series, count: int, nouns: str = "events") -> list[Fold]:
    """Cut the days into `count` + 1 blocks of about as many rows; each but the first validates what is before it.

    What a fold fits has a label that was known when its validation begins, as it is at a training.

    Args:
        times: When each event happened, in order.
        known: When its label was known.
        nouns: What people call the events.

    Raises:
        TooFewFoldsError: there are fewer days than blocks.
    """
    days = times.dt.normalize()
    starts = _starts(days, count)
    if len(starts) <= count:
        raise TooFewFoldsError(
            f"The training period has {days.nunique()} days with {nouns}, too few for {count} folds of whole days: "
            "train on more days, or ask for fewer folds."
        )
    ends = [*starts[2:], days.max() + pd.Timedelta(days=1)]
    return [_fold(days, known, start, end) for start, end in zip(starts[1:], ends, strict=True)]


def _starts(days: pd.Series, count: int) -> list[pd.Timestamp]:
    """The first day of each block; a day is never cut, so there may be fewer than asked for."""
    places = [len(days) * block // (count + 1) for block in range(count + 1)]
    return sorted(set(days.iloc[np.array(places)])) if len(days) else []


def _fold(days: pd.Series, known: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> Fold:
    before = (days < start) & (known < start)
    return Fold(start, np.flatnonzero(before), np.flatnonzero((days >= start) & (days < end)))
