"""The report of the monitoring: judgements and plots in the UI, and a page of each day for who has no access to it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from mlops_core.config import MonitoringWorkflow, Target
from mlops_core.defs.jobs import MONITOR_TABLES, REPORT
from mlops_core.defs.judgements import check_specs, judgements
from mlops_core.defs.metadata import as_data, plot, png
from mlops_core.defs.partitions import ONE_RUN_A_RANGE, days_of
from mlops_core.project import Project

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

HISTORY = timedelta(days=60)
DAYS_AT_ONCE = 4
"""Each day's verdicts are four small queries, which wait for Spark more than they compute."""


def report_assets(
    project: Project, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetsDefinition]:
    workflow = target.monitoring_workflow

    @dg.asset(
        name=REPORT,
        group_name="monitoring",
        owners=[target.owner],
        kinds={"html"},
        partitions_def=daily,
        backfill_policy=ONE_RUN_A_RANGE,
        deps=list(MONITOR_TABLES),
        check_specs=check_specs(),
        required_resource_keys={"step_launcher", "tables", "pages"},
        code_version="3",
    )
    def monitoring_report(context: dg.AssetExecutionContext) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        """Error over time with the versions that made it, drift by day and column, and a web page for each day.

        Its checks judge the newest days. They come first: whatever becomes of a picture, sensors know the judgement.
        """
        from mlops_core.monitoring.columns import watched
        from mlops_core.monitoring.judged_windows import AsOf, as_numbers, judged_windows
        from mlops_core.monitoring.page import neighbours
        from mlops_core.monitoring.plots import drift_heat_map, metric_over_time
        from mlops_core.monitoring.violation import rule_of

        (first, last), now, built = days_of(context), datetime.now(UTC), context.resources.pages
        all_profile, all_drift = (context.resources.tables.read(name) for name in MONITOR_TABLES)
        yield from judgements(
            project, target, daily.get_partition_keys(), profile=all_profile, drift=all_drift, now=now
        )
        profile, drift = (_shown(table, first, last) for table in (all_profile, all_drift))
        task, rule = project.model.task, rule_of(project, workflow)
        judged = as_numbers(judged_windows(profile, AsOf(now, last)), task).toPandas()
        pictures = {
            "metric_over_time": png(metric_over_time(judged, task, rule), trimmed=False),
            "drift": png(drift_heat_map(drift.toPandas(), judged, watched(project)), trimmed=False),
        }
        links = partial(neighbours, first=target.first_day, last=target.newest_day) if built.is_site else None
        pages = _pages(project, workflow, profile, drift, now, days=(first, last), pictures=pictures, links=links)
        addresses = built.write({f"{day}.html": text for day, text in pages.items()})
        for day in pages:
            page = dg.MetadataValue.url(addresses[f"{day}.html"])
            context.add_asset_metadata({"page": page}, partition_key=str(day))
        yield dg.MaterializeResult(metadata={name: plot(image) for name, image in pictures.items()})

    return [monitoring_report]


def _shown(table: "DataFrame", first: date, last: date) -> "DataFrame":
    """What the pages of these days show, at hand: all of the days and of those before them, slices of the days only."""
    from pyspark.sql import functions as F

    from mlops_core.monitoring.windows import computed

    day, whole = F.col("day"), F.col("slice_key").isNull()
    sliced = (day >= F.lit(first)) & (F.col("column_name") == ":table")
    return computed(table.where(day.between(F.lit(first - HISTORY), F.lit(last)) & (whole | sliced)))


def _pages(
    project: Project,
    workflow: MonitoringWorkflow,
    profile: "DataFrame",
    drift: "DataFrame",
    now: datetime,
    *,
    days: tuple[date, date],
    pictures: dict[str, bytes],
    links: Callable[[date], dict[str, str]] | None,
) -> dict[date, str]:
    """The page of each day from the first to the last of `days`, those without predictions too."""
    from mlops_core.monitoring.judged_windows import as_numbers
    from mlops_core.monitoring.page import page
    from mlops_core.monitoring.violation import rule_of

    first, last = days
    extent = f"up to {last}"
    metric = rule_of(project, workflow).metric
    shown = {f"{metric.title} over time, {extent}": pictures["metric_over_time"], f"Drift, {extent}": pictures["drift"]}
    profiled, drifts = as_numbers(profile, project.model.task).toPandas(), drift.toPandas()
    wanted = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    with ThreadPoolExecutor(DAYS_AT_ONCE) as pool:
        verdicts = list(pool.map(lambda day: _verdicts(project, workflow, profile, drift, now=now, day=day), wanted))
    return {
        day: page(
            str(day),
            verdicts_of_day,
            profiled[profiled["day"] == day],
            drifts[drifts["day"] == day],
            project=project,
            metric=metric,
            pictures={title: as_data(image) for title, image in shown.items()},
            minimum_count=workflow.minimum_count,
            links=links(day) if links else None,
        )
        for day, verdicts_of_day in zip(wanted, verdicts, strict=True)
    }


def _verdicts(
    project: Project,
    workflow: MonitoringWorkflow,
    profile: "DataFrame",
    drift: "DataFrame",
    *,
    now: datetime,
    day: date,
) -> dict[str, tuple[bool, str]]:
    """What the checks say of `day` and the days before it, with the labels that have arrived until now."""
    from mlops_core.monitoring.drift_rule import newest_drift
    from mlops_core.monitoring.judged_windows import AsOf
    from mlops_core.monitoring.label_rule import LATE_DAYS, newest_windows
    from mlops_core.monitoring.violation import rule_of

    as_of = AsOf(now, day)
    found = rule_of(project, workflow).evaluate(profile, as_of)
    drifted = newest_drift(drift, profile, as_of, workflow.minimum_count, project.events.label_column)
    windows = newest_windows(profile, as_of, workflow.label_delay_days + LATE_DAYS)
    return {
        "metric_within_threshold": (not found.violated, found.reason),
        "features_have_not_drifted": (drifted.features.is_fine, drifted.features.reason),
        "predictions_have_not_drifted": (drifted.predictions.is_fine, drifted.predictions.reason),
        "labels_arrive": windows.labels(workflow.label_delay_days, workflow.minimum_coverage),
        "predictions_are_fresh": windows.freshness(str(day), now),
    }
