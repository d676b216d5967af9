"""Watching the alias champion: reports moves outside of Dagster, and scores a bad champion's days again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import dagster as dg

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.config import ModelTarget
from mlops_core.defs.jobs import Job
from mlops_core.defs.lost_requests import LostRequest, lost_request
from mlops_core.defs.names import key_of, needed, resources_of
from mlops_core.defs.promotion_history import Entry, newest_entry
from mlops_core.deployment.promotion import CHAMPION
from mlops_core.deployment.unseen import trained_days
from mlops_core.deployment.watch import DOUBTFUL, NOTHING, RECORDED, AliasWatch
from mlops_core.project import Project


def champion_sensors(
    project: Project, target: ModelTarget, jobs: dict[str, Job], daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.SensorDefinition]:
    running, job = target.schedules == "running", jobs["batch_inference_job"]

    @dg.sensor(
        name=project.named("champion_sensor"),
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        required_resource_keys=needed(project, "model_registry"),
        description="Reports a champion that was made outside of Dagster, and predicts again what it should",
    )
    def watch_champion(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        registry: ModelRegistry = resources_of(project, context).model_registry
        with registry_answers(registry.tracking_uri):
            holder = registry.find_alias("champion")
        entry, before = (
            newest_entry(project, context.instance, registry.model),
            AliasWatch.read(context.cursor, registry.model),
        )
        known = (entry.version, entry.run, entry.at) if entry else (None, None)
        noticed, watch = before.observe(holder.version if holder else None, *known)
        if noticed == NOTHING:
            if lost := lost_request(context.instance, job.name, watch.asked):
                return _lost(project, lost, watch)
            return _skipped(f"Nothing moved: {watch.sentence}" if watch.moves else "No version is champion yet", watch)
        if noticed == DOUBTFUL:
            return _skipped("The alias is not where the history says: reported if the next tick sees it too", watch)
        days = daily.get_partition_keys()
        if noticed == RECORDED and entry:
            why = f"version {entry.version}, recorded in run {entry.run}"
            return _asked(_rescored(days, entry.rescore_from, why), watch)
        newest = _newest(days, target.rescore_days, holder) if holder else None
        requests = _rescored(days, newest, watch.sentence)
        observation = _by_hand(project, holder, entry, before, registry)
        return _asked(requests, watch, observation)

    return [watch_champion]


def _asked(requests: list[dg.RunRequest], watch: AliasWatch, *events: dg.AssetObservation) -> dg.SensorResult:
    why = None if requests else f"{watch.sentence}: no day is to be predicted again"
    cursor = replace(watch, asked=str(requests[0].run_key) if requests else "").written()
    return dg.SensorResult(requests, skip_reason=why, asset_events=[*events], cursor=cursor)


def _lost(project: Project, lost: LostRequest, watch: AliasWatch) -> dg.SensorResult:
    """Handle a rescoring whose run did not succeed: request it once more, then report it on `predictions`, once."""
    if lost.again:
        return _asked([lost.again], watch)
    why = f"{lost.sentence}; until then these days lack predictions of version {watch.version}"
    seen = dg.AssetObservation(key_of(project, "predictions"), description=why, metadata={"lost_run": lost.run.run_id})
    events = [] if watch.told == lost.run.run_id else [seen]
    cursor = replace(watch, told=lost.run.run_id).written()
    return dg.SensorResult(skip_reason=why, asset_events=events, cursor=cursor)


def _skipped(why: str, watch: AliasWatch) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=why, cursor=watch.written())


def _by_hand(
    project: Project, holder: ModelVersion | None, entry: Entry | None, before: AliasWatch, registry: ModelRegistry
) -> dg.AssetObservation:
    champion, recorded = key_of(project, CHAMPION), entry.version if entry else "none"
    metadata: dict[str, Any] = {
        "model_name": registry.model,
        "recorded_version": recorded,
        "seen_before": before.version or "none",
    }
    if holder is None:
        text = f"Nobody is champion any more; Dagster had made it version {recorded}"
        return dg.AssetObservation(champion, description=text, metadata={"moved": "alias removed", **metadata})
    return dg.AssetObservation(
        champion,
        description=f"Version {holder.version} is champion; Dagster had made it version {recorded}"
        if holder.version != recorded
        else f"Version {holder.version} is champion again; by hand it had been version {before.version}",
        metadata={
            "moved": "outside of Dagster",
            "version": holder.version,
            **metadata,
            "validation_status": holder.record.validation_status or "never validated",
            "model_version_page": dg.MetadataValue.url(registry.version_url(holder)),
        },
    )


def _newest(days: Sequence[str], count: int, holder: ModelVersion | None) -> str | None:
    """The first of the `count` newest days, excluding those that the holder was trained on."""
    if holder is None or not days or not count:
        return None
    _, trained_until = trained_days(holder.record) or (None, date.min)
    return str(max(date.fromisoformat(days[-1]) - timedelta(days=count - 1), trained_until + timedelta(days=1)))


def _rescored(days: Sequence[str], first: str | None, why: str) -> list[dg.RunRequest]:
    """One run that predicts the days from `first` on; none without it."""
    wanted = [day for day in days if first is not None and day >= first]
    if not wanted:
        return []
    extent = {"dagster/asset_partition_range_start": wanted[0], "dagster/asset_partition_range_end": wanted[-1]}
    return [dg.RunRequest(run_key=f"{why}, from {wanted[0]}", tags={**extent, "rescoring/reason": why})]
