"""The monitoring report: judgements and plots in the UI, and a page per day for people without access to it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from mlops_core.config import ModelTarget
from mlops_core.defs.jobs import MONITOR_TABLES, REPORT
from mlops_core.defs.judgements import check_specs, judgements, verdicts
from mlops_core.defs.metadata import as_data, plot, png
from mlops_core.defs.names import key_of, keys_of, needed, resources_of
from mlops_core.defs.partitions import ONE_RUN_A_RANGE, days_of
from mlops_core.project import Project

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

    from mlops_core.monitoring.judge import Judge

HISTORY = timedelta(days=60)
METRIC_PLOT = "Metric over time"


def report_assets(
    project: Project, target: ModelTarget, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetsDefinition]:
    @dg.asset(
        key=key_of(project, REPORT),
        group_name=project.named("monitoring"),
        owners=[target.owner],
        kinds={"html"},
        partitions_def=daily,
        backfill_policy=ONE_RUN_A_RANGE,
        deps=keys_of(project, *MONITOR_TABLES),
        check_specs=check_specs(project),
        required_resource_keys=needed(project, "step_launcher", "tables", "pages"),
        code_version="4",
    )
    def monitoring_report(context: dg.AssetExecutionContext) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        """Metric over time with the versions that made it, drift by day and column, and a web page for each day.

        Its checks judge the newest days. They come first: whatever becomes of a picture, sensors know the judgement.
        """
        from mlops_core.monitoring.judge import judge_of
        from mlops_core.monitoring.judged_windows import as_numbers
        from mlops_core.monitoring.page import neighbours

        (first, last), now, resources = days_of(context), datetime.now(UTC), resources_of(project, context)
        read = [resources.tables.read(project.scoped(name)) for name in MONITOR_TABLES]
        tables = dict(zip(("profile", "drift"), read, strict=True))
        judge = judge_of(project, target.monitoring_workflow, **tables, now=now, first=first)
        yield from judgements(project, target, daily.get_partition_keys(), judge)
        profile = _shown(as_numbers(tables["profile"], project.model.task), first, last)
        drift = _shown(tables["drift"], first, last)
        pictures = _pictures(project, judge, profile, drift, last)
        links = partial(neighbours, first=target.first_day, last=target.newest_day) if resources.pages.is_site else None
        pages = _pages(project, judge, profile, drift, days=(first, last), pictures=pictures, links=links)
        addresses = resources.pages.write({f"{day}.html": text for day, text in pages.items()})
        for day in pages:
            page = dg.MetadataValue.url(addresses[f"{day}.html"])
            context.add_asset_metadata({"page": page}, partition_key=str(day))
        metadata = {title.lower().replace(" ", "_"): plot(image) for title, image in pictures.items()}
        yield dg.MaterializeResult(metadata=metadata)

    return [monitoring_report]


def _shown(table: "DataFrame", first: date, last: date) -> "pd.DataFrame":
    """What the pages of these days show: all of the days and of those before them, slices of the days only."""
    from pyspark.sql import functions as F

    day, whole = F.col("day"), F.col("slice_key").isNull()
    sliced = (day >= F.lit(first)) & (F.col("column_name") == ":table")
    return table.where(day.between(F.lit(first - HISTORY), F.lit(last)) & (whole | sliced)).toPandas()


def _pictures(
    project: Project, judge: "Judge", profile: "pd.DataFrame", drift: "pd.DataFrame", last: date
) -> dict[str, bytes]:
    """Each plot, by its title."""
    from mlops_core.monitoring.columns import watched
    from mlops_core.monitoring.judged_windows import AsOf, rows_of
    from mlops_core.monitoring.plots import drift_heat_map, metric_over_time, monitored_over_time

    judged, task = rows_of(profile, AsOf(judge.now, last).past(judge.windows)), project.model.task
    figures = {METRIC_PLOT: monitored_over_time(judged, task, judge.rule)}
    for title, names in task.plotted.items():
        figures[f"{title} over time"] = metric_over_time(judged, list(map(task.monitor_metric, names)), title=title)
    figures["Drift"] = drift_heat_map(drift, judged, watched(project))
    return {title: png(figure, trimmed=False) for title, figure in figures.items()}


def _pages(
    project: Project,
    judge: "Judge",
    profile: "pd.DataFrame",
    drift: "pd.DataFrame",
    *,
    days: tuple[date, date],
    pictures: dict[str, bytes],
    links: Callable[[date], dict[str, str]] | None,
) -> dict[date, str]:
    """The page of each day from the first to the last of `days`, those without predictions too."""
    from mlops_core.monitoring.page import page

    first, last = days
    shown = {f"{title}, up to {last}": as_data(image) for title, image in pictures.items()}
    wanted = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return {
        day: page(
            str(day),
            verdicts(judge, judge.findings(day), due=str(day)),
            profile[profile["day"] == day],
            drift[drift["day"] == day],
            project=project,
            rule=judge.rule,
            pictures=shown,
            links=links(day) if links else None,
        )
        for day in wanted
    }
