"""Minimal jobs that exercise everything a step on Databricks needs; `make smoke` runs them on a real workspace."""

import platform
import time
from typing import Any

import dagster as dg

from mlops_core.config import Target
from mlops_core.defs.names import needed, op_of, resources_of
from mlops_core.project import Project


def smoke_jobs(project: Project, target: Target) -> list[dg.JobDefinition]:
    """For targets whose steps run on Databricks."""
    return [_smoke_job(project), _cancellation_job(project)] if target.step_launcher == "unity_catalog" else []


def _cancellation_job(project: Project) -> dg.JobDefinition:
    @dg.op(
        name=op_of(project, "linger"),
        out=dg.Out(dg.Nothing),
        required_resource_keys=needed(project, "step_launcher"),
        config_schema={"seconds": dg.Field(int, default_value=300)},
        description="Does nothing for a while, so that there is something to terminate",
    )
    def linger(context: dg.OpExecutionContext) -> None:
        for _ in range(context.op_config["seconds"] * 10):
            time.sleep(0.1)

    @dg.job(
        name=project.named("smoke_cancellation_job"),
        executor_def=dg.in_process_executor,
        description="A job to terminate: what it runs on Databricks should end",
    )
    def job() -> None:
        linger()

    return job


def _smoke_job(project: Project) -> dg.JobDefinition:
    @dg.op(
        name=op_of(project, "reach_everything"),
        out=dg.Out(dg.Nothing),
        required_resource_keys=needed(project, "step_launcher", "spark", "tables", "feature_store", "sources").union(
            *(needed(each, "model_registry") for each in project.each)
        ),
        description="Reads an event of each source, lists the schema's tables, asks feature store and model registry, "
        "on the cluster",
    )
    def reach_everything(context: dg.OpExecutionContext) -> None:
        resources = resources_of(project, context)
        asked: dict[str, Any] = {"path": None, "times": None, "rows": 1, "seed": 0, "drift_from": None}
        rows = [source.choose(**asked).read().limit(1) for source in resources.sources.values()]
        champions = {
            each.scoped("champion"): resources_of(each, context).model_registry.find_alias("champion")
            for each in project.each
        }
        context.add_output_metadata(
            {
                "python": platform.python_version(),
                "spark": resources.spark.spark_session.version,
                "columns_of_source": "; ".join(", ".join(row.columns) for row in rows),
                **{f"{each.name}_table_exists": resources.tables.exists(each.name) for each in project.event_tables},
                "feature_store": type(resources.feature_store.client).__name__,
                **{name: str(holder.version) if holder else "none yet" for name, holder in champions.items()},
            }
        )

    @dg.job(
        name=project.named("smoke_job"),
        executor_def=dg.in_process_executor,
        description="Everything that a step on Databricks needs can be reached",
    )
    def job() -> None:
        reach_everything()

    return job
