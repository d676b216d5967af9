"""Rollback: a job that gives the alias champion to an earlier version."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial

import dagster as dg
from pydantic import Field

from mlops_core.adapters.aliases import champion_before, give_alias
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.predicting import predicted
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.adapters.scoring_errors import scorable
from mlops_core.adapters.step_launcher.step_scope import REPORTS_KEY
from mlops_core.config import Target
from mlops_core.defs.config import NOT_BLANK, BoundedConfig
from mlops_core.defs.decided_by import name_field, who_decides
from mlops_core.defs.ended_runs import require_running
from mlops_core.defs.names import key_of, needed, op_of, resources_of
from mlops_core.defs.promotion_history import entries, linked, newest_entry
from mlops_core.defs.refusals import Refused, one_sentence
from mlops_core.deployment.promotion import (
    CHAMPION,
    PREVIOUS_CHAMPION,
    Decision,
    Holder,
    followed,
)
from mlops_core.deployment.unseen import require_unseen
from mlops_core.project import Project
from mlops_core.tasks.task import is_known
from mlops_core.validation.verdict import require_promotable
from mlops_core.version_record import VersionRecord

SAMPLE = 100


def rollback_job(project: Project, target: Target, daily: dg.TimeWindowPartitionsDefinition) -> dg.JobDefinition:
    class RollbackConfig(BoundedConfig):
        version: int = Field(
            gt=0, description="The version that becomes champion again; previous_champion holds the last"
        )
        rolled_back_by: str = name_field(target)
        reason: str = Field(pattern=NOT_BLANK, description="What is wrong with the champion")
        rescore_from: str | None = Field(None, description="Days from this one on are predicted again, as YYYY-MM-DD")

    @dg.op(
        name=op_of(project, "roll_back"),
        out=dg.Out(dg.Nothing),
        required_resource_keys=needed(project, "step_launcher", "tables", "feature_store", "model_registry"),
        tags={REPORTS_KEY: [key_of(project, CHAMPION).to_user_string()]},
        description="See that the version still loads and predicts, then give it the alias champion",
    )
    def roll_back(
        context: dg.OpExecutionContext, config: RollbackConfig
    ) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
        rolled_back_by = who_decides(context.run, config.rolled_back_by, target)
        registry: ModelRegistry = resources_of(project, context).model_registry
        days = daily.get_partition_keys()
        _require_day(config.rescore_from, days)
        with registry_answers(registry.tracking_uri), one_sentence():
            version = registry.get(config.version)
            _require_way_back(project, context, registry, version)
            require_promotable(
                version.record, version.version, was_champion=_was_champion(project, context, registry, version)
            )
            if config.rescore_from:
                asked = (date.fromisoformat(day) for day in (config.rescore_from, days[-1]))
                require_unseen(version.version, version.record, *asked)
            _predicts(project, context, version)
            before = champion_before(registry, version.version)
            measured = project.model.task.headlines(registry.run_metrics(version))
            registry.write(version, VersionRecord(outputs={CHAMPION: context.run_id}))
        offer = _offer(project, context, before)
        still_runs = partial(require_running, context.instance, context.run_id)
        give_alias(registry, CHAMPION, version, may_move=still_runs, from_version=followed(before), over_deleted=True)
        decision = Decision(version.name, version.version, rolled_back_by, config.reason)
        rescored = {"rescore_from": config.rescore_from} if config.rescore_from else {}
        page = dg.MetadataValue.url(registry.version_url(version))
        yield dg.AssetMaterialization(
            key_of(project, CHAMPION),
            description=f"Rolled back to version {version.version} by {rolled_back_by}: {config.reason}",
            metadata={
                "rollback": True,
                **linked(decision.entry(before, version.record, measured)),
                **offer,
                **rescored,
                "model_version_page": page,
            },
        )
        yield dg.Output(None)

    @dg.job(
        name=project.named("rollback_job"),
        description="Give the alias champion back to an earlier version, and say why",
    )
    def job() -> None:
        roll_back()

    return job


def _require_day(asked: str | None, days: Sequence[str]) -> None:
    if asked is not None and asked not in days:
        raise Refused(
            f"rescore_from is '{asked}', which is not a predicted day: choose one {_extent(days)}; no alias was moved."
        )


def _extent(days: Sequence[str]) -> str:
    return f"from {days[0]} to {days[-1]}" if days else "when there are any"


def _require_way_back(
    project: Project, context: dg.OpExecutionContext, registry: ModelRegistry, version: ModelVersion
) -> None:
    entry = newest_entry(project, context.instance, registry.model)
    if entry and entry.version == version.version and registry.holder(CHAMPION) == Holder(version.version):
        again = project.named("batch_inference_job")
        raise Refused(
            f"Version {version.version} is champion already, since the run {entry.run}: name an earlier version of the "
            f"history to go back to, or launch {again} over the days to predict again; no alias was moved."
        )


def _was_champion(
    project: Project, context: dg.OpExecutionContext, registry: ModelRegistry, version: ModelVersion
) -> bool:
    """Whether it has been champion, by its tag, the alias, or the history, which a cluster does not have."""
    return (
        CHAMPION in version.record.outputs
        or registry.holder(PREVIOUS_CHAMPION) == Holder(version.version)
        or any(told.get("version") == version.version for _, told in entries(project, context.instance, registry.model))
    )


def _predicts(project: Project, context: dg.OpExecutionContext, version: ModelVersion) -> None:
    """Fail unless the version predicts a finite number for each of some events."""
    from mlops_core.training.model_inputs import model_inputs

    events = project.events
    sample = model_inputs(project, resources_of(project, context).tables.read(events.name).limit(SAMPLE))
    with scorable(f"Version {version.version}", "choose another version"):
        scored = predicted(resources_of(project, context).feature_store, project.model.task, version, sample)
    shape = project.model.task.shape
    rows = shape.answers(scored.selectExpr(f"{shape.answer} AS answer").toPandas()["answer"])
    wrong = int((~is_known(rows)).sum())
    if wrong or not len(rows):
        raise Refused(
            f"Version {version.version} has no prediction for {wrong} of {len(rows)} {events.nouns}: "
            "no alias was moved; choose another version."
        )


def _offer(project: Project, context: dg.OpExecutionContext, before: Holder | None) -> dict[str, str]:
    """The days that the replaced version predicted, to decide whether they are scored again."""
    from mlops_core.deployment.shadow import predicted_days, predictions_of

    tables, registry = resources_of(project, context).tables, resources_of(project, context).model_registry
    predictions = project.scoped("predictions")
    if before is None or not tables.exists(predictions):
        return {}
    days = predicted_days(predictions_of(tables.read(predictions), registry.model, before.version))
    if days is None:
        return {}
    first, last = map(str, days)
    context.log.info(
        f"Version {before.version} predicted the days from {first} to {last}: rescore_from '{first}' predicts all of "
        f"them again, and so does {project.named('batch_inference_job')} over these days"
    )
    return {"from_version_predicted_since": first, "from_version_predicted_until": last}
