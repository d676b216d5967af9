"""The rules that an event must keep to be accepted: those of its columns and clocks, then the project's own.

What is known late, such as the label, breaks none while it is null: it is not known yet. What a source could not read
is no such null, it has a `SOURCE_PROBLEM`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time

from pyspark.sql import Column
from pyspark.sql import functions as F

from mlops_core.balanced import any_of
from mlops_core.ingestion.set_back import repeated_hours
from mlops_core.project import EventTable
from mlops_core.project.expressions import with_doubles

Rule = tuple[Column, str | Column]
"""Whether a row breaks it (null: no), and the reason that the row is rejected with, a text or a column of texts."""


def rules(events: EventTable, now: datetime) -> list[Rule]:
    """All rules, in the order of their reasons; `now` is what the wall clock of the events says."""
    stated = [(F.expr(with_doubles(rule.broken)), rule.reason) for rule in events.rules]
    return [*_rules_of_columns(events), *_rules_of_clocks(events, now), *stated]


def broken(rules: Sequence[Rule]) -> Column:
    """Whether a row breaks a rule; never null."""
    return F.coalesce(any_of((is_broken for is_broken, _ in rules)), F.lit(False))


def reasons(rules: Sequence[Rule]) -> Column:
    """The reasons of the rules that a row breaks, separated by '; '."""
    return F.concat_ws("; ", *(F.when(is_broken, reason) for is_broken, reason in rules))


def _rules_of_columns(events: EventTable) -> list[Rule]:
    fractions = [name for name, kind in events.types.items() if kind in ("float", "double")]
    return [
        *((F.col(name).isNull(), f"null in {name}") for name in events.required),
        *((F.isnan(name), f"NaN in {name}") for name in fractions),
        *((F.abs(name) == float("inf"), f"infinite {name}") for name in fractions),
    ]


def _rules_of_clocks(events: EventTable, now: datetime) -> list[Rule]:
    time_name, known_name = events.event_time, events.known_at
    happens, known = F.col(time_name), F.col(known_name)
    first, latest = datetime.combine(events.first_day, time()), now + events.clock_tolerance
    of_time: list[Rule] = [
        (happens < _literal(first), f"{time_name} before {events.first_day}"),
        (happens > _literal(latest), f"{time_name} in the future"),
    ]
    if known_name == time_name:
        return of_time
    return [
        *of_time,
        (known > _literal(latest), f"{known_name} in the future"),
        # A CASE, so that the nights are only looked through for rows that need it.
        (
            F.when(known <= happens, ~F.expr(over_a_set_back(events, known_name, now.year))),
            f"{known_name} not after {time_name}",
        ),
    ]


def over_a_set_back(events: EventTable, known: str, last_year: int) -> str:
    """Both times are in an hour that clocks show twice: the event began in its first pass, `known` is in its second.

    In SQL: columns for each night of decades would nest deeper than Spark Connect allows.
    """
    hours = repeated_hours(events.time_zone, events.first_day.year, last_year)
    nights = (f"{events.event_time} < TIMESTAMP'{end}' AND {known} >= TIMESTAMP'{start}'" for start, end in hours)
    return " OR ".join(nights) or "false"


def _literal(at: datetime) -> Column:
    """In the session's time zone, which is the wall clock's: `F.lit` would take the zone of the Python process."""
    return F.lit(at.isoformat(sep=" ")).cast("timestamp")
