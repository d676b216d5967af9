"""What the answers declare, before anything is written: a contradiction is told while it can be answered otherwise."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from mlops_core import project as declarations
from mlops_core.cli.new.answers import Answers, EntityAnswer, FeatureAnswer, SliceAnswer
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.project import Column, EventTable, Input, Model, Project, RowRule, Training, WindowTable
from mlops_core.project.columns import DeclarationError
from mlops_core.project.names import NameRefusedError
from mlops_core.project.slices import Slice
from mlops_core.tasks import BinaryClassification, MulticlassClassification, Regression, Task

if TYPE_CHECKING:
    import numpy as np


class _Nothing(BaseModel):
    """Hyperparameters of a model that is never fitted."""


def declared(answers: Answers) -> Project:
    """The project that the template would declare.

    Raises:
        NewProjectError: the declarations contradict each other.
    """
    try:
        events = events_of(answers)
        return Project(
            answers.project,
            events=events,
            feature_tables=tuple(table for entity in answers.entities for table in _tables(events, entity)),
            models=(_model(answers),),
        )
    except (DeclarationError, NameRefusedError, ValueError) as error:
        raise NewProjectError(str(error)) from error


def events_of(answers: Answers) -> EventTable:
    """The events."""
    columns = (
        Column(
            each.name,
            each.type,  # type: ignore[arg-type]
            each.meaning,
            each.unit or None,
            nullable=each.nullable,
            known_late=each.known_late or None,
            categorical=each.categorical,
            computed_by=each.computed_by,
            csv_format=each.csv_format,  # type: ignore[arg-type]
        )
        for each in answers.columns
    )
    return EventTable(
        answers.events,
        columns=tuple(columns),
        event_time=answers.event_time,
        known_at=answers.known_at,
        label=answers.label,
        identity=answers.identity,
        time_zone=answers.time_zone,
        longest=timedelta(hours=answers.longest_hours),
        noun=answers.noun,
        first_day=date(1970, 1, 2),
        rules=tuple(RowRule(rule.broken, rule.reason) for rule in answers.rules),
    )


def _tables(events: EventTable, entity: EntityAnswer) -> list[WindowTable]:
    return [
        WindowTable(
            window.name,
            meaning=window.meaning,
            events=events,
            entity={entity.column: entity.column},
            length=timedelta(hours=window.length_hours),
            slide=timedelta(hours=window.slide_hours),
            aggregates=tuple(_feature(each) for each in window.features),
        )
        for window in entity.windows
    ]


def _feature(feature: FeatureAnswer) -> declarations.Aggregate:
    stated: dict[str, Any] = {name: value for name in ("of", "where", "unit") if (value := getattr(feature, name))}
    made: declarations.Aggregate = getattr(declarations, feature.kind)(feature.name, feature.meaning, **stated)
    return made


def _model(answers: Answers) -> Model:
    computed = (
        Input(each.name, each.type, each.meaning, expression=each.expression)  # type: ignore[arg-type]
        for each in answers.computed_inputs
    )
    training = Training(
        inputs=(*answers.inputs, *computed),
        fit=_only_checked,
        predict=_only_checked,
        hyperparameters=_Nothing,
        flavor="sklearn",
        packages=(),
    )
    slices = tuple(map(_slice, answers.slices))
    return Model(answers.model_name, answers.title, task=task_of(answers), training=training, slices=slices)


def task_of(answers: Answers) -> Task:
    """The task."""
    if answers.kind == "multiclass":
        is_text = next(each.type for each in answers.columns if each.name == answers.label) == "string"
        return MulticlassClassification(answers.classes if is_text else tuple(map(int, answers.classes)))
    return BinaryClassification() if answers.kind == "binary" else Regression()


def _slice(answer: SliceAnswer) -> Slice:
    stated: dict[str, Any] = {"title": answer.title}
    if answer.kind == "ByBand":
        stated |= {"edges": answer.edges, "unit": answer.unit}
    made: Slice = getattr(declarations, answer.kind)(answer.name, answer.column, **stated)
    return made


def _only_checked(*_: Any) -> np.ndarray:
    raise RuntimeError("These declarations are only checked: the project's own training/train.py fits.")
