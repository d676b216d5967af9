"""Minimal jobs that exercise everything a step on Databricks needs; `make smoke` runs them on a real workspace."""

import platform
import time
from typing import Any

import dagster as dg

from mlops_core.config import Target
from mlops_core.project import Project


@dg.op(
    out=dg.Out(dg.Nothing),
    required_resource_keys={"step_launcher"},
    config_schema={"seconds": dg.Field(int, default_value=300)},
    description="Does nothing for a while, so that there is something to terminate",
)
def linger(context: dg.OpExecutionContext) -> None:
    for _ in range(context.op_config["seconds"] * 10):
        time.sleep(0.1)


@dg.job(executor_def=dg.in_process_executor, description="A job to terminate: what it runs on Databricks should end")
def smoke_cancellation_job() -> None:
    linger()


def smoke_jobs(project: Project, target: Target) -> list[dg.JobDefinition]:
    """For targets whose steps run on Databricks."""
    return [_smoke_job(project), smoke_cancellation_job] if target.step_launcher == "unity_catalog" else []


def _smoke_job(project: Project) -> dg.JobDefinition:
    @dg.op(
        out=dg.Out(dg.Nothing),
        required_resource_keys={"step_launcher", "spark", "tables", "feature_store", "sources", "model_registry"},
        description="Reads an event of each source, lists the schema's tables, asks feature store and model registry, "
        "on the cluster",
    )
    def reach_everything(context: dg.OpExecutionContext) -> None:
        resources = context.resources
        asked: dict[str, Any] = {"path": None, "times": None, "rows": 1, "seed": 0, "drift_from": None}
        rows = [source.choose(**asked).read().limit(1) for source in resources.sources.values()]
        champion = resources.model_registry.find_alias("champion")
        context.add_output_metadata(
            {
                "python": platform.python_version(),
                "spark": resources.spark.spark_session.version,
                "columns_of_source": "; ".join(", ".join(row.columns) for row in rows),
                **{f"{each.name}_table_exists": resources.tables.exists(each.name) for each in project.event_tables},
                "feature_store": type(resources.feature_store.client).__name__,
                "champion": str(champion.version) if champion else "none yet",
            }
        )

    @dg.job(
        executor_def=dg.in_process_executor, description="Everything that a step on Databricks needs can be reached"
    )
    def smoke_job() -> None:
        reach_everything()

    return smoke_job
