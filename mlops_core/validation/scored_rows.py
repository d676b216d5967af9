"""Scored held-out events, and whether they suffice to evaluate a model."""

from __future__ import annotations

import pandas as pd

from mlops_core.project import Project
from mlops_core.tasks.task import UnusableRowsError, is_known
from mlops_core.validation.comparison import CANDIDATE, CHAMPION


def row_columns(project: Project) -> list[str]:
    """The event columns that a validation reads; the label is the last."""
    sliced_by = (each.column for each in project.model.slices)
    return list(dict.fromkeys((project.events.event_time, *sliced_by, project.events.label_column)))


def check_rows(project: Project, scored: pd.DataFrame, days: str) -> None:
    """Refuse rows that a model can't be evaluated on; `days` describes them in messages.

    Raises:
        UnusableRowsError: there are too few, one lacks what its segment is named after, or a label or a prediction is
            not a finite number.
    """
    events, shape = project.events, project.model.task.shape
    for column in (name for name in row_columns(project) if name in events.required):
        if bad := int(scored[column].isna().sum()):
            raise UnusableRowsError(
                f"{column} is missing for {bad} of {len(scored)} {events.nouns} ({days}): {_reject(project)}."
            )
    for column, fix in _fixes(project).items():
        as_numbers = shape.labels if column == events.label_column else shape.answers
        bad = int((~is_known(as_numbers(scored[column]))).sum()) if column in scored else 0
        if bad:
            raise UnusableRowsError(
                f"{column} is not a finite number for {bad} of {len(scored)} {events.nouns} ({days}): {fix}."
            )
    _check_count(project, len(scored), days)


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
