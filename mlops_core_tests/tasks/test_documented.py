"""The page of the gate lists every metric of a task, the compared one first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlops_core.tasks import BinaryClassification, MulticlassClassification, Regression

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
SEVERAL = MulticlassClassification(classes=("x", "of y", "of z"))


@pytest.mark.parametrize("task", [Regression(), BinaryClassification(), SEVERAL])
def test_the_metrics_of_a_threshold_are_listed(task):
    kind = type(task).__name__
    (row,) = [
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if re.match(rf"\| `{kind}`( \||, with a class)", line)
    ]
    listed = re.findall(r"`(\w+)`", row.split("|")[2])
    assert listed == [each.name for each in task.metrics if not each.name.endswith(("_of_y", "_of_z"))]
    assert listed[0] == task.compared
