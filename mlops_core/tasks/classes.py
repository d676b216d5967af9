"""The shape of a prediction among several classes: a probability of each, by which the likeliest is predicted.

In the project's functions and in metrics the answers are (rows x classes), in the order of the declaration, and a label
is its place in that order. In a table they are a map from class to probability, as Databricks' monitors take them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_core.tasks import classes_sql
from mlops_core.tasks.class_names import SHOWN, listed
from mlops_core.tasks.shape import Label, Shape
from mlops_core.tasks.task import Output, UnusableRowsError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class UnknownClassError(ValueError):
    """A model that answers a class which is not declared."""


@dataclass(frozen=True)
class Classes(Shape):
    """The declared classes, texts or whole numbers, in their order."""

    classes: tuple[Label, ...]

    is_categorical = True

    @property
    def is_text(self) -> bool:
        return isinstance(self.classes[0], str)

    @property
    def described_as(self) -> str:  # type: ignore[override]
        return "string" if self.is_text else "bigint"

    @property
    def says(self) -> str:  # type: ignore[override]
        order = f"in the order of the model's classes_, or without them of {listed(self.classes)}"
        return f"a probability a row of each class, {order}"

    @cached_property
    def places(self) -> Mapping[Label, int]:
        """Class -> its place in the order of the declaration."""
        return {each: place for place, each in enumerate(self.classes)}

    @property
    def outputs(self) -> tuple[Output, ...]:
        return classes_sql.outputs(self.classes, self.described_as)

    @property
    def answer(self) -> str:  # type: ignore[override]
        return classes_sql.answer(self.classes)

    @property
    def kept(self) -> Mapping[str, str]:  # type: ignore[override]
        return {"prediction": "prediction", classes_sql.PROBABILITIES: self.answer}

    @property
    def names(self) -> str:
        """SQL of the classes as an array of texts."""
        return classes_sql.names(self.classes)

    def judged(self, label: str) -> dict[str, str]:
        return classes_sql.judged(self.classes, label)

    def known(self, column: str) -> str:
        numbers = f"forall({column}, each -> each IS NOT NULL AND abs(each) < CAST('Infinity' AS double))"
        return f"coalesce(size({column}) = {len(self.classes)} AND {numbers}, false)"

    def of(self, rows: int) -> tuple[int, ...]:
        return rows, len(self.classes)

    def labels(self, values: pd.Series) -> np.ndarray:
        """The place of each label; NaN where there is none.

        Raises:
            UnusableRowsError: some are of no declared class.
        """
        present = values.dropna()
        if unknown := [each for each in present.unique().tolist() if each not in self.places]:
            count = int(present.isin(unknown).sum())
            shown = ", ".join(map(repr, unknown[:SHOWN])) + (" and others" if len(unknown) > SHOWN else "")
            raise UnusableRowsError(
                f"{count} of {len(values)} labels are {shown}, and the classes of the task are {listed(self.classes)}: "
                "declare every class there, or reject these rows by a rule of the events."
            )
        return values.map(self.places).to_numpy(float)

    def answers(self, column: pd.Series) -> np.ndarray:
        import numpy as np

        nothing, size = np.full(len(self.classes), np.nan), len(self.classes)
        rows = [nothing if each is None or len(each) != size else np.asarray(each, float) for each in column]
        return np.array(rows).reshape(len(rows), size)

    def column(self, answers: np.ndarray) -> list[np.ndarray]:
        return list(answers)

    def predictions(self, answers: np.ndarray) -> np.ndarray:
        import numpy as np

        return np.array(self.classes, dtype=object if self.is_text else "int64")[answers.argmax(axis=1)]

    def of_predict(self, model: Any, answered: np.ndarray) -> np.ndarray:
        """The answers in the order of the declaration, 0 for a class that no training row was of.

        They are as they were given where they are not one for each class of the model.
        """
        import numpy as np

        classes = self.logged_classes(model)
        if answered.shape != (len(answered), len(classes)):
            return answered
        ordered = np.zeros(self.of(len(answered)))
        ordered[:, [self.places[each] for each in classes]] = answered
        return ordered

    def of_logged(self, model: Any, answered: np.ndarray) -> np.ndarray:
        return self.of_predict(model, answered)

    def logged_classes(self, model: Any) -> tuple[Label, ...]:
        """The classes by which a model of scikit-learn knows its columns; all of them for another model.

        `classes_` are declared ones, or their places where the project fits it on these.
        """
        found = [getattr(each, "item", lambda each=each: each)() for each in getattr(model, "classes_", self.classes)]
        if all(each in self.places for each in found):
            return tuple(self.classes[self.places[each]] for each in found)
        if all(each in range(len(self.classes)) for each in found):
            return tuple(self.classes[int(each)] for each in found)
        raise UnknownClassError(self._unknown(next(each for each in found if each not in self.places)))

    def _unknown(self, name: object) -> str:
        return (
            f"The model knows the class {name!r}, and the classes of the task are {listed(self.classes)}: declare it "
            "there, or train a model without it."
        )

    def from_logged(self, classes: tuple[Label, ...] | None) -> str:
        """The answer in the order of the declaration; 0 for what the model was never trained on.

        Raises:
            UnknownClassError: nobody recorded its classes, or one is not declared any more.
        """
        if classes is None:
            raise UnknownClassError(
                "Its tag answered_classes is missing, so nobody knows of which class each probability is: train a new "
                "version."
            )
        if others := [each for each in classes if each not in self.places]:
            raise UnknownClassError(self._unknown(others[0]))
        return classes_sql.in_order(self.classes, classes)
