"""The champion and its predictions."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from mlops_core.adapters.aliases import champion_before
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.predicting import predicted
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.adapters.scoring_errors import scorable
from mlops_core.adapters.snapshot import read_consistently
from mlops_core.config import ModelTarget
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.approval import Automatic, approval, approver
from mlops_core.defs.decided_by import approved_in
from mlops_core.defs.names import key_of, keys_of, needed, resources_of
from mlops_core.defs.partitions import ONE_RUN_A_RANGE, days_of
from mlops_core.defs.promotion_history import last_champion, linked, newest_entry
from mlops_core.defs.refusals import one_sentence, tell_refusal
from mlops_core.deployment.promotion import (
    AUTOMATIC,
    CHAMPION,
    Decision,
    Holder,
    NotShadowedError,
    approved,
    require_shadowed,
)
from mlops_core.project import Project
from mlops_core.validation.verdict import NotValidatedError, require_judged_against, require_promotable


def deployment_assets(
    project: Project, target: ModelTarget, daily: dg.PartitionsDefinition
) -> list[dg.AssetsDefinition]:
    table, feature_tables = project.events, [each.name for each in project.feature_tables]
    remedy = f"bring back what it needs, or launch {project.named('rollback_job')} with a version that predicts"

    @dg.asset(
        key=key_of(project, "predictions"),
        ins={"champion": dg.AssetIn(key_of(project, CHAMPION)), "events": dg.AssetIn(key_of(project, table.name))},
        group_name=project.named("deployment"),
        owners=[target.owner],
        kinds={"spark", "delta", "mlflow"},
        partitions_def=daily,
        backfill_policy=ONE_RUN_A_RANGE,
        deps=keys_of(project, *feature_tables),
        io_manager_key=project.named("table_io_manager"),
        required_resource_keys=needed(project, "step_launcher", "feature_store", "tables", "model_registry"),
        code_version="1",
        description=f"The champion's prediction of `{table.label_column}` for each {table.noun} of a day, from what "
        f"was known at its `{table.event_time}`.\n\nEach row carries the model's name and version and the time of "
        "prediction. Scoring a day again replaces the rows of the same version only: what earlier versions predicted "
        "stays. Days that the champion was trained on are refused.",
    )
    def predictions(context: dg.AssetExecutionContext, champion: ModelVersion, events: DataFrame) -> DataFrame:
        from mlops_core.deployment.predictions import as_predictions, to_score
        from mlops_core.deployment.unseen import require_unseen
        from mlops_core.training.model_inputs import model_inputs

        require_unseen(champion.version, champion.record, *days_of(context))
        inputs = model_inputs(project, to_score(table, events, *days_of(context)), *project.carried)
        store, tables = resources_of(project, context).feature_store, resources_of(project, context).tables
        with (
            registry_answers(resources_of(project, context).model_registry.tracking_uri),
            scorable(f"The champion, version {champion.version},", remedy),
        ):
            scored, versions = read_consistently(
                tables, feature_tables, lambda: predicted(store, project.model.task, champion, inputs), project.named
            )
        looked_up = {name: str(version) for name, version in versions.items()}
        context.add_output_metadata({"model_name": champion.name, "model_version": champion.version, **looked_up})
        return as_predictions(table, scored, champion.name, champion.version, datetime.now(UTC).replace(tzinfo=None))

    return [_champion(project, target), predictions]


def _champion(project: Project, target: ModelTarget) -> dg.AssetsDefinition:
    """The asset `champion`, whose config asks for an approval where the target does."""
    config_type = Automatic if target.promotion == AUTOMATIC else approval(target)

    @dg.asset(
        key=key_of(project, CHAMPION),
        ins={"challenger": dg.AssetIn(key_of(project, "challenger"))},
        group_name=project.named("deployment"),
        owners=[target.owner],
        kinds={"mlflow"},
        io_manager_key=project.named("model_io_manager"),
        output_required=False,
        required_resource_keys=needed(project, "model_registry"),
        code_version="1",
        description="The version that batch inference uses; the one before it keeps the alias `previous_champion`.\n\n"
        "Its materializations are the history of champions: from which version to which, who decided it, why, and what "
        "the version had measured.",
    )
    def champion(
        context: dg.AssetExecutionContext,
        config: config_type,  # type: ignore[valid-type]  # which one differs by target
        challenger: ModelVersion,
    ) -> Iterator[dg.Output[ModelVersion]]:
        yield from _promoted(project, target, context, config, challenger)

    return champion


def _promoted(
    project: Project, target: ModelTarget, context: dg.AssetExecutionContext, config: Any, challenger: ModelVersion
) -> Iterator[dg.Output[ModelVersion]]:
    """The challenger, unless it is refused or the history has it as champion already."""
    decided_by = approver(project, context.run, target)
    registry = resources_of(project, context).model_registry
    with registry_answers(registry.tracking_uri), one_sentence():
        version = approved(config.version, challenger.version, project.named)
        before = champion_before(registry, version)  # read first, to notice any later change
        if why := _refusal(project, context, registry, challenger):
            return tell_refusal(context, challenger, why)
        measured = project.model.task.headlines(registry.run_metrics(challenger))
    if _is_recorded(project, context, registry, challenger):
        return context.log.info(f"Version {version} is champion already, and the history has it")
    decision = Decision(challenger.name, version, decided_by, config.reason)
    entry = linked(decision.entry(before, challenger.record, measured))
    yield dg.Output(challenger, metadata=entry | approved_in(context.run))


def _refusal(
    project: Project, context: dg.AssetExecutionContext, registry: ModelRegistry, challenger: ModelVersion
) -> str | None:
    """Why this run's own challenger does not follow the champion; another run's, which a person asked for, is raised.

    Raises:
        NotValidatedError, NotShadowedError: the person's challenger was not judged, or not beside whom it would follow.
    """
    try:
        _require_fit(project, context, registry, challenger)
    except (NotValidatedError, NotShadowedError) as error:
        if challenger.record.outputs.get("challenger") != context.run_id:
            raise
        return str(error)
    return None


def _require_fit(
    project: Project, context: dg.AssetExecutionContext, registry: ModelRegistry, challenger: ModelVersion
) -> None:
    """Refuse a challenger that was not judged, or not against the version that it would replace."""
    require_promotable(challenger.record, challenger.version)
    champion = registry.find_alias(CHAMPION)
    holder = champion.version if champion else None
    current = last_champion(project, context.instance, registry) if holder is None else holder
    require_judged_against(challenger.record, challenger.version, current, holder is not None, project.named)
    require_shadowed(challenger.record, challenger.version, holder, project.named)


def _is_recorded(
    project: Project, context: dg.AssetExecutionContext, registry: ModelRegistry, version: ModelVersion
) -> bool:
    """Whether the newest entry already records it: a run that crashed between alias and entry is repeated."""
    entry = newest_entry(project, context.instance, registry.model)
    made_in = (version.version, version.record.outputs.get(CHAMPION))
    return (entry and (entry.version, entry.run)) == made_in and registry.holder(CHAMPION) == Holder(version.version)
