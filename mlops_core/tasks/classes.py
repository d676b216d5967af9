"""The shape of a prediction among several classes: a probability of each, by which the likeliest is predicted.

In the project's functions and in metrics the answers are (rows x classes), in the order of the declaration, and a label
is its place in that order. In a table they are a map from class to probability, as Databricks' monitors take them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_core.tasks.shape import Label, Shape
from mlops_core.tasks.task import Output, UnusableRowsError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PROBABILITIES = "class_probabilities"
SHOWN = 8
"""So many classes stand in a sentence."""


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
    def listed(self) -> str:
        """The classes for people, the first of many."""
        more = f" and {len(self.classes) - SHOWN} more" if len(self.classes) > SHOWN else ""
        return ", ".join(map(repr, self.classes[:SHOWN])) + more

    @property
    def says(self) -> str:  # type: ignore[override]
        return (
            f"a probability a row of each class, in the order of the model's classes_, or without them of {self.listed}"
        )

    @cached_property
    def places(self) -> Mapping[Label, int]:
        """Class -> its place in the order of the declaration."""
        return {each: place for place, each in enumerate(self.classes)}

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The likeliest class, its probability, and that of each class; null where one of them is no number."""
        likeliest = "CAST(array_position(prediction, array_max(prediction)) AS int) - 1"
        known = "NOT exists(prediction, each -> each IS NULL OR isnan(each))"
        entries = ", ".join(f"{as_text(each)}, get(prediction, {place})" for place, each in enumerate(self.classes))
        meaning = "Class of `{label}` that is the likeliest; of equals, the first that is declared"
        predicted, probability = (
            f"CASE WHEN {known} THEN {each} END"
            for each in (f"get({self._array}, {likeliest})", "array_max(prediction)")
        )
        return (
            Output("prediction", self.described_as, meaning, predicted),
            Output("predicted_probability", "double", "Probability of that class", probability),
            Output(PROBABILITIES, "map<string,double>", "Probability of each class of `{label}`", f"map({entries})"),
        )

    @property
    def answer(self) -> str:  # type: ignore[override]
        return f"array({', '.join(f'{PROBABILITIES}[{as_text(each)}]' for each in self.classes)})"

    @property
    def kept(self) -> Mapping[str, str]:  # type: ignore[override]
        return {"prediction": "prediction", PROBABILITIES: self.answer}

    def judged(self, label: str) -> dict[str, str]:
        """The places of both classes, that of a label which is not declared being -1, and the label's probability."""
        actual = self._place(label)
        probability = f"CASE WHEN {actual} < 0 THEN 0D ELSE get({PROBABILITIES}, {actual}) END"
        return {"predicted": self._place("prediction"), "actual": actual, "likelihood": probability}

    def _place(self, column: str) -> str:
        value = column if self.is_text else f"CAST({column} AS bigint)"
        return f"(CAST(array_position({self._array}, {value}) AS int) - 1)"

    @property
    def names(self) -> str:
        """SQL of the classes as an array of texts."""
        return f"array({', '.join(map(as_text, self.classes))})"

    @property
    def _array(self) -> str:
        """The classes in SQL."""
        literals = (as_text(each) if self.is_text else f"CAST({each} AS bigint)" for each in self.classes)
        return f"array({', '.join(literals)})"

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
                f"{count} of {len(values)} labels are {shown}, and the classes of the task are {self.listed}: declare "
                "every class there, or reject these rows by a rule of the events."
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
            return tuple(found)
        if all(each in range(len(self.classes)) for each in found):
            return tuple(self.classes[int(each)] for each in found)
        raise UnknownClassError(self._unknown(next(each for each in found if each not in self.places)))

    def _unknown(self, name: object) -> str:
        return (
            f"The model knows the class {name!r}, and the classes of the task are {self.listed}: declare it there, or "
            "train a model without it."
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
        there = (f"get(prediction, {classes.index(each)})" if each in classes else "0D" for each in self.classes)
        return f"CASE WHEN size(prediction) = {len(classes)} THEN array({', '.join(there)}) END"


def as_text(value: Label) -> str:
    """The name of a class as a text in SQL."""
    quoted = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{quoted}'"
