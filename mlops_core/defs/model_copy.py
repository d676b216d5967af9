"""Promotion across environments: a job that copies a version from another environment."""

from dataclasses import replace
from functools import partial

import dagster as dg
from pydantic import Field

from mlops_core.adapters.aliases import give_alias
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.defs.config import NOT_BLANK, BoundedConfig
from mlops_core.defs.ended_runs import require_running
from mlops_core.defs.model_description import describe
from mlops_core.defs.names import needed, op_of, resources_of
from mlops_core.defs.refusals import one_sentence
from mlops_core.project import Project
from mlops_core.version_record import VersionRecord


class CopyConfig(BoundedConfig):
    model: str = Field(pattern=NOT_BLANK, description="The other environment's model: catalog.schema.model")
    version: int = Field(gt=0, description="Its version, which passed validation there")
    copied_by: str = Field(pattern=NOT_BLANK, description="Your name")
    tracking_uri: str | None = Field(
        None, description="MLflow with its run, when that is in another workspace: databricks://<profile>"
    )


def copy_model_job(project: Project) -> dg.JobDefinition:
    @dg.op(
        out=dg.Out(dg.Nothing),
        name=op_of(project, "copy_version"),
        required_resource_keys=needed(project, "model_registry"),
        description="Copy a validated version of another environment's model; it waits here as challenger",
    )
    def copy_version(context: dg.OpExecutionContext, config: CopyConfig) -> None:
        registry: ModelRegistry = resources_of(project, context).model_registry
        with registry_answers(registry.tracking_uri), one_sentence():
            copied = _copied(registry, config)
            describe(project, registry, copied)
        give_alias(registry, "challenger", copied, may_move=partial(require_running, context.instance, context.run_id))
        context.log.info(f"{config.model} version {config.version} is {copied.name} version {copied.version}")
        context.add_output_metadata(
            {
                "version": copied.version,
                "copied_from": str(copied.record.copied_from),
                "model_version_page": dg.MetadataValue.url(registry.version_url(copied)),
            }
        )

    @dg.job(
        name=project.named("copy_model_job"),
        description="Bring a version that passed validation elsewhere here, as challenger",
    )
    def job() -> None:
        copy_version()

    return job


def _copied(registry: ModelRegistry, config: CopyConfig) -> ModelVersion:
    """The copy. Its tags keep apart what was seen beside versions of the origin, which are others than those here."""
    from mlops_core.validation.verdict import PASSED, as_copied, require_promotable

    origin = registry.of(config.model, config.tracking_uri)
    source = origin.get(config.version)
    require_promotable(source.record, source.version, accepted=[PASSED])
    inherited = replace(as_copied(source.record, source.name), copied_by=config.copied_by)
    mark = VersionRecord(copied_from=f"{source.name}/{source.version}")
    return registry.copy(source, origin, {**source.tags, **inherited.to_tags()}, mark.to_tags())
