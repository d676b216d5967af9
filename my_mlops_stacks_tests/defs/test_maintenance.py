"""The maintenance job on tables as daily writes leave them."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core.config import Target, load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return load_target(PROJECT, "local", environ={"BUNDLE_VAR_state_folder": str(tmp_path)})


def test_every_table_is_maintained_and_reported(target: Target) -> None:
    tables = LocalTables(LocalSpark(target.state_path / "warehouse", target.schema_name))
    for value in range(3):
        rows = tables.spark.spark_session.sql(f"SELECT DATE'2016-01-01' AS day, {value} AS value")
        rows.write.format("delta").mode("append").partitionBy("day").save(str(tables.folder("trips")))
    result = _run(target)
    assert result.success
    told = result.get_step_success_events()[0].step_key
    output = next(event for event in result.all_events if event.is_successful_output and event.step_key == told)
    metadata = {name: value.value for name, value in output.step_output_data.metadata.items()}
    assert metadata == {"trips": "3 files compacted into 1, 0 old files removed"}
    assert sorted(row["value"] for row in tables.read("trips").collect()) == [0, 1, 2]


def test_no_table_is_nothing_to_do(target: Target) -> None:
    assert _run(target).success


def _run(target: Target) -> dg.ExecuteInProcessResult:
    job = definitions_of(PROJECT, target).resolve_job_def("table_maintenance_job")
    return job.execute_in_process(instance=dg.DagsterInstance.ephemeral())
