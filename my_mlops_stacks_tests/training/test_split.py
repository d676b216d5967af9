"""The hold-out is the most recent days, never a random share."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from my_mlops_stacks.training.split import TooFewDaysError, before, day_range, holdout_start, since


def test_the_last_fifteen_of_sixty_days_are_held_out():
    assert holdout_start(date(2016, 1, 1), date(2016, 2, 29), 15) == date(2016, 2, 15)


def test_too_few_days_are_refused_with_the_key_to_change():
    with pytest.raises(TooFewDaysError, match="holdout_days in resources/model-workflow-resource.yml"):
        holdout_start(date(2016, 1, 1), date(2016, 1, 15), 15)


def test_no_trips_are_refused():
    with pytest.raises(TooFewDaysError, match="no accepted trips"):
        holdout_start(None, None, 15)


def test_every_trip_is_on_one_side(sample, sample_trips):
    trips, frame = sample_trips
    start = sample.last_day - timedelta(days=14)
    past, held_out = before(trips, start).count(), since(trips, start).count()
    assert past == (frame.tpep_pickup_datetime < str(start)).sum()
    assert past + held_out == len(frame)
    assert day_range(trips) == (sample.first_day, sample.last_day)
