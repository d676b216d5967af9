"""The monitor tables: profile and drift of each day of predictions."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.adapters.model_registry import ModelNotFoundError
from mlops_core.config import ModelTarget
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.io_managers import MAY_BE_EMPTY
from mlops_core.defs.names import key_of, needed, resources_of
from mlops_core.defs.partitions import ONE_RUN_A_RANGE, days_of
from mlops_core.project import Project

if TYPE_CHECKING:
    import pandas as pd


def monitoring_assets(
    project: Project, target: ModelTarget, daily: dg.PartitionsDefinition
) -> list[dg.AssetsDefinition]:
    day_before_too = dg.TimeWindowPartitionMapping(start_offset=-1, allow_nonexistent_upstream_partitions=True)
    common: dict[str, Any] = {
        "group_name": project.named("monitoring"),
        "owners": [target.owner],
        "kinds": {"spark", "delta"},
        "partitions_def": daily,
        "backfill_policy": ONE_RUN_A_RANGE,
        "io_manager_key": project.named("table_io_manager"),
        "code_version": "2",
    }

    predictions, events = key_of(project, "predictions"), {"events": dg.AssetIn(key_of(project, project.events.name))}

    @dg.asset(
        **common,
        key=key_of(project, "inference_profile_metrics"),
        ins={"predictions": dg.AssetIn(predictions, metadata={MAY_BE_EMPTY: True}), **events},
        required_resource_keys=needed(project, "step_launcher"),
    )
    def inference_profile_metrics(
        context: dg.AssetExecutionContext, predictions: DataFrame, events: DataFrame
    ) -> DataFrame:
        """Each day of predictions by model version, as a whole and in slices: metrics, coverage of labels, columns.

        Metrics are of the predictions whose label has arrived. A day that is computed again when more labels have
        arrived replaces what was known of it before; of a day whose predictions were deleted nothing stays.
        """
        from mlops_core.monitoring.labels import with_labels
        from mlops_core.monitoring.profile import profile_metrics

        return profile_metrics(predictions, with_labels(predictions, events, project, *days_of(context)), project)

    @dg.asset(
        **common,
        key=key_of(project, "inference_drift_metrics"),
        ins={
            "predictions": dg.AssetIn(predictions, metadata={MAY_BE_EMPTY: True}, partition_mapping=day_before_too),
            **events,
        },
        required_resource_keys=needed(project, "step_launcher", "model_registry"),
    )
    def inference_drift_metrics(
        context: dg.AssetExecutionContext, predictions: DataFrame, events: DataFrame
    ) -> DataFrame:
        """How far each day's features, predictions and labels are from the training rows, and from the day before."""
        from mlops_core.monitoring.bins import bins_of
        from mlops_core.monitoring.drift import drift_metrics, segmented, versions_of
        from mlops_core.monitoring.labels import with_labels

        first, last = days_of(context)
        labelled = with_labels(predictions, events, project, first - timedelta(days=1), last)
        found = {version: _baseline_of(context, project, *version) for version in versions_of(predictions)}
        baselines = {version: rows for version, rows in found.items() if rows is not None}
        bins = {version: bins_of(rows, project) for version, rows in baselines.items()}
        return drift_metrics(predictions, labelled, bins, first, segmented(project.model, baselines, bins))

    return [inference_profile_metrics, inference_drift_metrics]


def _baseline_of(
    context: dg.AssetExecutionContext, project: Project, model: str, version: int
) -> "pd.DataFrame | None":
    """A version's training rows; None, with a line in the log, when the registry no longer has them."""
    registry = resources_of(project, context).model_registry.of(model)
    try:
        return registry.baseline(registry.get(version))
    except ModelNotFoundError as error:
        context.log.warning(f"The drift of {model} version {version} is not computed: {error}")
        return None
