"""The validation report, in Markdown, for those who sign a model off and those who improve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import jinja2
import numpy as np
import pandas as pd

from mlops_core.project import Slice
from mlops_core.shown_text import as_markdown
from mlops_core.tasks import Metric
from mlops_core.validation.baseline_rules import CONSTANT_RULE, FEATURES_RULE
from mlops_core.validation.bootstrap import CONFIDENCE
from mlops_core.validation.comparison import CANDIDATE, CHAMPION, DIFFERENCE
from mlops_core.validation.slice_segments import ALL
from mlops_core.validation.verdict import Verdict


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


@dataclass(frozen=True)
class Section:
    """One slice in the report; `worse` are the segments in which the champion is better, None without one."""

    title: str
    rows: list[list[str]]
    worse: str | None


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
        picture: where that of the segments is, relative to the report or as data; empty without slices.
    """
    whole = comparison[comparison["by"] == ALL]
    return _template().render(
        facts=facts,
        against=f"champion version {facts.champion}" if facts.champion else "no champion",
        tables=", ".join(f"`{table}` version {version}" for table, version in facts.tables.items()),
        rules=[_rule(verdict) for verdict in verdicts],
        baselines=[verdict.sentence for verdict in verdicts if verdict.rule in (CONSTANT_RULE, FEATURES_RULE)],
        percent=f"{CONFIDENCE:.0%}",
        models=_models(comparison),
        metrics=[[as_markdown(found["metric"]), *_cells(found)] for _, found in whole.iterrows()],
        conclusion=_conclusion(whole[whole["metric"] == metric.name].head(1), metric),
        picture=picture,
        metric=metric.name,
        slices=[_section(each, comparison, metric) for each in slices],
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mlops_core.validation"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, whose texts go through as_markdown
    )
    environment.filters["as_markdown"] = as_markdown
    return environment.get_template("report.md.j2")


def _rule(verdict: Verdict) -> list[str]:
    return [
        as_markdown(verdict.rule),
        "passed" if verdict.passed else "**failed**",
        f"{verdict.value:.4g}",
        as_markdown(verdict.limit),
    ]


def _section(slice_: Slice, comparison: pd.DataFrame, metric: Metric) -> Section:
    rows = comparison[(comparison["by"] == slice_.name) & (comparison["metric"] == metric.name)]
    worse = ", ".join(map(as_markdown, rows.loc[_worse(rows, metric), "segment"])) if CHAMPION in rows else None
    cells = [[as_markdown(found["segment"]), f"{found['events']:,}", *_cells(found)] for _, found in rows.iterrows()]
    return Section(as_markdown(slice_.title), cells, worse)


def _conclusion(row: pd.DataFrame, metric: Metric) -> str:
    """The conclusion from the difference in the compared metric."""
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


def _models(comparison: pd.DataFrame | pd.Series) -> list[str]:
    return [name for name in (CANDIDATE, CHAMPION, DIFFERENCE) if name in comparison]


def _cells(found: pd.Series) -> list[str]:
    """The values of one row of a comparison with their intervals."""
    return [_with_interval(found, name) for name in _models(found)]


def _with_interval(found: pd.Series, name: str) -> str:
    sign = "+" if name == DIFFERENCE else ""
    value, low, high = (found[name], found[f"{name}_low"], found[f"{name}_high"])
    return f"{value:{sign}.3f}" if np.isnan(low) else f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
