"""Inputs as numbers and categories, by what the training rows had; it is part of the logged model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlops_core.project.encoding import RARE, Encoding

EPOCH, DAY = pd.Timestamp("1970-01-01").as_unit("s"), 86_400
TEXTS = ("string", "empty", "mixed")
TIMES = ("date", "datetime", "datetime64")


@dataclass(frozen=True)
class Encoder:
    """Which columns are encoded how; others are left alone.

    Args:
        levels: Column of categories -> its frequent levels.
        days: Columns of dates and times.
        numbers: Columns of numbers and booleans.
        seen: Column of categories -> how many levels the training rows had, and the share of them that is `RARE`.
    """

    levels: Mapping[str, tuple[str, ...]]
    days: tuple[str, ...]
    numbers: tuple[str, ...]
    seen: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    def encoded(self, rows: pd.DataFrame) -> pd.DataFrame:
        """A copy of the rows with the inputs encoded."""
        columns: dict[str, Any] = {name: _categories(rows[name], levels) for name, levels in self.levels.items()}
        columns |= {name: _days(rows[name]) for name in self.days}
        columns |= {name: rows[name].astype("float64") for name in self.numbers}
        return rows.assign(**columns)

    def notes(self) -> list[str]:
        """A line for each column that lost levels."""
        return [
            f"{name}: {levels:,} levels, of which the {len(self.levels[name]):,} most frequent are kept; the others, "
            f"{share:.1%} of the training rows, are {RARE}"
            for name, (levels, share) in self.seen.items()
            if levels > len(self.levels[name])
        ]


def encoder_of(encoding: Encoding, inputs: pd.DataFrame) -> Encoder:
    """The encoder of some training rows, without their time and label.

    A column whose values are all null is one of categories without levels.
    """
    kinds = {str(name): pd.api.types.infer_dtype(inputs[name], skipna=True) for name in inputs}
    categories = [name for name, kind in kinds.items() if kind in TEXTS or name in encoding.categories]
    counts = {name: _counts(inputs[name]) for name in categories}
    levels = {name: _frequent(each, encoding) for name, each in counts.items()}
    days = tuple(name for name, kind in kinds.items() if kind in TIMES)
    numbers = tuple(name for name in kinds if name not in (*categories, *days))
    seen = {name: (len(each), _rare_share(each, levels[name])) for name, each in counts.items()}
    return Encoder(levels, days, numbers, seen)


def _counts(values: pd.Series) -> pd.Series:
    """Rows by level, the most frequent first; equals in the order of the texts."""
    return _texts(values).value_counts().sort_index().sort_values(ascending=False, kind="stable")


def _frequent(counts: pd.Series, encoding: Encoding) -> tuple[str, ...]:
    frequent = counts[(counts >= encoding.min_count) & (counts.index != RARE)].index
    return tuple(sorted(frequent[: encoding.max_levels - 1]))


def _rare_share(counts: pd.Series, levels: tuple[str, ...]) -> float:
    return float(1 - counts[list(levels)].sum() / counts.sum()) if len(counts) else 0.0


def _texts(values: pd.Series) -> pd.Series:
    """Levels as texts, None where there is none; whole numbers without a point, whatever their type."""
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype(object)
    places, numbers = pd.factorize(values)
    names = np.array([*map(_name, numbers), None], dtype=object)  # the last one is the place of missing values, -1
    return pd.Series(names[places], values.index)


def _name(number: float) -> str:
    """What is no whole number names nothing, so no level is called as it is."""
    return str(int(number)) if number == np.floor(number) and np.isfinite(number) else str(number)


def _categories(values: pd.Series, levels: tuple[str, ...]) -> pd.Categorical:
    texts = _texts(values)
    codes = pd.Index(levels, dtype=object).get_indexer(pd.Index(texts, dtype=object))
    is_other = (codes == -1) & texts.notna().to_numpy()
    kinds = pd.CategoricalDtype([*levels, RARE])
    return pd.Categorical.from_codes(np.where(is_other, len(levels), codes).tolist(), dtype=kinds)


def _days(values: pd.Series) -> pd.Series:
    """Days since 1970-01-01; those of a year that nanoseconds don't reach, such as 9999, too."""
    times = values.astype("datetime64[s]") if values.dtype == object else values
    return (times - EPOCH).dt.total_seconds() / DAY
