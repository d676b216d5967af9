"""The shape of a prediction among several classes: a probability of each, by which the likeliest is predicted.

In the project's functions and in metrics the answers are (rows x classes), in the order of the declaration, and a label
is its place in that order. In a table they are a map from class to probability, as Databricks' monitors take them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        return f"{len(self.classes)} probabilities a row, in the order of the classes {self.listed}"

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

    def in_order(self, probabilities: np.ndarray, of: Sequence[Label]) -> np.ndarray:
        """Probabilities of the classes `of`, a column each, in the order of the declaration; 0 for those that lack.

        Raises:
            UnknownClassError: one of them is not declared, or they are not as many as columns.
        """
        import numpy as np

        given = np.asarray(probabilities, float)
        found = self._declared(of)
        if given.shape != (len(given), len(found)):
            raise UnknownClassError(f"An array of shape {given.shape} has no column for each of {len(found)} classes.")
        ordered = np.zeros((len(given), len(self.classes)))
        ordered[:, [self.places[each] for each in found]] = given
        return ordered

    def _declared(self, of: Sequence[Label]) -> list[Label]:
        found: list[Label] = [getattr(each, "item", lambda each=each: each)() for each in of]
        if others := [each for each in found if each not in self.places]:
            raise UnknownClassError(
                f"The model knows the class {others[0]!r}, and the classes of the task are {self.listed}: declare it "
                "there, or train a model without it."
            )
        return found

    def of_logged(self, model: Any, answered: np.ndarray) -> np.ndarray:
        """The answers of a logged model in the order of the declaration; as they are where they are not one a class."""
        classes = self.logged_classes(model)
        return self.in_order(answered, classes) if answered.shape[1:] == (len(classes),) else answered

    def logged_classes(self, model: Any) -> tuple[Label, ...]:
        """Those that a model of scikit-learn knows by their declared names; else it was fitted on their places."""
        known = list(getattr(model, "classes_", self.classes))
        try:
            return tuple(self._declared(known))
        except UnknownClassError:
            return self.classes

    def from_logged(self, classes: tuple[Label, ...] | None) -> str:
        """The answer in the order of the declaration; 0 for what the model was never trained on.

        Raises:
            UnknownClassError: nobody recorded its classes, or one is not declared any more.
        """
        if classes is None:
            raise UnknownClassError(
                "Its tag `classes` is missing, so nobody knows of which class each probability is: train a new version."
            )
        found = self._declared(classes)
        there = (f"get(prediction, {found.index(each)})" if each in found else "0D" for each in self.classes)
        return f"CASE WHEN size(prediction) = {len(found)} THEN array({', '.join(there)}) END"


def as_text(value: Label) -> str:
    """The name of a class as a text in SQL."""
    quoted = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{quoted}'"
