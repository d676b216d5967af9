"""Both models made by one run: each measured on its own label, judged, promoted, monitored and retrained by itself."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable
from sklearn import metrics

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.cli.explain import main as explain
from mlops_core.cli.run import run as run_once
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import adapters
from mlops_core.project import MetricThreshold, Project
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.samples import Sample
from my_mlops_stacks_tests.two_models.project import DURATION, FARE, PROJECT

LABELS = {"fare": "fare_amount", "duration": "minutes"}
ALIASES = ("candidate", "challenger", "champion", "previous_champion")


class Run:
    """What `python -m my_mlops_stacks_tests.two_models` has left, and what it said."""

    def __init__(self, folder: Path, sample: Sample, project: Project = PROJECT) -> None:
        self.raw, self.day = sample.raw(), sample.day(-1)
        (folder / "dagster").mkdir()
        shutil.copy(ROOT / "dagster.local.yaml", folder / "dagster" / "dagster.yaml")
        with redirect_stdout(io.StringIO()) as said:
            self.code = run_once(project)
        self.said, self.target = re.sub(r"\x1b\[\d*m", "", said.getvalue()), load_target(project, "local")
        self.definitions, self.instance = definitions_of(project, self.target), dg.DagsterInstance.get()
        self.registries: Mapping[str, ModelRegistry] = {}
        for each in project.each:
            with adapters(each, self.target, "model_registry") as resources:
                self.registries |= {each.scope: resources.model_registry}

    def job(self, name: str, **config: object) -> dg.ExecuteInProcessResult:
        ops = {op: {"config": values} for op, values in config.items()}
        job = self.definitions.resolve_job_def(name)
        return job.execute_in_process(run_config={"ops": ops}, instance=self.instance, raise_on_error=False)

    def table(self, name: str) -> pd.DataFrame:
        return DeltaTable(self.target.state_path / "warehouse" / self.target.schema_name / name).to_pandas()

    def scored(self, scope: str) -> pd.DataFrame:
        """The predictions with the labels of the raw trips, in USD and in minutes."""
        lasted = self.raw.tpep_dropoff_datetime - self.raw.tpep_pickup_datetime
        labels = self.raw.assign(minutes=lasted.dt.total_seconds() / 60).drop_duplicates()
        rows = self.table(f"{scope}_predictions")
        rows["tpep_pickup_datetime"] = rows.tpep_pickup_datetime.dt.tz_localize(None)
        keys = list(TRIPS.identity)
        labels = labels[[*keys, *LABELS.values()]].dropna()
        return rows.merge(labels[labels.minutes > 0].drop_duplicates(keys), on=keys, validate="1:1")

    def holders(self, scope: str) -> dict[str, int | None]:
        found = {alias: self.registries[scope].find_alias(alias) for alias in ALIASES}
        return {alias: version and version.version for alias, version in found.items()}

    def tick(self, sensor: str) -> dg.SensorResult:
        repository = self.definitions.get_repository_def()
        context = dg.build_sensor_context(self.instance, repository_def=repository)
        return repository.get_sensor_def(sensor).evaluate_tick(context)


@contextmanager
def ran(folder: Path, generated_sample: Sample, project: Project = PROJECT) -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        patch.setenv("TRIPS_PATH", str(generated_sample.path))
        for name, value in {
            "state_folder": str(folder / "state"),
            "first_day": generated_sample.day(0),
            "last_day": generated_sample.day(-1),
        }.items():
            patch.setenv(f"BUNDLE_VAR_{name}", value)
        yield Run(folder, generated_sample, project)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, generated_sample: Sample) -> Iterator[Run]:
    with ran(tmp_path_factory.mktemp("two_models"), generated_sample) as run:
        yield run


def test_the_run_tells_of_both(both: Run) -> None:
    assert both.code == 0
    for name in ("fare_model", "duration_model"):
        assert re.search(rf"^Champion +{name} version 1: RMSE", both.said, re.MULTILINE)
    assert re.search(r"duration_monitoring_report.metric_within_threshold: .*minutes|MAE", both.said)


def test_each_is_measured_on_its_own_label(both: Run) -> None:
    for scope, label in LABELS.items():
        rows, registry = both.scored(scope), both.registries[scope]
        measured = registry.run_metrics(registry.at_alias("champion"))
        assert measured["mean_absolute_error"] == pytest.approx(
            metrics.mean_absolute_error(rows[label], rows.prediction)
        )
        assert measured["r2_score"] == pytest.approx(metrics.r2_score(rows[label], rows.prediction))


def test_each_predicts_from_its_own_hold_out_on_into_its_own_table(both: Run) -> None:
    found = {scope: both.table(f"{scope}_predictions") for scope in LABELS}
    assert [set(rows.model_name) for rows in found.values()] == [{"fare_model"}, {"duration_model"}]
    assert [rows.day.nunique() for rows in found.values()] == [15, 10]
    assert not {"fare_amount", "minutes"} & set(found["duration"].columns)


def test_each_day_of_each_is_monitored_on_its_own_label(both: Run) -> None:
    for scope, label in LABELS.items():
        profile, rows = both.table(f"{scope}_inference_profile_metrics"), both.scored(scope)
        days = profile[(profile.column_name == ":table") & profile.slice_key.isna()].set_index("day")
        of_day = (rows[label] - rows.prediction).abs().groupby(rows.day).mean()
        assert days.mean_average_error.to_dict() == pytest.approx(of_day.to_dict())


def test_the_features_of_both_are_built_once(both: Run) -> None:
    for name in ("trips", "trip_pickup_features", "trip_dropoff_features"):
        records = both.instance.fetch_materializations(dg.AssetKey(name), limit=1_000).records
        assert len({record.run_id for record in records}) == 1
        assert len(records) == len({record.partition_key for record in records})


def test_pages_lie_apart_and_say_whose_they_are(both: Run) -> None:
    folder = both.target.state_path / "monitoring"
    for scope in LABELS:
        page = (folder / f"{both.target.schema_name}.{scope}" / f"{both.day}.html").read_text()
        assert f"Predictions of {both.day} by {scope}_model" in page
    assert all(f"two_models.{scope}" in (folder / "index.html").read_text() for scope in LABELS)


def test_a_violation_of_one_asks_for_its_training_alone(both: Run) -> None:
    asked = both.tick("duration_retraining_sensor").run_requests
    assert [set(request.run_config["ops"]) for request in asked] == [{"duration_model"}]
    assert "mean_average_error" in asked[0].tags["retraining/metric"]
    assert not both.tick("fare_retraining_sensor").run_requests


def test_a_prediction_of_each_is_explained_by_its_own_history(both: Run) -> None:
    asked = ["--day", both.day, "--model-version", "1"]
    for scope in LABELS:
        told = CliRunner().invoke(explain, [*asked, "--model", scope], obj=PROJECT)
        assert f"{scope}_model version 1 for {both.day}" in told.output
        assert "after version none, by" in told.output
    unsaid = CliRunner().invoke(explain, asked, obj=PROJECT)
    assert unsaid.exit_code == 2
    assert "Say --model. Project 'my_mlops_stacks_tests.two_models' has several models: choose from" in unsaid.output


def test_a_candidate_that_is_refused_leaves_the_other_model_alone(both: Run) -> None:
    before, fare = both.holders("duration"), both.holders("fare")
    result = both.job("duration_model_training_job", duration_model={"num_boost_round": 1})
    assert result.success
    version = before["candidate"] + 1
    assert both.registries["duration"].get(version).record.validation_status == "failed"
    assert both.holders("duration") == before | {"candidate": version}
    assert both.holders("fare") == fare
    assert both.registries["fare"].at_alias("champion").record.validation_status == "passed"


@pytest.mark.slow
def test_a_rollback_of_one_leaves_the_other_model_alone(both: Run) -> None:
    duration = both.holders("duration")
    assert both.job("fare_model_training_job").success
    assert both.holders("fare")["champion"] == 2
    back = {"version": 1, "rolled_back_by": "Ada", "reason": "too dear"}
    assert both.job("fare_rollback_job", fare_roll_back=back).success
    assert both.holders("fare") == {"candidate": 2, "challenger": 2, "champion": 1, "previous_champion": 2}
    assert both.holders("duration") == duration
    history = both.instance.fetch_materializations(dg.AssetKey("duration_champion"), limit=10).records
    assert len(history) == 1


@pytest.mark.slow
def test_a_first_candidate_that_is_refused_keeps_the_other_model_from_nothing(
    tmp_path: Path, generated_sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    perfect = {"mean_absolute_error": MetricThreshold(threshold=0.0, greater_is_better=False)}
    strict = replace(FARE, validation=replace(FARE.validation, thresholds=lambda: perfect))
    with ran(tmp_path, generated_sample, replace(PROJECT, models=(strict, DURATION))) as run:
        assert run.code == 1
        assert "No version of fare_model is champion, so nothing was predicted: " in capsys.readouterr().err
        assert run.holders("fare") == {"candidate": 1, "challenger": None, "champion": None, "previous_champion": None}
        assert re.search("^Champion +duration_model version 1: RMSE", run.said, re.MULTILINE)
        assert run.table("duration_predictions").day.nunique() == 10
        assert "fare_model" not in run.said
