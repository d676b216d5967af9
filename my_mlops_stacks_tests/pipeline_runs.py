"""The pipeline on this machine in a folder of its own: what tests share that run its jobs and look at its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from deltalake import DeltaTable

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.cli.run import run_pipeline
from mlops_core.config import Target, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import build_resources
from mlops_core.project import Project
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.samples import Sample

DAYS = ("2016-01-01", "2016-02-29")
HELD_OUT = ("2016-02-15", "2016-02-29")
"""Which of them are predicted."""


class Pipeline:
    """A state folder of its own, and the means to run jobs on it and to look at what they made."""

    results: Mapping[str, dg.ExecuteInProcessResult]
    """Of the whole run, if there was one."""

    def __init__(self, folder: Path, **variables: str) -> None:
        variables = {"state_folder": str(folder / "state")} | variables
        overrides = {f"BUNDLE_VAR_{name}": value for name, value in variables.items()}
        self.target: Target = load_target(PROJECT, "local", environ=overrides)
        self.instance = dg.DagsterInstance.ephemeral()
        self.define()
        made = {"r": build_resources(PROJECT, self.target)["model_registry"]}
        with dg.build_resources(made, self.instance) as resources:
            self.registry: ModelRegistry = resources.r

    def define(self, project: Project = PROJECT) -> None:
        """The definitions, of `project` where it differs."""
        self.definitions = definitions_of(project, self.target)

    def run(self, job: str, days: tuple[str, str] | None = None, **config: object) -> dg.ExecuteInProcessResult:
        tags = {
            f"dagster/asset_partition_range_{end}": day for end, day in zip(("start", "end"), days or (), strict=False)
        }
        run_config = {"ops": {op: {"config": values} for op, values in config.items()}}
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config=run_config, instance=self.instance, tags=tags, raise_on_error=False
        )

    def table(self, name: str) -> pd.DataFrame:
        """The Delta table, read without any code of the project."""
        table = DeltaTable(self.target.state_path / "warehouse" / self.target.schema_name / name)
        nested = ["window", "window_cmp", "quantiles", "ks_test", "chi_squared_test"]
        rows = table.to_pandas().drop(columns=nested, errors="ignore")
        return rows.sort_values(list(rows.columns), ignore_index=True)


@contextmanager
def whole_run(folder: Path, sample: Sample) -> Iterator[Pipeline]:
    """The pipeline after one run of everything on the trips of `sample`, which TRIPS_PATH names in this context."""
    made = Pipeline(folder, first_day=sample.day(0), last_day=sample.day(-1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRIPS_PATH", str(sample.path))
        made.results = run_pipeline(PROJECT, made.target, made.registry, made.instance)
        yield made


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The causes of the steps that failed."""
    return "\n".join(
        str(event.step_failure_data.error.cause or event.step_failure_data.error)
        for event in result.all_events
        if event.is_step_failure
    )
