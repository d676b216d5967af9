"""The check that predictions were made with the features that their tables give today.

It is evaluated by the monitoring: when predictions are made there is nothing to see, and features change later.
"""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.adapters.registry_errors import DanglingAliasError, registry_answers
from mlops_core.config import ModelTarget
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.jobs import SKEW
from mlops_core.defs.metadata import markdown_table
from mlops_core.defs.names import key_of, needed, resources_of
from mlops_core.defs.partitions import days_of_run
from mlops_core.defs.served_features import PREDICTED_BEFORE, SKEWED, skew_between
from mlops_core.deployment.promotion import CHAMPION
from mlops_core.project import Project

if TYPE_CHECKING:
    from mlops_core.monitoring.skew import Skew


def skew_checks(project: Project, target: ModelTarget) -> list[dg.AssetChecksDefinition]:
    """None for a model that looks nothing up."""
    if not project.looked_up:
        return []
    most, reach = target.monitoring_workflow.max_skewed_share, target.feature_engineering_workflow.late_days

    @dg.asset_check(
        asset=key_of(project, "predictions"),
        name=SKEW,
        required_resource_keys=needed(project, "step_launcher", "tables", "feature_store", "model_registry"),
        description=f"At most {most:.0%} of a day's predictions were made with another value of a feature than is "
        f"looked up for them today; asked of the days of the monitoring, and of the {reach} before in which what was "
        "delivered late may have changed features.",
    )
    def features_are_as_served(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        predictions = resources_of(project, context).tables.read(project.scoped("predictions"))
        first, last = _days(context, predictions, reach)
        found = skew_between(project, context, predictions, first, last)
        passed, reason = found.verdict(most)
        return dg.AssetCheckResult(
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=reason,
            metadata=_metadata(project, found, first, last) | _of_champion(project, context),
        )

    return [features_are_as_served]


def _days(context: dg.AssetCheckExecutionContext, predictions: DataFrame, reach: int) -> tuple[date, date]:
    """The days of the run, else the newest that is predicted, and those before that late deliveries reach."""
    from mlops_core.monitoring.skew import newest_day

    first, last = days_of_run(context) or (newest_day(predictions, datetime.now(UTC).date()),) * 2
    return min(first, last - timedelta(days=reach)), last


def _metadata(project: Project, found: "Skew", first: date, last: date) -> dict[str, Any]:
    versions = dict.fromkeys(f"{batch.model_name}/{batch.model_version}" for batch in found.batches)
    return {
        "days": f"{first} to {last}",
        "versions": ", ".join(versions) or "none",
        "compared": found.compared,
        "share_with_other_features": found.share,
        "features": dg.MetadataValue.md(markdown_table(found.table(project.units))),
        "not_compared": "; ".join(found.unknown) or "nothing",
    }


def _of_champion(project: Project, context: dg.AssetCheckExecutionContext) -> dict[str, float]:
    """How far what the champion was trained on is from what served; nothing where its training found no predictions."""
    registry = resources_of(project, context).model_registry
    with registry_answers(registry.tracking_uri):
        try:
            measured = registry.run_metrics(registry.at_alias(CHAMPION))
        except (LookupError, DanglingAliasError):
            return {}
    return {f"champion_{name}": measured[name] for name in (PREDICTED_BEFORE, SKEWED) if name in measured}
