"""A version never predicts days that it was trained on: its errors there would look too good."""

from __future__ import annotations

from datetime import date, timedelta

from mlops_core.version_record import VersionRecord


class TrainedOnError(ValueError):
    """The days to predict are among those that the version was trained on."""


def trained_days(record: VersionRecord) -> tuple[date, date] | None:
    """The first and the last day that a version was trained on; None when its record does not say."""
    if record.held_out_from is None:
        return None
    return record.trained_from or date.min, record.held_out_from - timedelta(days=1)


def require_unseen(version: int, record: VersionRecord, first_day: date, last_day: date) -> None:
    """Refuse [`first_day`, `last_day`] when the version was trained on any day of it.

    Raises:
        TrainedOnError: it was.
    """
    trained = trained_days(record)
    if trained is None or max(trained[0], first_day) > min(trained[1], last_day):
        return
    seen = f"up to {trained[1]}" if trained[0] == date.min else f"from {trained[0]} to {trained[1]}"
    asked = f"{first_day}" if first_day == last_day else f"{first_day} to {last_day}"
    raise TrainedOnError(
        f"Version {version} was trained on the days {seen}, so it would look better on {asked} than it is: nothing was "
        f"written; ask for days from {trained[1] + timedelta(days=1)} on. What other versions predicted stays."
    )
