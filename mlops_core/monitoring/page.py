"""A day of the monitoring as a self-contained web page, for people without access to Dagster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import jinja2
import pandas as pd

from mlops_core.monitoring.columns import PREDICTION, categorical, watched
from mlops_core.monitoring.violation import ViolationRule
from mlops_core.project import Project
from mlops_core.tasks import MonitorMetric
from mlops_core.tasks.monitor_metric import AWAY, BELOW

WORST = 10
INDEX = "index.html"
"""Of all projects: it lies above the folder of each."""
WHOLE = {"model_id": "model", "count": "predictions", "label_coverage": "labelled"}
SLICES = {"slice_key": "sliced by", "slice_value": "slice", "labelled_count": "labelled predictions"}
COLUMNS = {
    "column_name": "column",
    "num_nulls": "nulls",
    "avg": "mean",
    "min": "min",
    "median": "median",
    "max": "max",
    "against_training": "PSI, training rows",
    "against_day_before": "PSI, day before",
}


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, title: str, rows: pd.DataFrame, columns: Mapping[str, str]) -> Table:
        """The `columns`, name -> head, of the rows."""
        cells = rows[list(columns)].itertuples(index=False)
        texts = tuple(tuple(_text(name, value) for name, value in zip(columns, row, strict=True)) for row in cells)
        return cls(title, tuple(columns.values()), texts)


def page(
    day: str,
    verdicts: Mapping[str, tuple[bool, str]],
    profile: pd.DataFrame,
    drift: pd.DataFrame,
    *,
    project: Project,
    rule: ViolationRule,
    pictures: Mapping[str, str],
    links: Mapping[str, str] | None = None,
) -> str:
    """The page of one day.

    Args:
        day: as YYYY-MM-DD.
        verdicts: name of a judgement -> whether it passes, and the reason in one sentence.
        profile: the day's rows of the profile metrics, with the task's metrics as numbers.
        drift: the day's rows of the drift metrics.
        rule: by whose metric the worst slices are found, of those with as many labels as it asks of a day.
        pictures: title -> the picture as data.
        links: text -> where it leads, above everything.
    """
    whole = profile[profile["slice_key"].isna()]
    table = profile[profile["column_name"] == ":table"]
    shown, metric = _metrics(project, rule.metric), rule.metric
    return _rendered(
        "day.html.j2",
        title=f"Predictions of {day}" + (f" by {project.model.name}" if project.scope else ""),
        links=links or {},
        verdicts=verdicts,
        whole=Table.of("The day", whole[whole["column_name"] == ":table"], WHOLE | shown),
        pictures=pictures,
        columns=Table.of("Columns", _columns(whole, drift, project), COLUMNS),
        slices=Table.of(
            f"The {WORST} worst slices by {metric.title}", _worst(table, metric, rule.minimum_count), SLICES | shown
        ),
    )


def index(days: Mapping[str, Iterable[str]]) -> str:
    """The list of the pages of each project's days, the newest first; `days` maps a folder to those in it."""
    newest_first = {folder: sorted(each, reverse=True) for folder, each in days.items()}
    return _rendered("index.html.j2", title="Monitoring of the predictions", days=newest_first)


def neighbours(day: date, first: date, last: date) -> dict[str, str]:
    """Links of a day's page: to all days, and to the days before and after it that lie between `first` and `last`."""
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    found = {"All days": f"../{INDEX}"}
    if before >= first:
        found[f"\u2190 {before}"] = f"{before}.html"
    if after <= last:
        found[f"{after} \u2192"] = f"{after}.html"
    return found


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("mlops_core.monitoring"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _rendered(template: str, **values: Any) -> str:
    return _templates().get_template(template).render(**values)


def _metrics(project: Project, metric: MonitorMetric) -> dict[str, str]:
    """The metrics that are shown, the monitored one among them -> title and unit."""
    shown = [each for each in project.model.task.judged if each.is_shown or each == metric]
    units = {each.name: each.unit_of(project.events.label_unit) for each in shown}
    return {each.name: _with_unit(each.title, units[each.name]) for each in shown}


def _with_unit(name: str, unit: str | None) -> str:
    return f"{name}, {unit}" if unit else name


def _columns(whole: pd.DataFrame, drift: pd.DataFrame, project: Project) -> pd.DataFrame:
    rows = whole[whole["column_name"] != ":table"]
    names = rows["column_name"].isin(categorical(project))
    rows = rows.assign(**{name: rows[name].mask(names) for name in ("avg", "min", "median", "max")})
    for name, kind in (("against_training", "BASELINE"), ("against_day_before", "CONSECUTIVE")):
        found = drift[drift["drift_type"] == kind].set_index(["model_id", "column_name"])
        stability = found["population_stability_index"].rename(name)
        rows = rows.join(stability, on=["model_id", "column_name"])
    place = {name: number for number, name in enumerate(watched(project))}
    units = project.units | {PREDICTION: project.events.label_unit}
    rows = rows.assign(
        order=rows["column_name"].map(place),
        column_name=rows["column_name"].map(lambda name: _with_unit(name, units.get(name))),
    )
    return rows.sort_values(["order", "model_id"])


def _worst(table: pd.DataFrame, metric: MonitorMetric, minimum_count: int) -> pd.DataFrame:
    slices = table[table["slice_key"].notna() & (table["labelled_count"] >= minimum_count)]
    values = slices[metric.name].astype("float64")
    badness = {AWAY: values.abs(), BELOW: -values}.get(metric.direction, values)
    return slices.loc[badness.dropna().sort_values(ascending=False, kind="stable").index].head(WORST)


def _text(column: str, value: Any) -> str:
    if pd.isna(value):
        return "-"
    if column == "label_coverage":
        return f"{value:.0%}"
    if isinstance(value, (int, float)):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"
    return str(value)
