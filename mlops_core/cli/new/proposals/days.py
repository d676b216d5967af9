"""Which days there are: what is built, what is held out, how long labels take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from mlops_core.cli.new.ask import Decisions
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals.labels import Label, has_label
from mlops_core.cli.new.proposals.profile import LEAST_ROWS, Profile
from mlops_core.cli.new.proposals.roles import Times

if TYPE_CHECKING:
    import pandas as pd

SHARE_OF_A_DAY = 0.01
"""A day with less of the median day's rows is of broken clocks."""
MOST_DAYS = 1_095
_HELD_OUT, _MOST_HELD_OUT, _HELD_OUT_ROWS = 0.2, 28, 60
"""A fifth of the days is held out, and of days with few rows as many as a model can be judged by, at most a third."""
_GOES_ON = timedelta(days=7)
_LONGEST_DELAY = 366
"""So many days after an event nobody waits for its label."""
_MEASURED_AGAIN = 14
"""The monitoring measures days again that are so much older than labels take."""


@dataclass(frozen=True)
class Days:
    """Days of the events.

    Args:
        last: The last that has events.
        goes_on: Whether events are as new as today's.
        holdout: Days held out of training.
        held_out_from: The first of them.
        label_delay: Days that nearly all labels take.
        longest_hours: The longest that a label takes.
        rows_a_day: About.
    """

    first: date
    last: date
    goes_on: bool
    holdout: int
    held_out_from: date
    label_delay: int
    longest_hours: int
    rows_a_day: int

    @property
    def late(self) -> int:
        return self.label_delay + _MEASURED_AGAIN


def days_of(profile: Profile, label: Label, times: Times, today: date, decide: Decisions) -> Days:
    """The days.

    Raises:
        NewProjectError: there are too few with labels to train on some and to hold out others.
    """
    known = profile.frame[has_label(profile, label, times)]
    if known.empty:
        raise NewProjectError(
            f"No row has its label yet: '{label.source}'{f' or {times.known_at!r}' if times.known_at else ''} is null "
            "in each of them; give it a source with older rows, or another --label or --known-at."
        )
    first, last = _full_days(profile.frame[times.event_time], today)
    labelled = _full_days(known[times.event_time], today)
    first = max(first, last - timedelta(days=MOST_DAYS - 1))
    span = (labelled[1] - max(first, labelled[0])).days + 1
    delays = _delays(known, times)
    delay = math.ceil(delays.quantile(0.99) / 24)
    usual = min(max(round(span * _HELD_OUT), 1), _MOST_HELD_OUT)
    holdout = max(usual, min(_days_of_rows(known[times.event_time], labelled), span // 3))
    start = labelled[1] - timedelta(days=holdout - 1)
    trained = _known_before(known, times, delays, start)
    if start <= max(first, labelled[0]) or trained < LEAST_ROWS:
        raise NewProjectError(
            f"Rows whose label is known are of {labelled[0]} to {labelled[1]}, and only {trained:,} of them were known "
            f"before {start}: too few to train on and to hold out the newest days; give it a source with more "
            "days, or another --event-time, --known-at or --known-after."
        )
    decide.tell("days", f"{first} to {last}", "the days that have rows")
    why = "a fifth of the days, at most four weeks" if holdout == usual else f"they hold about {_HELD_OUT_ROWS} rows"
    decide.tell("held out", f"{holdout} days from {start}", why)
    longest = math.ceil(float(delays.quantile(0.999)) * 1.5 / 24) * 24
    if delay > _LONGEST_DELAY:
        raise NewProjectError(
            f"From '{times.event_time}' on it takes {delay:,} days until 99% of the labels are known: name the time at "
            "which a row is predicted with --event-time, and when its label is known with --known-at or --known-after."
        )
    decide.tell("label delay", f"{delay} days", f"99% of the labels are known by then; none later than {longest} hours")
    rows = max(1, round(profile.total * _share(profile, times, first, last) / ((last - first).days + 1)))
    return Days(first, last, last >= today - _GOES_ON, holdout, start, max(delay, 1), max(longest, 24), rows)


def held_out(profile: Profile, times: Times, days: Days) -> pd.Series:
    """Whether each row is of the days held out."""
    import pandas as pd

    return profile.frame[times.event_time] >= pd.Timestamp(days.held_out_from)


def _full_days(times: pd.Series, today: date) -> tuple[date, date]:
    """First and last day, but for those of broken clocks."""
    import pandas as pd

    within = times[(times > pd.Timestamp("1970-01-02")) & (times < pd.Timestamp(today) + pd.Timedelta(days=2))]
    if within.empty:
        raise NewProjectError(
            f"All times of '{times.name}' are before 1970-01-02 or in the future, {times.min()} to {times.max()}, and "
            "such events are rejected: correct them at the source, or choose another --event-time."
        )
    counts = within.dt.date.value_counts()
    full = counts[counts >= SHARE_OF_A_DAY * counts.median()].index
    return min(full), max(full)


def _days_of_rows(times: pd.Series, labelled: tuple[date, date]) -> int:
    """How many of the newest days hold rows enough to judge a model by."""
    first, last = labelled
    newest = times[(times.dt.date >= first) & (times.dt.date <= last)].nlargest(_HELD_OUT_ROWS)
    return (last - newest.min().date()).days + 1


def _delays(known: pd.DataFrame, times: Times) -> pd.Series:
    """Hours from the event to the label, of each row."""
    import pandas as pd

    if times.after is not None:
        return pd.Series(times.after.total_seconds() / 3600, known.index)
    hours = (known[times.known_at] - known[times.event_time]).dt.total_seconds() / 3600
    return hours[hours > 0]


def _known_before(known: pd.DataFrame, times: Times, delays: pd.Series, start: date) -> int:
    import pandas as pd

    at = known[times.event_time].loc[delays.index] + pd.to_timedelta(delays, unit="h")
    return int((at < pd.Timestamp(start)).sum())


def _share(profile: Profile, times: Times, first: date, last: date) -> float:
    import pandas as pd

    ends = pd.Timestamp(first), pd.Timestamp(last) + pd.Timedelta(days=1)
    return float(profile.frame[times.event_time].between(*ends, inclusive="left").mean())
