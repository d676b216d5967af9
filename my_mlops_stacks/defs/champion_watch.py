"""The alias champion, watched: a move that Dagster did not make is reported, and what a bad champion said is redone."""

from datetime import date, timedelta

import dagster as dg

from my_mlops_stacks.adapters.model_registry import ModelVersion
from my_mlops_stacks.defs.jobs import Job
from my_mlops_stacks.target import Target

CHAMPION = dg.AssetKey("champion")


def champion_sensors(
    target: Target, jobs: dict[str, Job], daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.SensorDefinition]:
    running = target.schedules == "running"

    @dg.sensor(
        name="champion_sensor",
        job=jobs["batch_inference_job"],
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        required_resource_keys={"model_registry"},
        description="Reports a champion that was made outside of Dagster, and predicts again what it should",
    )
    def watch_champion(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        holder = context.resources.model_registry.find_alias("champion")
        if holder is None:
            return dg.SkipReason("No version is champion yet")
        recorded = context.instance.get_latest_materialization_event(CHAMPION)
        entry = recorded.asset_materialization.metadata if recorded else {}
        seen = f"version {holder.version}, recorded in run {recorded.run_id if recorded else 'none'}"
        if context.cursor == seen:
            return dg.SkipReason(f"Nothing moved: {seen}")
        days = daily.get_partition_keys()
        known = entry["version"].value if "version" in entry else None
        if known == holder.version:
            first = entry["rescore_from"].value if "rescore_from" in entry else None
            return dg.SensorResult(_rescored(days, first, seen), cursor=seen)
        observation = _moved_by_hand(holder, known, context.resources.model_registry.version_url(holder))
        first = _newest(days, target.rescore_days)
        return dg.SensorResult(_rescored(days, first, seen), asset_events=[observation], cursor=seen)

    return [watch_champion]


def _moved_by_hand(holder: ModelVersion, known: int | None, page: str) -> dg.AssetObservation:
    before = "none" if known is None else known
    return dg.AssetObservation(
        CHAMPION,
        description=f"Version {holder.version} is champion; Dagster had made it version {before}",
        metadata={
            "moved": "outside of Dagster",
            "version": holder.version,
            "recorded_version": before,
            "validation_status": holder.tags.get("validation_status", "never validated"),
            "model_version_page": dg.MetadataValue.url(page),
        },
    )


def _newest(days: list[str], count: int) -> str | None:
    return (date.fromisoformat(days[-1]) - timedelta(days=count - 1)).isoformat() if count and days else None


def _rescored(days: list[str], first: str | None, why: str) -> list[dg.RunRequest]:
    """One run that predicts the days from `first` on; none without it."""
    wanted = [day for day in days if first is not None and day >= first]
    if not wanted:
        return []
    extent = {"dagster/asset_partition_range_start": wanted[0], "dagster/asset_partition_range_end": wanted[-1]}
    return [dg.RunRequest(run_key=f"{why}, from {wanted[0]}", tags={**extent, "rescoring/reason": why})]
