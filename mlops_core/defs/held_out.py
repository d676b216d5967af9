"""The rows that a version has not seen, with what it and the champion predict for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
from my_mlops_stacks.training.columns import LABEL

from mlops_core.adapters.evaluation import score_side_by_side
from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.snapshot import version_is_kept, with_versions
from mlops_core.defs.jobs import FEATURE_TABLES
from my_mlops_stacks.project import PROJECT

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("trips_version", "held_out_from")
"""What training wrote on a version, without which nobody knows which rows it has not seen."""
RECORDED = (*REQUIRED, "held_out_until")
"""The last held-out day keeps out trips of days that are not built; without it there is no last one."""


class UnknownHoldOutError(LookupError):
    """A version that does not say which rows were held out from it."""


@dataclass(frozen=True)
class HeldOut:
    """Scored rows, the features that each model looked up for them, and the versions of the tables that were read."""

    rows: "pd.DataFrame"
    features: Mapping[str, list[str]]
    tables: Mapping[str, int]


def recorded_on(version: ModelVersion) -> dict[str, str]:
    missing = [tag for tag in REQUIRED if tag not in version.tags]
    if missing:
        raise UnknownHoldOutError(
            f"Version {version.version} of {version.name} lacks the tags {missing}, so nobody knows which trips it has "
            "not seen: materialize 'fare_model', which writes them, rather than registering a model by hand."
        )
    return {tag: version.tags[tag] for tag in RECORDED if tag in version.tags}


def score_held_out(context: dg.AssetCheckExecutionContext, versions: Mapping[str, ModelVersion]) -> HeldOut:
    """The rows that the candidate's training held out, as of the Delta version that it recorded, with predictions."""
    from datetime import date

    from my_mlops_stacks.training.model_inputs import model_inputs

    from mlops_core.training.split import held_out
    from mlops_core.validation.scored_rows import check_rows, row_columns

    recorded = recorded_on(versions["candidate"])
    tables, version = context.resources.tables, int(recorded["trips_version"])
    days = [date.fromisoformat(recorded[tag]) for tag in ("held_out_from", "held_out_until") if tag in recorded]

    def score() -> tuple["pd.DataFrame", Mapping[str, list[str]]]:
        unseen = model_inputs(held_out(tables.read("trips", version), *days), LABEL)
        scored = score_side_by_side(context.resources.feature_store, unseen, versions)
        return scored.rows.select(*row_columns(PROJECT.slices), *versions).toPandas(), scored.features

    with version_is_kept("trips", version):
        (rows, features), looked_up = with_versions(tables, FEATURE_TABLES, score)
    check_rows(rows, PROJECT.slices, f"since {recorded['held_out_from']}, version {version} of the table trips")
    return HeldOut(rows, features, {"trips": version, **looked_up})
