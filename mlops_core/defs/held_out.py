"""The rows that a version has not seen, scored by it and by the champion."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from mlops_core.adapters.evaluation import score_side_by_side
from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.snapshot import explain_missing_version, read_consistently
from mlops_core.defs.names import resources_of
from mlops_core.project import Project
from mlops_core.version_record import version_tag

if TYPE_CHECKING:
    import pandas as pd


class UnknownHoldOutError(LookupError):
    """The version does not record which rows were held out."""


@dataclass(frozen=True)
class HeldOut:
    """Scored rows, the features that each model looked up for them, and the versions of the tables that were read."""

    rows: "pd.DataFrame"
    features: Mapping[str, list[str]]
    tables: Mapping[str, int]


@dataclass(frozen=True)
class Unseen:
    """Which rows a version has not seen: the days that it held out, of the Delta version of the events that it read.

    The last day keeps out events of days that are not built; without it there is no last one.
    """

    table_version: int
    first_day: date
    last_day: date | None


def unseen_by(project: Project, version: ModelVersion) -> Unseen:
    """The rows that `version` has not seen, as its training wrote it down.

    Raises:
        UnknownHoldOutError: it recorded nothing.
    """
    record, events = version.record, project.events
    table_version, first_day = record.tables.get(events.name), record.held_out_from
    if table_version is None or first_day is None:
        stated = {version_tag(events.name): table_version, "held_out_from": first_day}
        raise UnknownHoldOutError(
            f"Version {version.version} of {version.name} lacks the tags "
            f"{[tag for tag, value in stated.items() if value is None]}, so nobody knows which {events.nouns} it has "
            f"not seen: materialize '{project.model.name}', which writes them, rather than registering a model by hand."
        )
    return Unseen(table_version, first_day, record.held_out_until)


def score_held_out(
    project: Project, context: dg.AssetCheckExecutionContext, versions: Mapping[str, ModelVersion]
) -> HeldOut:
    """The rows that the candidate's training held out, as of the Delta version that it recorded, with predictions."""
    from mlops_core.training.model_inputs import model_inputs
    from mlops_core.training.split import held_out
    from mlops_core.validation.scored_rows import check_rows, row_columns

    events, unseen = project.events, unseen_by(project, versions["candidate"])
    tables, version = resources_of(project, context).tables, unseen.table_version

    def score() -> tuple["pd.DataFrame", Mapping[str, list[str]]]:
        rows = held_out(events, tables.read(events.name, version), unseen.first_day, unseen.last_day)
        inputs = model_inputs(project, rows, *project.carried, events.label_column)
        scored = score_side_by_side(
            resources_of(project, context).feature_store, project.model.task, inputs, versions, project.named
        )
        return scored.rows.select(*row_columns(project), *versions).toPandas(), scored.features

    with explain_missing_version(events.name, version, project.named):
        (rows, features), looked_up = read_consistently(
            tables, [table.name for table in project.feature_tables], score, project.named
        )
    check_rows(project, rows, f"since {unseen.first_day}, version {version} of the table {events.name}")
    return HeldOut(rows, features, {events.name: version, **looked_up})
