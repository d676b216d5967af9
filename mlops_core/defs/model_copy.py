"""Promotion across environments: a job that copies a version from another environment, to be judged here.

A model is code, which runs with the pipeline's rights wherever it is scored. So the target names the models that may be
copied, and believes nothing that their owners wrote: a copy is a candidate, without a verdict.
"""

from functools import partial
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_core.adapters.aliases import CANDIDATE, give_alias
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.config import ModelTarget
from mlops_core.defs.config import NOT_BLANK, BoundedConfig
from mlops_core.defs.decided_by import name_field, who_decides
from mlops_core.defs.ended_runs import require_running
from mlops_core.defs.model_description import describe
from mlops_core.defs.names import needed, op_of, resources_of
from mlops_core.defs.refusals import Refused, one_sentence
from mlops_core.project import Project
from mlops_core.version_record import VersionRecord


def copy_model_job(project: Project, target: ModelTarget) -> dg.JobDefinition:
    class CopyConfig(BoundedConfig):
        model: str = Field(pattern=NOT_BLANK, description="The other environment's model, one of model_sources")
        version: int = Field(gt=0, description="Its version, which passed validation there")
        copied_by: str = name_field(target)

    @dg.op(
        out=dg.Out(dg.Nothing),
        name=op_of(project, "copy_version"),
        required_resource_keys=needed(project, "model_registry"),
        description="Copy a validated version of another environment's model; it is a candidate here",
    )
    def copy_version(context: dg.OpExecutionContext, config: CopyConfig) -> None:
        copied_by = who_decides(context.run, config.copied_by, target)
        registry: ModelRegistry = resources_of(project, context).model_registry
        origin = registry.of(config.model, _tracking_uri(target, config.model))
        with registry_answers(registry.tracking_uri), one_sentence():
            copied = _copied(registry, origin, config.version, copied_by)
            describe(project, registry, copied)
        still_runs = partial(require_running, context.instance, context.run_id)
        give_alias(registry, CANDIDATE, copied, may_move=still_runs)
        judge = project.named("judge_job")
        context.log.info(
            f"{config.model} version {config.version} is {copied.name} version {copied.version}, a candidate: launch "
            f"{judge}, which judges it here"
        )
        context.add_output_metadata(
            {
                "version": copied.version,
                "copied_from": str(copied.record.copied_from),
                "model_version_page": dg.MetadataValue.url(registry.version_url(copied)),
            }
        )

    @dg.job(
        name=project.named("copy_model_job"),
        description="Bring a version that passed validation elsewhere here, as a candidate for judge_job",
    )
    def job() -> None:
        copy_version()

    return job


def _tracking_uri(target: ModelTarget, model: str) -> str | None:
    """MLflow with the runs of a source, None for the target's own; asked before anything is called."""
    if model not in target.model_sources:
        named: Any = ", ".join(sorted(target.model_sources)) or "none"
        raise Refused(
            f"model is '{model}', but the target {target.name} copies from {named}: name it in model_sources of "
            "databricks.yml; no alias was moved."
        )
    return target.model_sources[model] or None


def _copied(registry: ModelRegistry, origin: ModelRegistry, version: int, copied_by: str) -> ModelVersion:
    """The copy, with what its origin knows and without what its origin judged."""
    from mlops_core.validation.verdict import PASSED, as_copied, require_promotable

    source = origin.get(version)
    require_promotable(source.record, source.version, accepted=[PASSED])
    inherited = as_copied(source.record, source.name, copied_by)
    mark = VersionRecord(copied_from=f"{source.name}/{source.version}")
    return registry.copy(source, origin, VersionRecord.others(source.tags) | inherited.to_tags(), mark.to_tags())
