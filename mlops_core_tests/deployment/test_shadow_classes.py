"""Champion and challenger that predict classes are compared by their probabilities, and by the class of each event."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from mlops_core.deployment.shadow import differences, differences_plot
from mlops_core.tasks import MulticlassClassification

BANDS = MulticlassClassification(classes=("early", "on time", "late"))
DAYS = [date(2013, 2, 1), date(2013, 2, 2)]


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: random.dirichlet(np.ones(3), 60) for name in ("champion", "challenger")}


@pytest.fixture(scope="module")
def per_day(shared_spark: SparkSession, answers: dict[str, np.ndarray]) -> pd.DataFrame:
    """Sixty events of two days; of the last three the challenger says nothing."""
    said = BANDS.shape.predictions(answers["challenger"]).tolist()
    rows = [
        (
            DAYS[number % 2],
            ours.tolist(),
            said[number] if number < 57 else None,
            dict(zip(BANDS.classes, map(float, theirs), strict=True)) if number < 57 else None,
        )
        for number, (ours, theirs) in enumerate(zip(answers["champion"], answers["challenger"], strict=True))
    ]
    kinds = "day date, champion_prediction array<double>, prediction string, class_probabilities map<string,double>"
    return differences(shared_spark.createDataFrame(rows, kinds), BANDS.shape)


def test_the_distance_of_a_day_is_the_total_variation_of_its_probabilities(per_day, answers):
    day = np.arange(57) % 2
    apart = np.abs(answers["champion"] - answers["challenger"])[:57].sum(axis=1) / 2
    other = answers["champion"][:57].argmax(axis=1) != answers["challenger"][:57].argmax(axis=1)
    assert per_day["day"].tolist() == DAYS
    assert per_day["events"].tolist() == [30, 30]
    assert per_day["missing"].tolist() == [1, 2]
    assert per_day["mean_absolute_difference"].tolist() == pytest.approx([apart[day == each].mean() for each in (0, 1)])
    assert per_day["changed_share"].tolist() == pytest.approx([other[day == each].mean() for each in (0, 1)])


def test_the_picture_shows_the_share_of_other_classes(per_day):
    (line,) = differences_plot(per_day).axes[0].lines
    assert line.get_label() == "share of other classes"
    np.testing.assert_allclose(line.get_ydata(), per_day["changed_share"])
