"""A version does not predict the days that it was trained on: it has seen their labels, and would look too good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta


class TrainedOnError(ValueError):
    """A version was asked to predict days that it was trained on."""


def trained_days(tags: Mapping[str, str]) -> tuple[date, date] | None:
    """The first and the last day that the version with these tags was trained on; None when they do not say."""
    if "held_out_from" not in tags:
        return None
    first = date.fromisoformat(tags["trained_from"]) if "trained_from" in tags else date.min
    return first, date.fromisoformat(tags["held_out_from"]) - timedelta(days=1)


def require_unseen(version: int, tags: Mapping[str, str], first_day: date, last_day: date) -> None:
    """Refuse [`first_day`, `last_day`] when the version was trained on any day of it.

    Raises:
        TrainedOnError: it was.
    """
    trained = trained_days(tags)
    if trained is None or max(trained[0], first_day) > min(trained[1], last_day):
        return
    seen = f"up to {trained[1]}" if trained[0] == date.min else f"from {trained[0]} to {trained[1]}"
    asked = f"{first_day}" if first_day == last_day else f"{first_day} to {last_day}"
    raise TrainedOnError(
        f"Version {version} was trained on the days {seen}, so it would look better on {asked} than it is: nothing was "
        f"written; ask for days from {trained[1] + timedelta(days=1)} on. What other versions predicted stays."
    )
