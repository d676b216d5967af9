"""Recorded events with the features and the answer of batch inference: an endpoint must answer the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isclose
from typing import Any

from mlops_core.outside_json import NotOfThisKindError, of_kind

RELATIVE = 1e-6
"""Numbers may differ by this share: JSON and another machine's arithmetic change the last digits."""


class DifferentAnswersError(RuntimeError):
    """An endpoint does not answer as batch inference did."""


@dataclass(frozen=True)
class Sample:
    """One record an event, with looked-up features, and the model's own answer to each: a number, a text or a list."""

    records: Sequence[Mapping[str, Any]]
    answers: Sequence[Any]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Sample:
        """What `to_json` wrote.

        Raises:
            NotOfThisKindError: it did not write this.
        """
        sample = of_kind(cls, text)
        if len(sample.records) != len(sample.answers):
            raise NotOfThisKindError(f"{len(sample.records)} records have {len(sample.answers)} answers")
        return sample

    def require_same(self, answers: Sequence[Any]) -> None:
        """Refuse answers that differ from those of batch inference.

        Raises:
            DifferentAnswersError: says how many do, and shows the first one.
        """
        wrong = [n for n, pair in enumerate(zip(self.answers, answers, strict=True)) if not _is_same(*pair)]
        if wrong:
            first = wrong[0]
            raise DifferentAnswersError(
                f"{len(wrong)} of {len(self.answers)} recorded events are answered otherwise than in batch inference, "
                f"the first of them with {answers[first]!r:.80} instead of {self.answers[first]!r:.80}"
            )


def _is_same(batch: Any, served: Any) -> bool:
    if isinstance(batch, list) and len(batch) == 1 and not isinstance(served, list):
        return _is_same(batch[0], served)  # a model that gives one number a row, such as the probability of the label 1
    if isinstance(batch, list) and isinstance(served, list):
        return len(batch) == len(served) and all(map(_is_same, batch, served))
    numbers = [isinstance(each, int | float) and not isinstance(each, bool) for each in (batch, served)]
    if all(numbers):
        return isclose(batch, served, rel_tol=RELATIVE, abs_tol=RELATIVE**2)
    return type(batch) is type(served) and bool(batch == served)
