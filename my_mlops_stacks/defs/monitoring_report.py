"""The report of the monitoring: plots in the UI, and a page for each day for who has no access to it."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from my_mlops_stacks.adapters.tables import Tables
from my_mlops_stacks.defs.metadata import as_data, plot, png
from my_mlops_stacks.defs.partitions import ONE_RUN_A_RANGE, days_of
from my_mlops_stacks.target import Target

if TYPE_CHECKING:
    import pandas as pd

HISTORY = timedelta(days=60)
RMSE = "root_mean_squared_error"


def report_assets(target: Target, daily: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    workflow = target.monitoring_workflow

    @dg.asset(
        group_name="monitoring",
        owners=[target.owner],
        kinds={"html"},
        partitions_def=daily,
        backfill_policy=ONE_RUN_A_RANGE,
        deps=["inference_profile_metrics", "inference_drift_metrics"],
        required_resource_keys={"step_launcher", "tables", "pages"},
        code_version="1",
    )
    def monitoring_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Error over time with the versions that made it, drift by day and column, and a web page for each day."""
        from my_mlops_stacks.monitoring.plots import drift_heat_map, error_over_time, judged_rows

        first, last = days_of(context)
        profile = _since(context.resources.tables, "inference_profile_metrics", last)
        drift = _since(context.resources.tables, "inference_drift_metrics", last)
        threshold = workflow.metric_violation_threshold if workflow.metric_to_monitor == RMSE else None
        pictures = {
            "error_over_time": png(error_over_time(judged_rows(profile), threshold), trimmed=False),
            "drift": png(drift_heat_map(drift), trimmed=False),
        }
        days = [day for day in sorted(profile["day"].unique()) if first <= day <= last]
        pages = _pages(target, context.resources.tables, days, profile=profile, drift=drift, pictures=pictures)
        place = context.resources.pages.write(pages) if pages else None
        plots = {name: plot(image) for name, image in pictures.items()}
        return dg.MaterializeResult(metadata=plots | ({"page": dg.MetadataValue.url(place)} if place else {}))

    return [monitoring_report]


def _since(tables: Tables, name: str, last: date) -> "pd.DataFrame":
    """The table's rows up to `last`, without the slices of days that are long ago."""
    from pyspark.sql import functions as F

    rows = tables.read(name).where(F.col("day").between(F.lit(last - HISTORY), F.lit(last)))
    return rows.drop("window", "window_cmp", "quantiles").toPandas()


def _pages(
    target: Target,
    tables: Tables,
    days: list[date],
    *,
    profile: "pd.DataFrame",
    drift: "pd.DataFrame",
    pictures: dict[str, bytes],
) -> dict[str, str]:
    """The page of each of `days`, by its file's name."""
    from my_mlops_stacks.monitoring.page import page

    verdicts = _verdicts(target, tables, days[-1]) if days else {}
    shown = {"Error over time": as_data(pictures["error_over_time"]), "Drift": as_data(pictures["drift"])}
    return {
        f"{day}.html": page(
            str(day),
            verdicts,
            profile[profile["day"] == day],
            drift[drift["day"] == day],
            pictures=shown,
            minimum_count=target.monitoring_workflow.minimum_count,
        )
        for day in days
    }


def _verdicts(target: Target, tables: Tables, day: date) -> dict[str, tuple[bool, str]]:
    """What the checks say of the days up to `day`."""
    from my_mlops_stacks.monitoring.drift_rule import newest_drift
    from my_mlops_stacks.monitoring.violation import rule_of

    today = min(day, datetime.now(UTC).date())
    found = rule_of(target.monitoring_workflow).evaluate(tables.read("inference_profile_metrics"), today)
    drift = newest_drift(tables.read("inference_drift_metrics"), today, target.monitoring_workflow.minimum_count)
    return {
        "metric_within_threshold": (not found.violated, found.reason),
        "features_have_not_drifted": (not drift.features.drifted, drift.features.reason),
        "predictions_have_not_drifted": (not drift.predictions.drifted, drift.predictions.reason),
    }
