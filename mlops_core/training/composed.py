"""A fitted model with all that it is wrapped in: encoded inputs, models of segments, corrected probabilities.

It is logged whole, by value: this file, and of the machinery only what it imports here, stands in the logged model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlops_core.training.class_balance import corrected
from mlops_core.training.encoder import Encoder
from mlops_core.training.side_by_side import side_by_side


@dataclass(frozen=True)
class Part:
    """What `fit` gave for some rows.

    Args:
        segment: The value that they have in common; None for all rows.
        rows: How many they were.
        places: The place of each class that the model answers, among those of the task; empty where it answers one
            number, or all classes in their order.
    """

    model: Any
    segment: Any
    rows: int
    places: tuple[int, ...] = ()


@dataclass(frozen=True)
class Composed:
    """Rows in, answers out, as metrics take them.

    Args:
        predict: That of the project.
        whole: The model of all rows.
        classes: How many classes are answered; 0 for one number.
        segment_column: What segments go by; empty for none.
        segments: The models of segments that have their own.
        encoder: What encodes the inputs.
        factors: Of each class, how many times as heavy as it is the model saw it; empty for no correction.
        notes: What its making found out, for people: subject -> sentence.
    """

    predict: Callable[[Any, pd.DataFrame], Any]
    whole: Part
    classes: int = 0
    segment_column: str = ""
    segments: tuple[Part, ...] = ()
    encoder: Encoder | None = None
    factors: tuple[float, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def models(self) -> tuple[Part, ...]:
        """Each model that it contains."""
        return self.whole, *self.segments

    def answers(self, rows: pd.DataFrame) -> np.ndarray:
        """One number a row, or a probability of each class of the task in their order."""
        answers = np.full((len(rows), self.classes) if self.classes else len(rows), np.nan)
        for places, of_part in self._answers_of_parts(rows):
            answers[places] = of_part
        return corrected(answers, self.factors) if self.factors else answers

    def parts(self, rows: pd.DataFrame) -> Iterator[tuple[np.ndarray, Part, pd.DataFrame]]:
        """Places of rows, the part that predicts them, and these rows as its model sees them: each part once."""
        encoded = self.encoder.encoded(rows) if self.encoder else rows.copy()
        if not self.segments:
            yield np.arange(len(rows)), self.whole, encoded
            return
        by_value = pd.Index([part.segment for part in self.segments], dtype=object)
        of_row = by_value.get_indexer(pd.Index(rows[self.segment_column].astype(object), dtype=object))
        order = np.argsort(of_row, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(of_row[order])) + 1) if len(order) else ():
            number = of_row[places[0]]
            yield places, self.whole if number < 0 else self.segments[number], encoded.iloc[places]

    def _answers_of_parts(self, rows: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
        def answer(one: tuple[np.ndarray, Part, pd.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
            places, part, given = one
            return places, self._answer(part, given)

        parts = list(self.parts(rows))
        return side_by_side(answer, parts) if len(parts) > 1 else [answer(one) for one in parts]

    def _answer(self, part: Part, rows: pd.DataFrame) -> np.ndarray:
        values = np.asarray(self.predict(part.model, rows), float)
        if self.classes and values.shape == (len(rows), len(part.places)):
            ordered = np.zeros((len(rows), self.classes))
            ordered[:, list(part.places)] = values
            return ordered
        wanted = (len(rows), self.classes) if self.classes else (len(rows),)
        if values.shape != wanted:
            raise ValueError(f"an array of shape {values.shape} where one of {wanted} is asked for")
        return values
