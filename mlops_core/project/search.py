"""A search of hyperparameters: which are tried, how often, and on how many folds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from mlops_core.project.columns import DeclarationError, choices

INSIDE = 0.381966
"""Where between its ends a range is tried when it is declared: at no round number."""

WIDEST = 1e300
"""The ends of a range are no further from 0: its width, and its logarithm, are doubles."""

Value = str | int | float | bool | None


@dataclass(frozen=True)
class IntRange:
    """Whole numbers from `low` to `high`, both inclusive; with `log`, small ones are tried as often as large ones."""

    low: int
    high: int
    _: KW_ONLY
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, int, "whole numbers")

    @property
    def examples(self) -> tuple[Value, ...]:
        """Values that the hyperparameter must take."""
        return (self.low, self.high)

    def holds(self, value: object) -> bool:
        return type(value) is int and self.low <= value <= self.high


@dataclass(frozen=True)
class FloatRange:
    """Numbers from `low` to `high`, both inclusive; with `log`, small ones are tried as often as large ones."""

    low: float
    high: float
    _: KW_ONLY
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, (int, float), "numbers")

    @property
    def examples(self) -> tuple[Value, ...]:
        """Values that the hyperparameter must take."""
        return (self.low, self.low + INSIDE * (self.high - self.low), self.high)

    def holds(self, value: object) -> bool:
        return type(value) in (int, float) and self.low <= value <= self.high  # type: ignore[operator]


@dataclass(frozen=True)
class Choice:
    """One of some values, which have no order."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.values, tuple | list) or not all(map(_is_value, self.values)):
            raise DeclarationError(
                f"Choice must be a tuple of texts, numbers, True, False or None, such as ('a', 2), not {self.values!r}."
            )
        if len(set(self.values)) != len(self.values) or not self.values:
            raise DeclarationError(
                f"Choice must be a tuple of different values, such as ('a', 'b'), not {self.values!r}."
            )
        object.__setattr__(self, "values", tuple(self.values))

    @property
    def examples(self) -> tuple[Value, ...]:
        """Values that the hyperparameter must take."""
        return self.values

    def holds(self, value: object) -> bool:
        return value in self.values


Range = IntRange | FloatRange | Choice


@dataclass(frozen=True)
class Search:
    """What a training tries when a search is asked for: by its launch, or by `search` of the target's model_workflow.

    Args:
        space: Hyperparameter -> the values to try; the others stay as they are.
        trials: How many combinations are tried at most.
        minutes: After so many no further one is begun; what has begun is finished.
        folds: How often each is fitted on the past and measured on what came next, inside the training period.
        seed: The same one tries the same combinations on the same rows.
    """

    space: Mapping[str, Range]
    _: KW_ONLY
    trials: int = 30
    minutes: float = 10.0
    folds: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.space, Mapping) or not self.space:
            raise DeclarationError(
                f"Search: space must name the values to try, such as {{'depth': IntRange(2, 10)}}, not {self.space!r}."
            )
        for name, values in self.space.items():
            if not isinstance(values, Range):
                raise DeclarationError(
                    f"Search: '{name}' must be an IntRange, a FloatRange or a Choice, not {values!r}."
                )
        for name in ("trials", "folds", "seed"):
            least = 0 if name == "seed" else 1
            if type(value := getattr(self, name)) is not int or value < least:
                raise DeclarationError(f"Search: {name} is {value!r}, and must be a whole number, at least {least}.")
        if type(self.minutes) not in (int, float) or not 0 < self.minutes < math.inf:
            raise DeclarationError(f"Search: minutes is {self.minutes!r}, and must be a number above 0.")


def check_space(search: Search, kind: Any) -> None:
    """Refuse what the hyperparameters, a class of pydantic's, do not have, or do not take.

    Raises:
        DeclarationError: says which, and what pydantic says of it.
    """
    for name, values in search.space.items():
        if name not in kind.model_fields:
            raise DeclarationError(f"Search: there is no hyperparameter '{name}'; {choices(kind.model_fields)}")
        for value in values.examples:
            if why := _refusal(kind, name, value):
                raise DeclarationError(f"Search: the hyperparameter '{name}' does not take {value!r}: {why}.")


def _refusal(kind: Any, name: str, value: Value) -> str:
    """Why the field itself refuses the value; what depends on other fields is only known in a trial."""
    from pydantic import ValidationError

    try:
        kind(**{name: value})
    except ValidationError as error:
        return next((str(found["msg"]) for found in error.errors() if found["loc"][:1] == (name,)), "")
    return ""


def _is_value(value: object) -> bool:
    """Whether Optuna keeps it, and it equals itself: NaN would be another value in each trial."""
    return isinstance(value, Value) and value == value  # noqa: PLR0124


def _check_range(stated: IntRange | FloatRange, kinds: type | tuple[type, ...], told: str) -> None:
    ends = (stated.low, stated.high)
    place = f"{type(stated).__name__}({stated.low!r}, {stated.high!r})"
    if any(isinstance(end, bool) or not isinstance(end, kinds) or not abs(end) <= WIDEST for end in ends):
        raise DeclarationError(f"{place}: both ends must be {told}, from -{WIDEST:g} to {WIDEST:g}.")
    if stated.low >= stated.high:
        raise DeclarationError(f"{place}: the first end must be below the second.")
    if stated.log and stated.low <= 0:
        raise DeclarationError(f"{place}: with log=True the first end must be above 0.")
