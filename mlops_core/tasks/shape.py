"""The shape of a prediction: what a model answers, as a project's functions, pandas and a table have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Label = str | int


class Shape:
    """One number a row, in the project's functions as in the column `prediction`."""

    is_categorical: bool = False
    """Whether a prediction, and a label, is a class: it has shares, and no order."""

    says: str = "one number a row, which is the probability of the label 1 in a binary classification"
    """What `predict` of a project has to give."""

    answer: str = "prediction"
    """What metrics are of, in SQL over the columns of a prediction."""

    described_as: str = "double"
    """The type in which monitoring describes predictions and labels."""

    kept: ClassVar[Mapping[str, str]] = {"prediction": "CAST(prediction AS double)"}
    """Columns of predictions that monitoring joins with labels -> SQL over the columns of a prediction."""

    def judged(self, label: str) -> dict[str, str]:
        """Columns that monitor metrics are made of -> SQL over `kept` and the label, of rows that have both."""
        return {"predicted": "prediction", "actual": label}

    def known(self, column: str) -> str:
        """Whether an answer is finite: SQL over its column. A label as metrics take it is one number."""
        return f"coalesce(abs({column}) < CAST('Infinity' AS double), false)"

    def of(self, rows: int) -> tuple[int, ...]:
        """The shape of the answers to so many rows."""
        return (rows,)

    def labels(self, values: pd.Series) -> np.ndarray:
        """Labels as the numbers that metrics take; NaN where there is none."""
        return values.to_numpy(float)

    def answers(self, column: pd.Series) -> np.ndarray:
        """A column of `answer` as metrics take it; NaN where there is none."""
        return column.to_numpy(float)

    def of_predict(self, model: Any, answered: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """The answers that `predict` of a project gives for a fitted model."""
        return answered

    def column(self, answers: np.ndarray) -> Any:
        """Answers as pandas takes them for a column of `answer`."""
        return answers

    def predictions(self, answers: np.ndarray) -> np.ndarray:
        """The column `prediction` of answers."""
        return answers

    def of_logged(self, model: Any, answered: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """The answers of a model as it is logged: a number a row, or one for each class, whose last is that of 1."""
        return answered if answered.ndim == 1 else answered[:, -1]

    def logged_classes(self, model: Any) -> tuple[Label, ...] | None:  # noqa: ARG002
        """The class of each number that the logged model answers; None where they have none."""
        return None

    def from_logged(self, classes: tuple[Label, ...] | None) -> str:  # noqa: ARG002
        """What `Output.sql` takes as `prediction`: SQL over the answer of a model that was logged with `classes`."""
        return "prediction"


class Probability(Shape):
    """One number a row, beside which the column `predicted_class` says whether that was an alarm."""

    kept: ClassVar[Mapping[str, str]] = {**Shape.kept, "predicted_class": "predicted_class"}

    def judged(self, label: str) -> dict[str, str]:
        return {**super().judged(label), "alarm": "predicted_class"}
