"""The rows that a version has not seen, scored by it and by the champion."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from mlops_core.adapters.evaluation import Scored, score_side_by_side
from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.snapshot import explain_missing_version, read_consistently
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.names import HasResources, resources_of
from mlops_core.defs.served_features import as_served_to
from mlops_core.project import Project
from mlops_core.tasks import Task
from mlops_core.version_record import version_tag

if TYPE_CHECKING:
    import pandas as pd

    from mlops_core.tasks.metric import Sums
    from mlops_core.validation.totals import Totals


class UnknownHoldOutError(LookupError):
    """The version does not record which rows were held out."""


@dataclass(frozen=True)
class HeldOut:
    """Scored rows, the features that each model looked up for them, and the versions of the tables that were read.

    Of many rows they are a sample, and `totals` is of all. `tasks` are by what each version is measured.
    """

    rows: "pd.DataFrame"
    tasks: Mapping[str, Task]
    features: Mapping[str, list[str]]
    tables: Mapping[str, int]
    totals: "Totals | None"

    @property
    def count(self) -> int:
        return self.totals.rows if self.totals else len(self.rows)

    def sums(self, model: str) -> "Sums | None":
        """The task's statistics of one of the models on all rows; None when `rows` are all."""
        return self.totals.sums(model) if self.totals else None

    def before(self, event_time: str, moment: str) -> int:
        """How many of the events happened before a full hour."""
        if self.totals:
            return self.totals.before(moment)
        return int((self.rows[event_time] < moment).sum())


@dataclass(frozen=True)
class Unseen:
    """Which rows a version has not seen: the days that it held out, of the Delta version of the events that it read.

    The last day keeps out events of days that are not built; without it there is no last one.
    """

    table_version: int
    first_day: date
    last_day: date | None


def unseen_by(project: Project, context: HasResources, version: ModelVersion) -> Unseen:
    """The rows that `version` has not seen, as its training wrote it down; of a copy, those of the newest table here.

    Raises:
        UnknownHoldOutError: it recorded nothing.
    """
    record, events = version.record, project.events
    table_version, first_day = record.tables.get(events.name), record.held_out_from
    if table_version is None and record.copied_from:
        table_version = resources_of(project, context).tables.version(events.name)
    if table_version is None or first_day is None:
        stated = {version_tag(events.name): table_version, "held_out_from": first_day}
        raise UnknownHoldOutError(
            f"Version {version.version} of {version.name} lacks the tags "
            f"{[tag for tag, value in stated.items() if value is None]}, so nobody knows which {events.nouns} it has "
            f"not seen: materialize '{project.model.name}', which writes them, rather than registering a model by hand."
        )
    return Unseen(table_version, first_day, record.held_out_until)


def score_held_out(
    project: Project, context: dg.AssetCheckExecutionContext, versions: Mapping[str, ModelVersion], as_served: bool
) -> HeldOut:
    """The rows that the candidate's training held out, as of the Delta version that it recorded, with predictions.

    `as_served`: whether events that were predicted have the features that served them.
    """
    from mlops_core.training.split import held_out
    from mlops_core.validation.scored_rows import check_rows

    events, unseen = project.events, unseen_by(project, context, versions["candidate"])
    tables, version = resources_of(project, context).tables, unseen.table_version

    def score() -> HeldOut:
        rows = held_out(events, tables.read(events.name, version), unseen.first_day, unseen.last_day)
        return _scored(project, context, rows, versions, as_served)

    read = [table.name for table in project.feature_tables]
    if as_served and tables.exists(predictions := project.scoped("predictions")):
        read.append(predictions)
    with explain_missing_version(events.name, version, project.named):
        found, looked_up = read_consistently(tables, read, score, project.named)
    days = f"since {unseen.first_day}, version {version} of the table {events.name}"
    check_rows(project, found.rows, days, found.totals)
    return replace(found, tables={events.name: version, **looked_up})


def _scored(
    project: Project,
    context: dg.AssetCheckExecutionContext,
    rows: DataFrame,
    versions: Mapping[str, ModelVersion],
    as_served: bool,
) -> HeldOut:
    """The rows with predictions, or a sample of them and the sums of all."""
    from mlops_core.training.model_inputs import model_inputs
    from mlops_core.training.sampling import at_most, rows_by_day
    from mlops_core.validation.scored_rows import required_columns, row_columns
    from mlops_core.validation.slice_segments import frequent_values
    from mlops_core.validation.totals import totals

    events, model, days = project.events, project.model, rows_by_day(rows)
    store = resources_of(project, context).feature_store
    tasks = {name: model.task.at(version.record.decision_threshold) for name, version in versions.items()}

    def with_features(version: ModelVersion, some: DataFrame) -> DataFrame:
        return as_served_to(project, context, version, some, first=min(days), last=max(days))

    served = {"with_features": with_features} if as_served else {}

    def scored(some: DataFrame) -> Scored:
        inputs = model_inputs(project, some, *project.carried, events.label_column)
        return score_side_by_side(store, model.task, inputs, versions, project.named, **served)

    taken = scored(at_most(events, rows, days, model.validation.max_rows))
    frame = taken.rows.select(*row_columns(project), *versions).toPandas()
    if sum(days.values()) <= model.validation.max_rows:
        return HeldOut(frame, tasks, taken.features, {}, None)
    sums = totals(
        scored(rows).rows,
        tasks,
        model.slices,
        frequent_values(rows, model.slices),
        label=events.label_column,
        event_time=events.event_time,
        required=required_columns(project),
    )
    return HeldOut(frame, tasks, taken.features, {}, sums)
