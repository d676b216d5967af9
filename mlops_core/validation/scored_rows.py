"""Scored held-out events, and whether they suffice to evaluate a model."""

from __future__ import annotations

import pandas as pd

from mlops_core.project import Project
from mlops_core.tasks.task import UnusableRowsError, is_known
from mlops_core.validation.comparison import CANDIDATE, CHAMPION
from mlops_core.validation.totals import UNKNOWN, UNUSABLE, Totals


def row_columns(project: Project) -> list[str]:
    """The event columns that a validation reads; the label is the last."""
    sliced_by = (each.column for each in project.model.slices)
    return list(dict.fromkeys((project.events.event_time, *sliced_by, project.events.label_column)))


def required_columns(project: Project) -> list[str]:
    """Those of them that no event lacks."""
    return [name for name in row_columns(project) if name in project.events.required]


def check_rows(project: Project, scored: pd.DataFrame, days: str, totals: Totals | None = None) -> None:
    """Refuse rows that a model can't be evaluated on; `days` describes them in messages.

    Args:
        totals: of all rows, when `scored` are a sample of them.

    Raises:
        UnusableRowsError: there are too few, one lacks what its segment is named after, or a label or a prediction is
            not a finite number.
    """
    size = len(scored) if totals is None else totals.rows
    of_all, fixes = f"of {size} {project.events.nouns} ({days})", _fixes(project)
    for column in required_columns(project):
        bad = int(scored[column].isna().sum()) if totals is None else totals.count(UNKNOWN.format(column))
        if bad:
            raise UnusableRowsError(f"{column} is missing for {bad} {of_all}: {_reject(project)}.")
    for column in (name for name in fixes if name in scored):
        bad = _unknown(project, scored[column]) if totals is None else totals.count(UNKNOWN.format(column))
        if bad:
            raise UnusableRowsError(f"{column} is not a finite number for {bad} {of_all}: {fixes[column]}.")
    for model in (CANDIDATE, CHAMPION):
        if totals is not None and (bad := totals.count(UNUSABLE.format(model))):
            kind = type(project.model.task).__name__
            raise UnusableRowsError(
                f"The label, or what the {model} predicts, is none of a {kind} for {bad} {of_all}: {fixes[model]}."
            )
    _check_count(project, size, days)


def _unknown(project: Project, column: pd.Series) -> int:
    shape = project.model.task.shape
    as_numbers = shape.labels if column.name == project.events.label_column else shape.answers
    return int((~is_known(as_numbers(column))).sum())


def _check_count(project: Project, rows: int, days: str) -> None:
    nouns, fewest = project.events.nouns, project.model.validation.min_rows
    if rows < fewest:
        count = f"Only {rows}" if rows else "No"
        raise UnusableRowsError(
            f"{count} {nouns} are held out ({days}) whose label is known, and fewer than {fewest} judge no model "
            f"(min_rows in validation/validation.py): ingest days that have {nouns}, or raise holdout_days in "
            f"resources/model-workflow-resource.yml, and {_again(project)}."
        )


def _fixes(project: Project) -> dict[str, str]:
    """Column -> the remedy for values that are not finite."""
    again = _again(project)
    return {
        project.events.label_column: _reject(project),
        CANDIDATE: f"look at the features of these {project.events.nouns} and at the hyperparameters, then {again}",
        CHAMPION: "roll back to a version that predicts, or run the checks with enable_baseline_comparison: false",
    }


def _again(project: Project) -> str:
    return f"launch {project.named('model_training_job')} again"


def _reject(project: Project) -> str:
    events, again = project.events, _again(project)
    return f"add a rule to the declaration of '{events.name}' that rejects them, materialize it again, then {again}"
