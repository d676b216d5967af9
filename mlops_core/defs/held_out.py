"""The rows that a version has not seen, with what it and the champion predict for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from mlops_core.adapters.evaluation import score_side_by_side
from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.snapshot import version_is_kept, with_versions
from mlops_core.project import Project

if TYPE_CHECKING:
    import pandas as pd


class UnknownHoldOutError(LookupError):
    """A version that does not say which rows were held out from it."""


@dataclass(frozen=True)
class HeldOut:
    """Scored rows, the features that each model looked up for them, and the versions of the tables that were read."""

    rows: "pd.DataFrame"
    features: Mapping[str, list[str]]
    tables: Mapping[str, int]


def version_tag(table: str) -> str:
    """The tag of a version that names the Delta version of a table that it was trained on."""
    return f"{table}_version"


def recorded_on(project: Project, version: ModelVersion) -> dict[str, str]:
    """What training wrote on a version of the rows that it has not seen.

    The last held-out day keeps out events of days that are not built; without it there is no last one.

    Raises:
        UnknownHoldOutError: it wrote nothing.
    """
    required = (version_tag(project.events.name), "held_out_from")
    missing = [tag for tag in required if tag not in version.tags]
    if missing:
        raise UnknownHoldOutError(
            f"Version {version.version} of {version.name} lacks the tags {missing}, so nobody knows which "
            f"{project.events.nouns} it has not seen: materialize '{project.model.name}', which writes them, rather "
            "than registering a model by hand."
        )
    return {tag: version.tags[tag] for tag in (*required, "held_out_until") if tag in version.tags}


def score_held_out(
    project: Project, context: dg.AssetCheckExecutionContext, versions: Mapping[str, ModelVersion]
) -> HeldOut:
    """The rows that the candidate's training held out, as of the Delta version that it recorded, with predictions."""
    from datetime import date

    from mlops_core.training.model_inputs import model_inputs
    from mlops_core.training.split import held_out
    from mlops_core.validation.scored_rows import check_rows, row_columns

    events, recorded = project.events, recorded_on(project, versions["candidate"])
    tables, version = context.resources.tables, int(recorded[version_tag(events.name)])
    days = [date.fromisoformat(recorded[tag]) for tag in ("held_out_from", "held_out_until") if tag in recorded]

    def score() -> tuple["pd.DataFrame", Mapping[str, list[str]]]:
        rows = held_out(events, tables.read(events.name, version), *days)
        unseen = model_inputs(project, rows, *project.carried, events.label_column)
        scored = score_side_by_side(context.resources.feature_store, project.model.task, unseen, versions)
        return scored.rows.select(*row_columns(project), *versions).toPandas(), scored.features

    with version_is_kept(events.name, version):
        (rows, features), looked_up = with_versions(tables, [table.name for table in project.feature_tables], score)
    check_rows(project, rows, f"since {recorded['held_out_from']}, version {version} of the table {events.name}")
    return HeldOut(rows, features, {events.name: version, **looked_up})
