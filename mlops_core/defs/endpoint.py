"""The serving endpoint of the champion, where a target asks for one, and the sample by which it is judged."""

from time import time
from typing import Any

import dagster as dg

from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.adapters.scoring_errors import scorable
from mlops_core.adapters.serving.protocol import EndpointError
from mlops_core.adapters.serving.sample import made_sample, read_sample, write_sample
from mlops_core.config import Endpoint, ModelTarget
from mlops_core.defs.ended_runs import require_running
from mlops_core.defs.endpoint_changes import TRY_AGAIN, EndpointChange
from mlops_core.defs.endpoint_records import ASSET, SAMPLE, canary_of, last_left
from mlops_core.defs.names import key_of, keys_of, needed, resources_of
from mlops_core.defs.online_features import ONLINE, online_store_of
from mlops_core.defs.refusals import Refused, one_sentence
from mlops_core.deployment.canary import WithdrawnError, plan
from mlops_core.deployment.promotion import CHAMPION
from mlops_core.project import Project


def endpoint_assets(project: Project, target: ModelTarget) -> list[dg.AssetsDefinition]:
    """Both assets; none where the target asks for no endpoint."""
    stated = target.endpoint
    return [] if stated is None else [_sample(project, target, stated), _endpoint(project, target, stated)]


def _sample(project: Project, target: ModelTarget, stated: Endpoint) -> dg.AssetsDefinition:
    events = project.events

    @dg.asset(
        key=key_of(project, SAMPLE),
        ins={"champion": dg.AssetIn(key_of(project, CHAMPION))},
        group_name=project.named("deployment"),
        owners=[target.owner],
        kinds={"spark", "mlflow"},
        deps=keys_of(project, events.name, *(table.name for table in project.feature_tables)),
        required_resource_keys=needed(project, "step_launcher", "tables", "feature_store", "model_registry"),
        code_version="1",
        description=f"The newest {events.nouns} with the features that the champion looks up for them and what it "
        "answers in batch inference: the endpoint must answer the same before it counts. MLflow keeps it beside the "
        "version.",
    )
    def endpoint_sample(context: dg.AssetExecutionContext, champion: ModelVersion) -> dg.MaterializeResult:
        from mlops_core.training.model_inputs import model_inputs

        found = resources_of(project, context)
        rows = found.tables.read(events.name)
        newest = rows.orderBy(rows[events.event_time].desc()).limit(stated.sample_rows)
        rows = model_inputs(project, newest.drop(*events.known_late), *project.carried)
        registry, remedy = found.model_registry, f"launch {project.named('rollback_job')} with a version that predicts"
        with (
            registry_answers(registry.tracking_uri),
            one_sentence(),
            scorable(f"The champion, version {champion.version},", remedy),
        ):
            sample = made_sample(found.feature_store, project.model.task.answer_type, champion, rows)
            if not sample.records:
                raise Refused(f"'{events.name}' has no {events.nouns}, so an endpoint could not be judged: load some.")
            write_sample(registry, champion, sample)
        about: dict[str, Any] = {
            "model_name": champion.name,
            "model_version": champion.version,
            events.nouns: len(sample.records),
        }
        return dg.MaterializeResult(metadata=about)

    return endpoint_sample


def _endpoint(project: Project, target: ModelTarget, stated: Endpoint) -> dg.AssetsDefinition:
    @dg.asset(
        key=key_of(project, ASSET),
        ins={"champion": dg.AssetIn(key_of(project, CHAMPION))},
        group_name=project.named("deployment"),
        owners=[target.owner],
        kinds={"mlflow"},
        deps=keys_of(project, SAMPLE, *((ONLINE,) if online_store_of(target) else ())),
        required_resource_keys=needed(project, "model_registry", "serving_endpoint"),
        code_version="1",
        description=f"The serving endpoint `{stated.name}` with exactly the champion's version.\n\nIt counts as made "
        "when it answers the recorded sample as batch inference did; else what served before serves again. A promoted "
        "version gets a share of the requests first, where the target has a canary.",
    )
    def endpoint(context: dg.AssetExecutionContext, champion: ModelVersion) -> dg.MaterializeResult:
        with registry_answers(resources_of(project, context).model_registry.tracking_uri), one_sentence():
            return _followed(project, context, stated, champion)

    return endpoint


def _followed(
    project: Project, context: dg.AssetExecutionContext, stated: Endpoint, champion: ModelVersion
) -> dg.MaterializeResult:
    """Let the endpoint follow the champion, as far as its canary is."""
    found = resources_of(project, context)
    remedy = f"materialize '{project.scoped(SAMPLE)}', which records one"
    left = last_left(project, context.instance, stated.name, champion.name)
    canary, withdrawn = canary_of(project, context.instance, stated, champion), champion.record.endpoint_withdrawn
    try:
        sample = read_sample(found.model_registry, champion, remedy)
        require_running(context.instance, context.run_id)
        change = EndpointChange(context, found.model_registry, found.serving_endpoint, champion, sample, left)
        state = found.serving_endpoint.state()
        todo = plan(state, champion.version, canary, recorded=left, withdrawn=withdrawn, now=time())
        return change.made(todo, state.served)
    except WithdrawnError as error:
        raise Refused(f"{error}; {TRY_AGAIN}.") from None
    except EndpointError as error:
        raise Refused(str(error)) from None
