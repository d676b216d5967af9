"""The demo of arriving data tells what came of each delivery, with the real sensor and the real jobs."""

from __future__ import annotations

import pytest

from mlops_core.cli.demo_arrival import Arrival, story
from my_mlops_stacks.project import PROJECT


@pytest.mark.slow
@pytest.mark.timeout(600)  # seconds, on a machine that is busy
def test_each_delivery_is_built_predicted_and_judged_for_the_days_that_it_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("mlops_core.cli.demo_arrival.EVENTS_A_DAY", 300)
    told = [line.strip() for line in story(Arrival(PROJECT, tmp_path / "demo"))]
    days = [
        (line.split("  ")[0], line[12:].strip().split(" by ")[0].split(": error")[0])
        for line in told
        if line.startswith(("looked", "built", "predicted", "judged"))
    ]
    assert days[:2] == [
        ("looked at", "first look (2016-02-01 to 2016-02-05)"),
        ("built", "2016-02-01 to 2016-02-05"),  # before there is a champion nothing is predicted
    ]
    late = days.index(("looked at", "1 day changed, 1 added; rows +390 (2016-02-07 to 2016-02-08)"))
    assert days[late + 1 : late + 4] == [(did, "2016-02-07 to 2016-02-08") for did in ("built", "predicted", "judged")]
    written_again = days.index(("looked at", "1 day added; rows +300 (2016-02-09)"))
    assert days[written_again + 1] == ("built", "2016-02-09")
    corrected = days[days.index(("looked at", "1 day changed, 1 added; rows +300 (2016-02-06, 2016-02-10)")) :]
    assert [did for did, _ in corrected[1:]] == ["built"] * 2 + ["predicted"] * 2 + ["judged"]
    assert all(of_days.startswith("2016-02-06") for _, of_days in corrected[1::2])
