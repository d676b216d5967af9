"""Which day should be predicted by now."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlops_core.defs.judgements import newest_due

DAYS = ["2016-02-27", "2016-02-28", "2016-02-29"]


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2016-02-27T12:30", None),  # the first day has not ended yet
        ("2016-02-28T10:59", None),  # it has, and batch inference runs at 11:00
        ("2016-02-28T11:30", None),  # and is given an hour
        ("2016-02-28T12:30", "2016-02-27"),
        ("2016-03-01T10:00", "2016-02-28"),
        ("2016-03-01T18:00", "2016-02-29"),
        ("2026-01-01T00:00", "2016-02-29"),  # there is no later partition
    ],
)
def test_a_day_is_due_an_hour_after_batch_inference_should_have_run(now, due):
    assert newest_due(DAYS, "0 11 * * *", datetime.fromisoformat(now).replace(tzinfo=UTC)) == due


def test_without_partitions_nothing_is_due():
    assert newest_due([], "0 11 * * *", datetime(2016, 3, 1, tzinfo=UTC)) is None
