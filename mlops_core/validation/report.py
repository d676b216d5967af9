"""The report of a validation, in Markdown: for who signs a model off, and for who has to improve it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mlops_core.project import Slice
from mlops_core.tasks import Metric
from mlops_core.validation.bootstrap import CONFIDENCE
from mlops_core.validation.comparison import ALL, CANDIDATE, CHAMPION, DIFFERENCE
from mlops_core.validation.verdict import Verdict

PERCENT = f"{CONFIDENCE:.0%}"


@dataclass(frozen=True)
class Facts:
    """What was compared, for people: which versions, which rows, with which features.

    `champion` is None when there is none to compare with. `tables` maps a table to the Delta version that was read,
    `features` a model to the features that it looked up for itself. `remarks` are sentences for the reader to know.
    """

    model: str
    candidate: int
    champion: int | None
    status: str
    held_out_from: str
    events: int
    nouns: str
    tables: Mapping[str, int]
    features: Mapping[str, Sequence[str]]
    remarks: Sequence[str] = field(default_factory=tuple)


def report(
    facts: Facts,
    verdicts: Sequence[Verdict],
    comparison: pd.DataFrame,
    picture: str,
    *,
    metric: Metric,
    slices: Sequence[Slice],
) -> str:
    """The whole report.

    Args:
        comparison: as `compare` makes it.
        metric: in what segments, and both models, are compared.
        slices: those of the comparison.
        picture: where that of the segments is, relative to the report or as data.
    """
    sections = (
        _head(facts),
        _rules(verdicts),
        _overall(comparison, metric, facts.nouns),
        (f"![Errors by segment]({picture})",),
        *(_segment(each, comparison, metric, facts.nouns) for each in slices),
        _notes(facts),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(facts: Facts) -> Iterator[str]:
    against = f"champion version {facts.champion}" if facts.champion else "no champion"
    yield f"# {facts.model} version {facts.candidate} against {against}: {facts.status}"
    yield ""
    tables = ", ".join(f"`{table}` version {version}" for table, version in facts.tables.items())
    yield f"{facts.events:,} held-out {facts.nouns} since {facts.held_out_from}; Delta tables as of {tables}."
    for remark in facts.remarks:
        yield f"\n**{remark}**"


def _rules(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield from _table("rule", "verdict", "value", "bound")
    for verdict in verdicts:
        yield _row(verdict.rule, "passed" if verdict.passed else "**failed**", f"{verdict.value:.4g}", verdict.limit)


def _overall(comparison: pd.DataFrame, metric: Metric, nouns: str) -> Iterator[str]:
    yield f"## All held-out {nouns}, with {PERCENT} intervals\n"
    yield from _table("metric", *_compared(comparison))
    rows = comparison[comparison["by"] == ALL]
    for _, found in rows.iterrows():
        yield _row(found["metric"], *(_with_interval(found, name) for name in _compared(comparison)))
    yield "\n" + _conclusion(rows[rows["metric"] == metric.name].head(1), metric)


def _segment(slice_: Slice, comparison: pd.DataFrame, metric: Metric, nouns: str) -> Iterator[str]:
    rows = comparison[(comparison["by"] == slice_.name) & (comparison["metric"] == metric.name)]
    yield f"## By {slice_.title}: {metric.name}\n"
    if CHAMPION in rows:
        worse = rows.loc[_worse(rows, metric), "segment"]
        yield f"Worse than the champion beyond chance: {', '.join(worse) or 'none'}.\n"
    yield from _table(slice_.title, nouns, *_compared(comparison))
    for _, found in rows.iterrows():
        yield _row(found["segment"], f"{found['events']:,}", *(_with_interval(found, n) for n in _compared(comparison)))


def _conclusion(row: pd.DataFrame, metric: Metric) -> str:
    """What the difference in the compared metric says, in its one row."""
    if CHAMPION not in row:
        return "There is no champion to compare with."
    low, high = row["difference_low"].item(), row["difference_high"].item()
    if np.isnan(low):
        return "The held-out events span too few hours to tell the difference from chance."
    if low <= 0 <= high:
        return f"The difference in {metric.name} is within what chance gives."
    how = "worse" if _worse(row, metric).item() else "better"
    return f"The candidate is {how} in {metric.name} beyond what chance gives."


def _worse(rows: pd.DataFrame, metric: Metric) -> pd.Series:
    """Of each row, whether the whole interval of the difference is on the side that is not better."""
    return rows["difference_high"] < 0 if metric.greater_is_better else rows["difference_low"] > 0


def _notes(facts: Facts) -> Iterator[str]:
    for model, features in facts.features.items():
        yield f"The {model} looked up: {', '.join(f'`{name}`' for name in features) or 'nothing'}."
        yield ""
    yield (
        f"A difference is candidate less champion. Intervals hold {PERCENT} of what comes out when the hours of the "
        "events are drawn anew, the same hours for both models; a segment with events in too few hours has none. One "
        "segment in twenty differs by chance alone."
    )


def _compared(comparison: pd.DataFrame) -> list[str]:
    return [name for name in (CANDIDATE, CHAMPION, DIFFERENCE) if name in comparison]


def _with_interval(found: pd.Series, name: str) -> str:
    sign = "+" if name == DIFFERENCE else ""
    value, low, high = (found[name], found[f"{name}_low"], found[f"{name}_high"])
    return f"{value:{sign}.3f}" if np.isnan(low) else f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _table(*columns: str) -> list[str]:
    return [_row(*columns), _row(*["---"] * len(columns))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
