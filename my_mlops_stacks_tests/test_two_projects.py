"""Two projects by their commands, in one history, one state folder and one MLflow: neither touches the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from deltalake import DeltaTable

from mlops_core.cli.run_history import local_instance
from mlops_core.config import load_target
from mlops_core.defs.resources import adapters
from mlops_core.project import Project
from mlops_core_tests.flights import sample
from mlops_core_tests.flights.project import PROJECT as FLIGHTS
from my_mlops_stacks.project import PROJECT as FARES
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.samples import Sample

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PREDICTED = dg.AssetKey("predictions"), dg.AssetKey(["flights", "predictions"])


class Beside:
    """The state folder that both run in, and what each command said."""

    def __init__(self, folder: Path, fares: Sample) -> None:
        self.state = folder / "state"
        days = {"BUNDLE_VAR_first_day": fares.day(0), "BUNDLE_VAR_last_day": fares.day(-1)}
        self.fares = {"TRIPS_PATH": str(fares.path), **days}
        self.flights = {}
        for name, frame in {"flights": sample.flights("generated"), "weather": sample.weather("generated")}.items():
            self.flights[f"{name.upper()}_PATH"] = str(folder / f"{name}.parquet")
            frame.drop(columns="day").to_parquet(self.flights[f"{name.upper()}_PATH"], index=False)

    @property
    def environ(self) -> dict[str, str]:
        return {"BUNDLE_VAR_state_folder": str(self.state), "DAGSTER_HOME": str(self.state / "dagster")}

    def call(self, package: str, own: Mapping[str, str], *words: str) -> str:
        """What a command of the project says."""
        done = subprocess.run(
            [sys.executable, "-m", package, *words],
            check=False,
            env=os.environ | self.environ | own,
            cwd=ROOT,
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self, schema: str) -> dict[str, float]:
        """Each file of the project's tables and pages -> when it was written."""
        folders = (self.state / kind / schema for kind in ("warehouse", "monitoring", "sources"))
        return {
            str(file): file.stat().st_mtime for folder in folders for file in folder.rglob("*") if not file.is_dir()
        }

    def table(self, schema: str, name: str) -> pd.DataFrame:
        return DeltaTable(self.state / "warehouse" / schema / name).to_pandas()

    def champion(self, project: Project) -> tuple[str, int]:
        with adapters(project, load_target(project, environ=self.environ), "model_registry") as made:
            found = made.model_registry.at_alias("champion")
            return found.name, found.version


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory, generated_sample: Sample) -> Beside:
    return Beside(tmp_path_factory.mktemp("beside"), generated_sample)


def test_each_runs_whole_beside_the_other_and_leaves_it_as_it_was(beside: Beside) -> None:
    said = beside.call("mlops_core_tests.flights", beside.flights)
    assert "Champion    late_model version 1" in said and "weather_features" in said
    before = beside.files("flights")
    assert "Champion    fare_model version 1" in beside.call("my_mlops_stacks", beside.fares)
    assert beside.files("flights") == before
    others = beside.files("my_mlops_stacks")
    beside.call("mlops_core_tests.flights", beside.flights)
    assert beside.files("my_mlops_stacks") == others
    assert beside.champion(FARES) == ("fare_model", 1)
    assert beside.champion(FLIGHTS)[0] == "late_model"

    fares, flights = (beside.table(schema, "predictions") for schema in ("my_mlops_stacks", "flights"))
    assert "trip_distance" in fares and "trip_distance" not in flights and "carrier" in flights
    pages = {
        schema: set((beside.state / "monitoring" / schema).glob("*.html")) for schema in ("my_mlops_stacks", "flights")
    }
    assert all(pages.values())
    index = (beside.state / "monitoring" / "index.html").read_text()
    assert all(
        f'href="{page.relative_to(beside.state / "monitoring")}"' in index for page in set().union(*pages.values())
    )


def test_one_history_tells_them_apart(beside: Beside) -> None:
    instance = local_instance(beside.state / "dagster", FARES)
    jobs = [run.job_name for run in instance.get_runs()]
    assert sorted({name for name in jobs if name.startswith("flights_")}) == [
        f"flights_{name}_job" for name in ("batch_inference", "feature_engineering", "model_training", "monitoring")
    ]
    assert (sum(name.startswith("flights_") for name in jobs), len(jobs)) == (8, 12)
    models = []
    for key in PREDICTED:
        events = instance.fetch_materializations(key, limit=100).records
        models.append({event.asset_materialization.metadata["model_name"].value for event in events})
    assert models == [{"fare_model"}, {"late_model"}]


def test_each_explains_and_queries_its_own_predictions(beside: Beside) -> None:
    row = beside.table("flights", "predictions").iloc[0]
    said = beside.call("mlops_core_tests.flights", beside.flights, "explain", "--event", f"flight_id={row.flight_id}")
    assert f"late_model version {row.model_version} for {row.day}" in said and "champion    from" in said
    count = "SELECT count(*) AS n FROM predictions"
    for package, own, schema in (
        ("my_mlops_stacks", beside.fares, "my_mlops_stacks"),
        ("mlops_core_tests.flights", beside.flights, "flights"),
    ):
        assert beside.call(package, own, "query", count).split()[-1] == str(len(beside.table(schema, "predictions")))
