"""Two projects and a team's own definitions in one code location: nothing clashes, and the jobs run from there."""

from pathlib import Path

import dagster as dg
import pytest
from deltalake import DeltaTable

from mlops_core.config import Target, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import adapters
from mlops_core_tests.flights import sample
from mlops_core_tests.flights.project import PROJECT as FLIGHTS
from my_mlops_stacks.project import PROJECT as FARES

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
OF_THE_TEAM = ("spark", "tables", "sources", "step_launcher", "io_manager", "table_io_manager", "model_registry")
"""Resources that a team may well have too."""


@dg.asset(required_resource_keys={"spark", "step_launcher"}, group_name="deployment")
def champion(context: dg.AssetExecutionContext) -> str:
    """A team's own asset of a name that every project has."""
    return f"{context.resources.spark} {context.resources.step_launcher}"


@dg.asset(deps=[dg.AssetKey(["air", "predictions"])])
def late_flights() -> None:
    """What a team makes of the predictions of a project."""


@dg.op
def roll_back() -> None: ...


@dg.job
def rollback_job() -> None:
    roll_back()


@dg.sensor(job=rollback_job)
def retraining_sensor() -> dg.SkipReason:
    return dg.SkipReason("never")


def team() -> dg.Definitions:
    return dg.Definitions(
        assets=[champion, late_flights],
        jobs=[rollback_job, dg.define_asset_job("promote_job", [champion])],
        schedules=[dg.ScheduleDefinition("monitoring_schedule", cron_schedule="@daily", job=rollback_job)],
        sensors=[retraining_sensor],
        resources={name: dg.ResourceDefinition.hardcoded_resource(f"own {name}") for name in OF_THE_TEAM[:4]}
        | {"io_manager": dg.mem_io_manager},
        executor=dg.multi_or_in_process_executor,
        loggers={"console": dg.colored_console_logger},
    )


def merged(fares: Target, flights: Target) -> dg.Definitions:
    return dg.Definitions.merge(
        definitions_of(FARES, fares, prefix="fares"), definitions_of(FLIGHTS, flights, prefix="air"), team()
    )


def names(definitions: dg.Definitions) -> dict[str, list[str]]:
    """Everything that a code location tells apart by its name."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    return {
        "assets": [key.to_user_string() for key in graph.get_all_asset_keys()],
        "checks": [str(key) for key in graph.asset_check_keys],
        "jobs": [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")],
        "schedules": [each.name for each in repository.schedule_defs],
        "sensors": [each.name for each in repository.sensor_defs],
        "resources": list(definitions.resources or ()),
        "ops": list({op.name for job in repository.get_all_jobs() for op in job.all_node_defs}),
    }


@pytest.mark.parametrize("channel", ["none", "teams"])
@pytest.mark.parametrize("target", ["local", "dev"])
def test_a_merged_code_location_has_what_each_part_has(target: str, channel: str) -> None:
    fares, flights = (
        load_target(project, target, environ={"BUNDLE_VAR_alert_channel": channel}) for project in (FARES, FLIGHTS)
    )
    whole = merged(fares, flights)
    dg.Definitions.validate_loadable(whole)
    parts = [definitions_of(FARES, fares, "fares"), definitions_of(FLIGHTS, flights, "air"), team()]
    expected = [names(part) for part in parts]
    for kind, found in names(whole).items():
        assert sorted(found) == sorted({name for part in expected for name in part[kind]}), kind
        apart = [set(part[kind]) - {"air/predictions"} for part in expected]  # which the team's asset is made of
        assert not apart[0] & apart[1] and not (apart[0] | apart[1]) & apart[2], kind


@pytest.mark.parametrize("target", ["local", "dev"])
def test_the_team_keeps_its_executor_and_the_jobs_of_a_project_theirs(target: str) -> None:
    fares, flights = (load_target(project, target, environ={}) for project in (FARES, FLIGHTS))
    whole = merged(fares, flights)
    assert whole.executor is dg.multi_or_in_process_executor
    own = definitions_of(FARES, fares).executor
    jobs = {name: whole.resolve_job_def(name).executor_def.name for name in ("fares_monitoring_job", "promote_job")}
    assert jobs == {"fares_monitoring_job": own.name, "promote_job": "multi_or_in_process_executor"}


def test_the_groups_of_two_projects_are_told_apart() -> None:
    whole = merged(*(load_target(project, environ={}) for project in (FARES, FLIGHTS)))
    graph = whole.resolve_asset_graph()
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert {"fares_deployment", "air_deployment", "deployment"} <= groups


class Merged:
    """A code location of all three, whose jobs run in this process."""

    def __init__(self, folder: Path) -> None:
        environ = {"BUNDLE_VAR_state_folder": str(folder / "state")}
        self.flights = load_target(FLIGHTS, environ=environ)
        self.definitions = merged(load_target(FARES, environ=environ), self.flights)
        self.instance = dg.DagsterInstance.ephemeral()

    def run(self, job: str, days: tuple[str, str] | None = None) -> dg.ExecuteInProcessResult:
        tags = dict(zip(RANGE, days or (), strict=False))
        return self.definitions.resolve_job_def(job).execute_in_process(instance=self.instance, tags=tags)

    def table(self, name: str) -> DeltaTable:
        return DeltaTable(self.flights.state_path / "warehouse" / "flights" / name)


def test_a_project_runs_whole_from_the_code_location_of_a_team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"flights": sample.flights("generated"), "weather": sample.weather("generated")}
    for name, frame in rows.items():
        frame.drop(columns="day").to_parquet(tmp_path / f"{name}.parquet", index=False)
        monkeypatch.setenv(f"{name.upper()}_PATH", str(tmp_path / f"{name}.parquet"))
    whole, days, held_out = Merged(tmp_path), ("2013-01-28", "2013-02-06"), ("2013-02-04", "2013-02-06")
    whole.run("air_feature_engineering_job", days)
    whole.run("air_model_training_job")
    whole.run("air_batch_inference_job", held_out)
    whole.run("air_monitoring_job", held_out)
    assert whole.run("promote_job").output_for_node("champion") == "own spark own step_launcher"

    due = rows["flights"][rows["flights"].day.astype(str) >= held_out[0]]
    predicted = whole.table("predictions").to_pandas()
    assert sorted(predicted.flight_id) == sorted(due.flight_id)
    with adapters(FLIGHTS, whole.flights, "model_registry") as made:
        assert made.model_registry.at_alias("champion").version == 1
    last = whole.instance.get_latest_materialization_event
    assert last(dg.AssetKey(["air", "champion"])).asset_materialization.metadata["version"].value == 1
    assert last(dg.AssetKey("champion")).asset_materialization.metadata == {}
    lineage = last(dg.AssetKey(["air", "predictions"])).asset_materialization.metadata["dagster/column_lineage"].value
    assert [dep.asset_key for dep in lineage.deps_by_column["origin"]] == [dg.AssetKey(["air", "flights"])]
