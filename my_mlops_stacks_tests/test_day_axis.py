"""Every picture over days, as it is drawn: its labels are days of the data, at their place, and none covers another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from matplotlib.text import Text

from mlops_core.deployment.shadow import differences_plot
from mlops_core.monitoring.plots import drift_heat_map, monitored_over_time
from mlops_core.monitoring.violation import ViolationRule
from mlops_core.tasks.plots import residuals_over_time
from my_mlops_stacks.project import PROJECT

COUNTS = (1, 2, 5, 15, 31, 60, 365, 1_095)


def judged(days: list[date]) -> pd.DataFrame:
    count = len(days)
    values = np.linspace(2, 4, count)
    return pd.DataFrame(
        {
            "day": days,
            "model_id": [f"fare_model/{1 + number // 2}" for number in range(count)],  # a version every second day
            "root_mean_squared_error": values,
            "mean_average_error": values - 1,
            "r2_score": values / 5,
            "label_coverage": 0.5,
        }
    )


def error(days: list[date]) -> Figure:
    return monitored_over_time(judged(days), PROJECT.model.task, rule(threshold=5.0))


def rule(metric: str = "root_mean_squared_error", threshold: float = 0.7) -> ViolationRule:
    monitored = PROJECT.model.task.monitor_metric(metric)
    unit = monitored.unit_of("USD")
    return ViolationRule(monitored, unit, threshold, 5, 2, minimum_coverage=0.8, minimum_count=50)


def drift(days: list[date]) -> Figure:
    shown = judged(days)[["day", "model_id"]]
    rows = shown.assign(drift_type="BASELINE", population_stability_index=0.1)
    columns = ("trip_distance", "pickup_zip", "prediction")
    return drift_heat_map(pd.concat([rows.assign(column_name=name) for name in columns]), shown, columns)


def residuals(days: list[date]) -> Figure:
    at = pd.to_datetime(np.repeat(days, 2)) + pd.Timedelta(hours=23)
    rows = pd.DataFrame({"tpep_pickup_datetime": at, "fare_amount": 9.0, "prediction": 10.0})
    return residuals_over_time(rows, "fare_amount", "tpep_pickup_datetime", "USD")


def shadow(days: list[date]) -> Figure:
    return differences_plot(
        pd.DataFrame({"day": days, "champion_mean": 9.0, "challenger_mean": 10.0, "mean_absolute_difference": 1.0})
    )


def drawn(figure: Figure) -> tuple[Axes, list[tuple[float, Text]]]:
    """The axes of the days, and place and label of each tick that is seen."""
    FigureCanvasAgg(figure).draw()
    axes = next(axes for axes in reversed(figure.axes) if "-" in "".join(t.get_text() for t in axes.get_xticklabels()))
    low, high = axes.get_xlim()
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    return axes, [(at, label) for at, label in ticks if low <= at <= high and label.get_text()]


@pytest.mark.parametrize("plot", [error, drift, residuals, shadow])
@pytest.mark.parametrize("count", COUNTS)
def test_labels_are_days_of_the_data_and_do_not_overlap(plot: Callable[[list[date]], Figure], count):
    days = list(pd.date_range("2016-01-28", periods=count).date)
    figure = plot(days)
    axes, labels = drawn(figure)
    texts = [label.get_text() for _, label in labels]
    assert [num2date(at).strftime("%Y-%m-%d %H:%M") for at, _ in labels] == [f"{text} 00:00" for text in texts]
    assert {date.fromisoformat(text) for text in texts} <= set(days)
    assert min(count, 3) <= len(texts) == len(set(texts))
    boxes = [label.get_window_extent() for _, label in labels]
    assert all(left.x1 + 3 < right.x0 for left, right in pairwise(boxes))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)
    assert not axes.xaxis.get_offset_text().get_text()


@pytest.mark.parametrize("count", COUNTS)
def test_names_of_versions_do_not_overlap_and_stay_on_the_picture(count):
    figure = error(list(pd.date_range("2016-02-15", periods=count).date))
    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert boxes and not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert max(box.x1 for box in boxes) <= figure.axes[0].bbox.x1


def test_days_without_a_comparison_are_white_at_their_place():
    days = [date(2016, 2, 15), date(2016, 2, 16), date(2016, 2, 20)]
    (image,) = drift(days).axes[0].images
    assert np.isnan(image.get_array().filled(np.nan)).all(axis=0).tolist() == [False, False, True, True, True, False]


@pytest.mark.parametrize(
    ("metric", "lines", "unit"),
    [
        ("root_mean_squared_error", ["RMSE", "MAE", "threshold 0.7 USD"], "USD"),
        ("mean_average_error", ["MAE", "RMSE", "threshold 0.7 USD"], "USD"),
        ("r2_score", ["R2", "threshold 0.7"], ""),
    ],
)
def test_the_metric_that_is_judged_is_the_one_that_is_shown(metric, lines, unit):
    rows = judged(list(pd.date_range("2016-02-15", periods=5).date))
    axes = monitored_over_time(rows, PROJECT.model.task, rule(metric)).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == lines
    assert axes.get_ylabel() == unit
    assert np.asarray(axes.get_lines()[0].get_ydata()) == pytest.approx(rows[metric].to_numpy())
