"""The monitor tables, and the checks that judge predictions by them."""

from typing import Any

import dagster as dg

from my_mlops_stacks.adapters.model_registry import ModelVersion
from my_mlops_stacks.defs.annotations import DataFrame
from my_mlops_stacks.defs.metadata import plot, png
from my_mlops_stacks.defs.partitions import ONE_RUN_A_RANGE, days_of
from my_mlops_stacks.target import Target

LARGE_CHANGE = 0.25
"""Population stability index above which a distribution is commonly called changed."""


def monitoring_assets(target: Target, daily: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    common: dict[str, Any] = {
        "group_name": "monitoring",
        "owners": [target.owner],
        "kinds": {"spark", "delta"},
        "partitions_def": daily,
        "backfill_policy": ONE_RUN_A_RANGE,
        "io_manager_key": "table_io_manager",
        "code_version": "1",
    }

    @dg.asset(**common, required_resource_keys={"step_launcher"})
    def inference_profile_metrics(
        context: dg.AssetExecutionContext, predictions: DataFrame, trips: DataFrame
    ) -> DataFrame:
        """Count, RMSE, MAE, R2 and bias of each day's predictions, over the trips whose fare has arrived."""
        from my_mlops_stacks.monitoring.labels import with_labels
        from my_mlops_stacks.monitoring.plots import error_over_time
        from my_mlops_stacks.monitoring.profile import computed, profile_metrics

        profile = computed(profile_metrics(with_labels(predictions, trips, *days_of(context))))
        context.add_output_metadata({"error_over_time": plot(png(error_over_time(profile.toPandas())))})
        return profile

    @dg.asset(**common, required_resource_keys={"step_launcher", "model_registry"})
    def inference_drift_metrics(
        context: dg.AssetExecutionContext, predictions: DataFrame, champion: ModelVersion
    ) -> DataFrame:
        """How far each day's features and predictions are from the rows that the champion was trained on."""
        from my_mlops_stacks.monitoring.columns import DRIFT_MONITORED
        from my_mlops_stacks.monitoring.drift import bins_of, drift_metrics
        from my_mlops_stacks.monitoring.plots import drift_heat_map

        bins = bins_of(context.resources.model_registry.baseline(champion), DRIFT_MONITORED)
        drift = drift_metrics(predictions, bins)
        context.add_output_metadata({"drift": plot(png(drift_heat_map(drift.toPandas())))})
        return drift

    return [inference_profile_metrics, inference_drift_metrics]


def monitoring_checks(target: Target) -> list[dg.AssetChecksDefinition]:
    workflow = target.monitoring_workflow

    @dg.asset_check(
        asset="predictions",
        additional_deps=["inference_profile_metrics"],
        required_resource_keys={"step_launcher", "tables"},
        description="The monitored metric kept its threshold in enough of the newest days.",
    )
    def metric_within_threshold(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from my_mlops_stacks.monitoring.violation import ViolationRule

        rule = ViolationRule(**workflow.model_dump(include=set(ViolationRule.__dataclass_fields__)))
        found = rule.evaluate(context.resources.tables.read("inference_profile_metrics"))
        return dg.AssetCheckResult(
            passed=not found.violated,
            description=found.reason,
            metadata={
                "metric": rule.metric_to_monitor,
                "threshold": rule.metric_violation_threshold,
                "values": found.values,
            },
        )

    @dg.asset_check(
        asset="predictions",
        additional_deps=["inference_drift_metrics"],
        required_resource_keys={"step_launcher", "tables"},
        description=f"The newest day's predictions have a population stability index of at most {LARGE_CHANGE}.",
    )
    def predictions_have_not_drifted(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from my_mlops_stacks.monitoring.drift import newest_stability

        day, value = newest_stability(context.resources.tables.read("inference_drift_metrics"), "prediction")
        return dg.AssetCheckResult(
            passed=value is None or value <= LARGE_CHANGE,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"day": day, "population_stability_index": value, "bound": LARGE_CHANGE},
        )

    return [metric_within_threshold, predictions_have_not_drifted]
