"""Data that arrive for two models of a project beside others: features once, then each model's own days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.config import load_target
from mlops_core.defs.arrival_looks import observation
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.names import key_of
from mlops_core.defs.resources import build_resources
from mlops_core.ingestion.arrivals import DaySummaries, SourceState
from mlops_core.ingestion.changed_days import ChangedDays, DayChange
from my_mlops_stacks_tests.defs.arriving import Source, extent, saying
from my_mlops_stacks_tests.two_models.project import PROJECT

TAXI = replace(PROJECT, prefix="taxi")
REGISTRIES = ("taxi_fare_model_registry", "taxi_duration_model_registry")


@dataclass
class Beside:
    """The sensor of the project with a prefix; a champion that was trained on days before the one it is given."""

    folder: Path

    def __post_init__(self) -> None:
        days = {"first_day": "2016-02-01", "last_day": "2016-02-29", "first_predicted_day": "2016-02-10"}
        environ = {f"BUNDLE_VAR_{name}": value for name, value in (days | {"state_folder": str(self.folder)}).items()}
        target = load_target(TAXI, "local", environ=environ)
        (self.folder / "mlflow").mkdir(parents=True)
        self.instance, self.cursor = dg.DagsterInstance.ephemeral(), None
        self.repository = definitions_of(TAXI, target).get_repository_def()
        made = build_resources(TAXI, target)
        with dg.build_resources({name: made[name] for name in REGISTRIES}, self.instance) as resources:
            self.registries: dict[str, ModelRegistry] = {name: getattr(resources, name) for name in REGISTRIES}

    def champion(self, registry: ModelRegistry, held_out_from: str) -> None:
        with registry.run("a training", {}) as run:
            pass
        registry.client.create_registered_model(registry.model)
        version = registry.client.create_model_version(
            registry.model, f"{run.info.artifact_uri}/model", run.info.run_id
        )
        registry.tag(registry.get(int(version.version)), {"held_out_from": held_out_from})
        registry.client.set_registered_model_alias(registry.model, "champion", version.version)

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            self.instance,
            cursor=self.cursor,
            repository_def=self.repository,
            resources={**self.registries, "taxi_watched": {"trips": Source()}},
        )
        found = self.repository.get_sensor_def("taxi_arrival_sensor").evaluate_tick(context)
        self.cursor = found.cursor
        return list(found.run_requests)

    def until_the_end(self) -> Iterator[list[tuple[str, int, int]]]:
        """What each tick asks for, all of which succeeds."""
        while requests := self.tick():
            yield sorted(extent(request) for request in requests)
            for request in requests:
                tags = {**request.tags, "dagster/run_key": str(request.run_key)}
                job = self.repository.get_job(str(request.job_name))
                self.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.SUCCESS)


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Beside:
    found = Beside(tmp_path_factory.mktemp("taxi") / "state")
    for registry, day in zip(found.registries.values(), ("2016-02-15", "2016-02-21"), strict=True):
        found.champion(registry, day)
    return found


def test_features_are_built_once_and_each_model_predicts_what_its_champion_was_not_trained_on(beside: Beside) -> None:
    for each in TAXI.each:
        for number in range(10, 30):
            made = dg.AssetMaterialization(key_of(each, "predictions"), partition=f"2016-02-{number}")
            beside.instance.report_runless_asset_event(made)
    (look,) = beside.tick()
    assert look.job_name == "taxi_arrivals_job"
    assert list(look.run_config["ops"]) == ["taxi__look_for_arrivals"]
    changed = ChangedDays({date(2016, 2, 20): DayChange("changed", datetime(2016, 2, 20, 23, 30))}, "1 day changed")
    seen = observation(TAXI, TAXI.events, SourceState("table", "1"), changed, DaySummaries("test", {}))
    assert seen.asset_key == dg.AssetKey(["taxi", "raw_trips"])
    tags = {"dagster/run_key": str(look.run_key)}
    assert saying(seen, name="taxi_arrivals_job").execute_in_process(instance=beside.instance, tags=tags).success
    assert list(beside.until_the_end()) == [
        [("taxi_feature_engineering", 20, 21)],
        [("taxi_duration_batch_inference", 21, 21), ("taxi_fare_batch_inference", 20, 21)],
        [("taxi_duration_monitoring", 20, 22), ("taxi_fare_monitoring", 20, 22)],
    ]
