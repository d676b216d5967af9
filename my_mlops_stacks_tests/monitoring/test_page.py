"""What people look at: the page of a day is whole, escaped and needs no network; plots of little or nothing draw."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from mlops_core.monitoring.columns import DRIFT_COLUMNS, profile_columns, watched
from mlops_core.monitoring.page import page
from mlops_core.monitoring.plots import drift_heat_map, monitored_over_time
from mlops_core.monitoring.violation import ViolationRule
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.monitoring.conftest import TRIP

PROFILE_COLUMNS, TASK = profile_columns(PROJECT), PROJECT.model.task
RULE = ViolationRule(
    TASK.monitor_metric("root_mean_squared_error"), "USD", 5.0, 5, 2, minimum_coverage=0.8, minimum_count=50
)
NASTY = "<script>alert(1)</script>"


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags, self.addresses, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_of_a_day_says_how_it_was(trips_of, predict_all, profiled):
    trips = trips_of([TRIP, ("2016-02-15 09:00:00", "2016-02-15 09:30:00", 9.0, 14.0, 10001, 10002)])
    profile = profiled(predict_all(trips), trips)
    profile.loc[profile["slice_key"] == "pickup_zip", "slice_value"] = NASTY
    text = page(
        "2016-02-15",
        {"metric_within_threshold": (False, f"it is {NASTY}")},
        profile,
        pd.DataFrame(columns=[*DRIFT_COLUMNS]),
        pictures={"Drift": "data:image/png;base64,AAAA"},
        project=PROJECT,
        rule=replace(RULE, minimum_count=1),
    )
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert "script" not in reader.tags
    assert reader.addresses == ["data:image/png;base64,AAAA"]
    assert not re.search(r"https?://|@import|url\(", text)
    assert "metric_within_threshold failed" in text
    assert "<td>fare_model/1</td><td>2</td><td>100%</td><td>2.828</td>" in text  # RMSE of errors 0 and -4
    assert "<td>trip_distance, mi</td>" in text and "<td>fare_amount, USD</td>" in text
    assert "<td>prediction, USD</td>" in text
    assert text.index("8 mi or more") < text.index("1 to 2 mi")  # the worst slice first


def test_plots_of_no_rows_are_drawn_too():
    judged = pd.DataFrame(columns=[*PROFILE_COLUMNS])
    assert monitored_over_time(judged, TASK, RULE).axes
    assert drift_heat_map(pd.DataFrame(columns=[*DRIFT_COLUMNS]), judged, watched(PROJECT)).axes


def test_a_day_without_predictions_has_a_page_with_its_verdicts():
    empty = [pd.DataFrame(columns=[*columns]) for columns in (PROFILE_COLUMNS, DRIFT_COLUMNS)]
    text = page(
        "2016-02-15",
        {"predictions_are_fresh": (False, "no")},
        *empty,
        pictures={},
        project=PROJECT,
        rule=replace(RULE, minimum_count=1),
    )
    assert "predictions_are_fresh failed" in text
    assert "<table" not in text


def test_the_heat_map_shows_the_version_that_is_judged():
    drift = pd.DataFrame(
        {
            "day": [pd.Timestamp("2016-02-15").date()] * 2,
            "model_id": ["m/9", "m/10"],
            "drift_type": "BASELINE",
            "column_name": "trip_distance",
            "population_stability_index": [0.9, 0.1],
        }
    )
    (image,) = drift_heat_map(drift, drift.tail(1), watched(PROJECT)).axes[0].images
    assert image.get_array().tolist() == [[0.1]]


@pytest.mark.parametrize(("of_first", "of_second"), [(2, 2), (6, 1)])
def test_the_error_plot_marks_where_a_version_took_over(of_first, of_second):
    days = pd.date_range("2016-02-15", periods=of_first + of_second).date
    rows = pd.DataFrame({name: [None] * len(days) for name in PROFILE_COLUMNS}).assign(
        day=days,
        column_name=":table",
        model_id=["m/1"] * of_first + ["m/2"] * of_second,
        root_mean_squared_error=[3.0, 6.0] + [3.1] * (len(days) - 2),
        mean_average_error=2.0,
        label_coverage=[1.0] * (len(days) - 1) + [0.5],
        last_prediction_time=pd.Timestamp("2016-03-01"),
    )
    figure = monitored_over_time(rows, TASK, RULE)
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts == ["version 1", "version 2"]
    lowest, highest = figure.axes[0].get_ylim()
    assert lowest == 0 and highest > 6.0  # every value is on the picture
