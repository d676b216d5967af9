"""Watching the endpoint: it follows the champion, its canary ends, and what was moved by hand is reported."""

from dataclasses import replace
from time import time
from typing import Any

import dagster as dg

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.adapters.serving.protocol import BusyError, EndpointError, EndpointState, ServingEndpoint
from mlops_core.adapters.serving.sample import has_sample, read_sample
from mlops_core.adapters.serving.verified import require_same
from mlops_core.config import Endpoint, ModelTarget
from mlops_core.defs.endpoint_records import ASSET, SAMPLE, canary_of, last_left
from mlops_core.defs.jobs import Job
from mlops_core.defs.lost_requests import lost_request
from mlops_core.defs.names import key_of, keys_of, needed, resources_of
from mlops_core.deployment.canary import Recorded
from mlops_core.deployment.endpoint_sample import DifferentAnswersError
from mlops_core.deployment.endpoint_watch import (
    BY_HAND,
    CANARY_OVER,
    CANARY_TIME,
    FOLLOW,
    EndpointWatch,
    noticed,
)
from mlops_core.project import Project

AT_WORK = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
MAKING = ("endpoint_job", "model_training_job", "promote_job")


def endpoint_sensors(project: Project, target: ModelTarget, jobs: dict[str, Job]) -> list[dg.SensorDefinition]:
    """One sensor where the target asks for an endpoint."""
    stated, running = target.endpoint, target.schedules == "running"
    if stated is None:
        return []

    @dg.sensor(
        name=project.named("endpoint_sensor"),
        job=jobs["endpoint_job"],
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        required_resource_keys=needed(project, "model_registry", "watched_endpoint"),
        description="Lets the endpoint follow the champion, ends a canary, and reports what was moved by hand",
    )
    def watch_endpoint(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        registry: ModelRegistry = resources_of(project, context).model_registry
        watch = EndpointWatch.read(context.cursor)
        with registry_answers(registry.tracking_uri):
            if (champion := registry.find_alias("champion")) is None:
                return _waiting("No version is champion yet", watch)
            if run := _at_work(project, context.instance):
                return _waiting(f"The run {run} is at work", watch)
            return Look(project, context, stated, champion).seen(watch)

    return [watch_endpoint]


def _at_work(project: Project, instance: dg.DagsterInstance) -> str | None:
    """The run that may change the endpoint just now."""
    jobs, key = {project.named(job) for job in MAKING}, key_of(project, ASSET)
    runs = instance.get_runs(dg.RunsFilter(statuses=AT_WORK))
    return next((run.run_id for run in runs if run.job_name in jobs or key in (run.asset_selection or ())), None)


def _waiting(why: str, watch: EndpointWatch) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=why, cursor=watch.written())


class Look:
    """One look at the endpoint, beside the champion and what a run left it with."""

    def __init__(
        self, project: Project, context: dg.SensorEvaluationContext, stated: Endpoint, champion: ModelVersion
    ) -> None:
        found = resources_of(project, context)
        self.project, self.context, self.stated, self.champion = project, context, stated, champion
        self.registry: ModelRegistry = found.model_registry
        self.endpoint: ServingEndpoint = found.watched_endpoint
        self.job = project.named("endpoint_job")

    def seen(self, watch: EndpointWatch) -> dg.SensorResult:
        """What the tick asks for, or why for nothing."""
        instance, version = self.context.instance, self.champion.version
        left = last_left(self.project, instance, self.stated.name, self.registry.model)
        canary = canary_of(self.project, instance, self.stated, self.champion)
        state, withdrawn = self.endpoint.state(), self.champion.record.endpoint_withdrawn
        found = noticed(state, version, canary, left, withdrawn=withdrawn, now=time())
        if found.what == BY_HAND:
            return self._by_hand(found.sentence, watch, state, left)
        watch = replace(watch, doubted="", told=watch.told if watch.told.startswith("The run ") else "")
        if found.what == CANARY_TIME:
            return self._canary(found.sentence, watch, left)
        if found.what in (FOLLOW, CANARY_OVER):
            return self._asked(found.sentence, watch, left)
        return _waiting(found.sentence, watch)

    def _canary(self, sentence: str, watch: EndpointWatch, left: Recorded | None) -> dg.SensorResult:
        """Ask for the run that judges the canary's version before its time is over, where it seems to fail."""
        try:
            sample = read_sample(self.registry, self.champion, f"materialize '{self.project.scoped(SAMPLE)}'")
            require_same(self.endpoint, self.champion.version, sample)
        except BusyError as error:
            return _waiting(f"{sentence}, not judged by this tick: {error}", watch)
        except (EndpointError, DifferentAnswersError) as error:
            return self._asked(f"{sentence}, and it fails: {error}", watch, left)
        return _waiting(sentence, watch)

    def _asked(
        self, sentence: str, watch: EndpointWatch, left: Recorded | None, *events: dg.AssetObservation
    ) -> dg.SensorResult:
        """Ask for the run that changes the endpoint, once; when it fails, once more, and then report it."""
        key = f"{self.stated.name}: version {self.champion.version} after {left.at if left else 'nothing'}, {sentence}"
        if watch.asked.removesuffix(", again") != key:
            request = dg.RunRequest(key, asset_selection=self._selected(), tags={"endpoint/reason": sentence})
            return dg.SensorResult([request], cursor=replace(watch, asked=key).written(), asset_events=[*events])
        lost = lost_request(self.context.instance, self.job, watch.asked)
        if lost is None:
            return _waiting(f"{sentence}: asked for already", watch)
        if lost.again:
            again = lost.again.with_replaced_attrs(asset_selection=self._selected())
            return dg.SensorResult([again], cursor=replace(watch, asked=str(again.run_key)).written())
        return self._reported(lost.sentence, watch, {"lost_run": lost.run.run_id})

    def _selected(self) -> list[dg.AssetKey]:
        """With the sample only where there is none: recording it takes compute, and a rollback must not wait for it."""
        names = (ASSET,) if has_sample(self.registry, self.champion) else (SAMPLE, ASSET)
        return keys_of(self.project, *names)

    def _by_hand(
        self, sentence: str, watch: EndpointWatch, state: EndpointState, left: Recorded | None
    ) -> dg.SensorResult:
        if watch.doubted != sentence:
            return _waiting(f"{sentence}: reported if the next tick sees it too", replace(watch, doubted=sentence))
        seen = {
            "moved": "outside of Dagster",
            "changed_by": state.changed_by or "unknown",
            "endpoint": self.stated.name,
        }
        if self.stated.moved_by_hand == "put_back":
            event = dg.AssetObservation(key_of(self.project, ASSET), description=sentence, metadata=seen)
            return self._asked(f"{sentence}, and is put back", watch, left, event)
        return self._reported(sentence, watch, seen)

    def _reported(self, sentence: str, watch: EndpointWatch, about: dict[str, Any]) -> dg.SensorResult:
        """Say it on the asset, once, and at every tick."""
        event = dg.AssetObservation(key_of(self.project, ASSET), description=sentence, metadata=about)
        events = [] if watch.told == sentence else [event]
        return dg.SensorResult(
            skip_reason=sentence, asset_events=events, cursor=replace(watch, told=sentence).written()
        )
