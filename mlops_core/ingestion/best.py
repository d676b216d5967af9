"""Which of several valid rows of one event is accepted: the one that tells most of it, in any order of deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.balanced import all_of, total
from mlops_core.project import EventTable

BEST = "best"
"""The column that `best_of_several` makes."""
SUPERSEDED, CONFLICTING = "superseded", "conflicts with another row"
"""Why another row of the event was preferred: it tells more of it, or something else."""

_COUNTS = ("outcome_known", "others_known")
_ANY_VALUE = {
    "boolean": "false",
    "string": "''",
    "date": "DATE'0001-01-01'",
    "timestamp": "TIMESTAMP'0001-01-01 00:00:00'",
}


def best_of_several(events: EventTable, valid: DataFrame) -> DataFrame:
    """The identity of each event whose rows tell different things, and the `best` that is told; there are few."""
    told = F.struct(*(value.alias(name) for name, value in _told(events).items()))
    both = valid.groupBy(*events.identity).agg(F.max(told).alias(BEST), F.min(told).alias("worst"))
    differs = ~_same({name: F.col(f"worst.{name}") for name in _told(events)})
    return both.where(differs).drop("worst")


def is_best(events: EventTable) -> Column:
    """Whether a row tells the best of its event."""
    return F.coalesce(_same(_told(events)), F.lit(True))


def why_not_best(events: EventTable) -> Column:
    """The reason of a row that is not the best."""
    (outcome, best_outcome), (others, best_others) = (
        (value, F.col(f"{BEST}.{name}")) for name, value in _counts(events).items()
    )
    tells_less = (outcome < best_outcome) | ((outcome == best_outcome) & (others < best_others))
    return F.when(tells_less, SUPERSEDED).otherwise(CONFLICTING)


def _told(events: EventTable) -> dict[str, Column]:
    """What a row tells beside what identifies its event, in the order in which one row is preferred to another.

    First how much of its outcome, then the latest `known_at` and the highest label; then how much of the rest and what.
    """
    told: dict[str, Column] = {}
    for (count, known), names in zip(_counts(events).items(), (_outcome(events), _others(events)), strict=True):
        told |= {count: known} | _values(events, names)
    return told


def _counts(events: EventTable) -> dict[str, Column]:
    parts = (_outcome(events), _others(events))
    return {count: _known(names) for count, names in zip(_COUNTS, parts, strict=True)}


def _outcome(events: EventTable) -> list[str]:
    return list(events.outcome)


def _others(events: EventTable) -> list[str]:
    return [name for name in events.types if name not in (*events.identity, *_outcome(events))]


def _known(names: Iterable[str]) -> Column:
    """How many of these columns a row has a value in."""
    return total([F.lit(0), *(F.col(name).isNotNull().cast("int") for name in names)])


def _values(events: EventTable, names: Iterable[str]) -> dict[str, Column]:
    """The values, with any in place of a null; of what may be null beside the outcome, first whether it is."""
    told: dict[str, Column] = {}
    for name in names:
        if name not in (*events.required, *_outcome(events)):
            told[f"has_{name}"] = F.col(name).isNotNull()
        kind = events.types[name]
        told[name] = F.coalesce(F.col(name), F.expr(_ANY_VALUE.get(kind, "0")).cast(kind))
    return told


def _same(told: Mapping[str, Column]) -> Column:
    """Whether all is as in `best`; null without one. Sail 0.7 compares no structs of other nullability."""
    return all_of(value == F.col(f"{BEST}.{name}") for name, value in told.items())
