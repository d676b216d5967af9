"""Jobs that people launch: back to an earlier champion, and a version of another environment's model."""

import math
from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from my_mlops_stacks.adapters.aliases import champion_before, give_alias
from my_mlops_stacks.adapters.model_registry import ModelRegistry, ModelVersion
from my_mlops_stacks.adapters.registry_errors import registry_answers
from my_mlops_stacks.deployment.model_deployment.promotion import CHAMPION, Decision

SAMPLE = 100


class RollbackConfig(dg.Config):
    version: int = Field(gt=0, description="The version that becomes champion again; previous_champion holds the last")
    rolled_back_by: str = Field(min_length=1, description="Your name")
    reason: str = Field(min_length=1, description="What is wrong with the champion")
    rescore_from: str | None = Field(
        None, pattern=r"^\d{4}-\d{2}-\d{2}$", description="Days from this one on are predicted again, as YYYY-MM-DD"
    )


class CopyConfig(dg.Config):
    model: str = Field(min_length=1, description="The other environment's model: catalog.schema.model")
    version: int = Field(gt=0, description="Its version, which passed validation there")
    copied_by: str = Field(min_length=1, description="Your name")
    tracking_uri: str | None = Field(
        None, description="MLflow with its run, when that is in another workspace: databricks://<profile>"
    )


def model_jobs() -> list[dg.JobDefinition]:
    return [_rollback_job(), _copy_job()]


def _rollback_job() -> dg.JobDefinition:
    @dg.op(
        out=dg.Out(dg.Nothing),
        required_resource_keys={"step_launcher", "tables", "feature_store", "model_registry"},
        description="See that the version still loads and predicts, then give it the alias champion",
    )
    def roll_back(context: dg.OpExecutionContext, config: RollbackConfig) -> Iterator[dg.AssetMaterialization]:
        from my_mlops_stacks.validation.verdict import require_promotable

        registry: ModelRegistry = context.resources.model_registry
        with registry_answers(registry.tracking_uri):
            version = registry.get(config.version)
            require_promotable(version.tags, version.version)
            _predicts(context, version)
            before, metrics = champion_before(registry, version.version), registry.run_metrics(version)
        give_alias(registry, CHAMPION, version)
        entry = Decision(version.version, config.rolled_back_by, config.reason).entry(before, version.tags, metrics)
        page = dg.MetadataValue.url(registry.version_url(version))
        rescored = {"rescore_from": config.rescore_from} if config.rescore_from else {}
        yield dg.AssetMaterialization(
            CHAMPION,
            description=f"Rolled back to version {version.version} by {config.rolled_back_by}: {config.reason}",
            metadata={"rollback": True, **entry, **rescored, "model_version_page": page},
        )
        yield dg.Output(None)

    @dg.job(description="Give the alias champion back to an earlier version, with your name and the reason")
    def rollback_job() -> None:
        roll_back()

    return rollback_job


def _predicts(context: dg.OpExecutionContext, version: ModelVersion) -> None:
    """Fail unless the version predicts a finite fare for each of some trips."""
    from my_mlops_stacks.training.model_inputs import model_inputs

    sample = model_inputs(context.resources.tables.read("trips").limit(SAMPLE))
    rows = context.resources.feature_store.score_batch(model_uri=version.uri, df=sample).select("prediction").collect()
    wrong = sum(row[0] is None or not math.isfinite(row[0]) for row in rows)
    if wrong or not rows:
        raise dg.Failure(
            f"Version {version.version} has no prediction for {wrong} of {len(rows)} trips: no alias was moved; "
            "choose another version."
        )


def _copy_job() -> dg.JobDefinition:
    @dg.op(
        out=dg.Out(dg.Nothing),
        required_resource_keys={"model_registry"},
        description="Copy a validated version of another environment's model; it waits here as challenger",
    )
    def copy_version(context: dg.OpExecutionContext, config: CopyConfig) -> None:
        from my_mlops_stacks.validation.verdict import require_promotable

        registry: ModelRegistry = context.resources.model_registry
        origin = registry.of(config.model, config.tracking_uri)
        with registry_answers(registry.tracking_uri):
            source = origin.get(config.version)
            require_promotable(source.tags, source.version)
            from_ = {"copied_from": f"{source.name}/{source.version}"}
            copied = registry.copy(source, origin, from_)
            registry.tag(copied, {"copied_by": config.copied_by})
        give_alias(registry, "challenger", copied)
        context.log.info(f"{source.name} version {source.version} is {copied.name} version {copied.version}")
        context.add_output_metadata(
            {
                "version": copied.version,
                **from_,
                "model_version_page": dg.MetadataValue.url(registry.version_url(copied)),
            }
        )

    @dg.job(description="Bring a version that passed validation in another environment here, as challenger")
    def copy_model_job() -> None:
        copy_version()

    return copy_model_job
