"""The whole graph on late flights: a binary label, keys of text, and no label ever for what was cancelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable
from sklearn import metrics

from mlops_core.adapters.logged_model import OtherFlavorError, logged_model
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.cli.run import RunFailedError, run_pipeline
from mlops_core.config import Target, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import adapters
from mlops_core.project import Project
from mlops_core_tests.flights import sample
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ORIGIN
from mlops_core_tests.flights.planes import WITH_PLANES
from mlops_core_tests.flights.project import MODEL, PROJECT, project_of
from mlops_core_tests.flights.task import LATE


class Flights:
    """A run of everything in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        rows: pd.DataFrame,
        project: Project = PROJECT,
        model_workflow: Mapping[str, object] | None = None,
        *,
        monitoring_workflow: Mapping[str, object] | None = None,
        others: Mapping[str, pd.DataFrame] | None = None,
        **variables: object,
    ) -> None:
        stated = {"state_folder": folder / "state"} | variables
        environ = {f"BUNDLE_VAR_{name}": str(value) for name, value in stated.items()}
        self.rows, self.project = rows, project
        target = load_target(project, "local", environ=environ)
        workflows = {
            "model_workflow": target.model_workflow.model_copy(update=model_workflow),
            "monitoring_workflow": target.monitoring_workflow.model_copy(update=monitoring_workflow),
        }
        self.target: Target = target.model_copy(update=workflows)
        self.instance = dg.DagsterInstance.ephemeral()
        with adapters(project, self.target, "model_registry") as resources:
            self.registry: ModelRegistry = resources.model_registry
        with pytest.MonkeyPatch.context() as patch:
            for name, events in {"flights": rows, **(others or {})}.items():
                file = folder / f"{name}.parquet"
                events.drop(columns="day").to_parquet(file, index=False)
                patch.setenv(f"{name.upper()}_PATH", str(file))
            self.results: Mapping[str, dg.ExecuteInProcessResult] = run_pipeline(
                project, self.target, self.registry, self.instance
            )

    def table(self, name: str) -> pd.DataFrame:
        """The table, read without any code of the project."""
        return DeltaTable(self.target.state_path / "warehouse" / self.target.schema_name / name).to_pandas()

    def scored(self) -> pd.DataFrame:
        """The predictions with the labels of the source, those that came."""
        labels = self.rows[["flight_id", "late"]].dropna().astype({"late": int})
        return self.table("predictions").merge(labels, on="flight_id", validate="1:1")


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flights]:
    others = {"weather": sample.weather("generated"), "planes": sample.planes("generated")}
    yield Flights(tmp_path_factory.mktemp("flights"), sample.flights("generated"), WITH_PLANES, others=others)


def test_every_flight_is_accepted_also_before_it_lands_and_when_it_never_does(flights: Flights) -> None:
    accepted = flights.table("flights")
    assert sorted(accepted.flight_id) == sorted(flights.rows.flight_id)
    assert accepted.late.isna().sum() == flights.rows.late.isna().sum() > 0
    assert flights.table("rejected_flights").empty


def test_the_weather_is_accepted_and_looked_up_by_the_airport_that_a_flight_leaves(flights: Flights) -> None:
    """The newest window that ended at or before the departure, by pandas on the weather as it was delivered."""
    observed, predictions = sample.weather("generated"), flights.table("predictions")
    assert len(flights.table("weather")) == len(observed)
    assert flights.table("rejected_weather").empty
    assert predictions.visib_3h.notna().all()
    for _, row in predictions.sample(50, random_state=0).iterrows():
        end = row.scheduled_departure.tz_localize(None).floor("h")
        within = (observed.observed_at >= end - pd.Timedelta(hours=3)) & (observed.observed_at < end)
        seen = observed[within & (observed.origin == row.origin)]
        assert row.visib_3h == seen.visib.min()
        assert row.wind_3h == seen.wind_speed.max()
        assert row.precip_3h == pytest.approx(seen.precip.mean(), abs=1e-6)


def test_a_flight_finds_its_aircraft_as_it_was_registered_at_the_departure(flights: Flights) -> None:
    registered, predictions = sample.planes("generated"), flights.table("predictions")
    found = predictions[["flight_id", "tailnum", "scheduled_departure", "seats", "engine"]]
    found = found.assign(scheduled_departure=found.scheduled_departure.dt.tz_localize(None).astype("datetime64[us]"))
    by = {"left_on": "scheduled_departure", "right_on": "known_from", "by": "tailnum"}
    asked = found[found.tailnum.notna()].sort_values("scheduled_departure")
    expected = pd.merge_asof(asked, registered.sort_values("known_from"), suffixes=("", "_expected"), **by)
    assert expected.seats.fillna(-1).tolist() == expected.seats_expected.fillna(-1).tolist()
    assert expected.engine.fillna("").tolist() == expected.engine_expected.fillna("").tolist()
    assert expected.seats.isna().any() and (expected.seats >= 200).any()  # of no registration, and of a second one
    assert found[found.tailnum.isna()].seats.isna().all()


def test_what_was_registered_before_the_first_day_is_in_its_partition(flights: Flights) -> None:
    stored, registered = flights.table("aircraft_features"), sample.planes("generated")
    assert len(stored) == len(registered) == len(flights.table("planes"))
    assert stored.day.min() == sample.FIRST
    assert (stored.day == sample.FIRST).sum() >= (registered.day < sample.FIRST).sum() == 50


def test_each_flight_of_the_days_held_out_has_one_probability_and_its_class(flights: Flights) -> None:
    predictions = flights.table("predictions")
    asked = flights.rows[flights.rows.day >= date(2013, 2, 4)]
    assert sorted(predictions.flight_id) == sorted(asked.flight_id)
    assert predictions.prediction.between(0, 1).all() and predictions.prediction.nunique() > 100
    assert (predictions.predicted_class == (predictions.prediction >= LATE.threshold)).all()


def test_what_training_measured_is_what_scikit_learn_makes_of_the_predictions(flights: Flights) -> None:
    scored, measured = flights.scored(), flights.registry.run_metrics(flights.registry.at_alias("champion"))
    assert measured["log_loss"] == pytest.approx(metrics.log_loss(scored.late, scored.prediction))
    assert measured["roc_auc"] == pytest.approx(metrics.roc_auc_score(scored.late, scored.prediction))
    assert measured["brier_score"] == pytest.approx(metrics.brier_score_loss(scored.late, scored.prediction))


def test_each_day_is_measured_on_the_labels_that_came(flights: Flights) -> None:
    profile, scored = flights.table("inference_profile_metrics"), flights.scored()
    days = profile[(profile.column_name == ":table") & profile.slice_key.isna()].set_index("day")
    assert len(days) == scored.day.nunique() == 3
    for day, rows in scored.groupby("day"):
        found = days.loc[day]
        assert found["labelled_count"] == len(rows) < found["count"]  # some were cancelled
        assert found["log_loss"] == pytest.approx(metrics.log_loss(rows.late, rows.prediction))
        assert found["accuracy_score"] == pytest.approx(np.mean(rows.late == rows.predicted_class))


DRIFTS = {"features_have_not_drifted", "predictions_have_not_drifted"}
"""A week of four hundred flights a day: what is made of a handful of them differs from day to day."""


def test_its_checks_pass(flights: Flights) -> None:
    evaluations = [found for result in flights.results.values() for found in result.get_asset_check_evaluations()]
    assert {found.check_name for found in evaluations} > {
        "few_flights_are_rejected",
        "few_observations_are_rejected",
        "each_flight_is_accepted_once",
        "features_are_known_in_time",
        "roc_auc_within_threshold",
        "each_flight_is_predicted_once",
        "features_are_as_served",
        "metric_within_threshold",
    }
    failed = [f"{found.check_name}: {found.description}" for found in evaluations if not found.passed]
    failed = [said for said in failed if said.partition(":")[0] not in DRIFTS]
    assert failed == []


@pytest.mark.parametrize("target", ["local", "dev"])
@pytest.mark.parametrize("project", [PROJECT, WITH_PLANES], ids=["two event tables", "three"])
def test_its_definitions_load(target: str, project: Project) -> None:
    dg.Definitions.validate_loadable(definitions_of(project, load_target(project, target, environ={})))


def test_each_table_of_events_has_its_own_source_and_checks() -> None:
    variables = {"BUNDLE_VAR_weather_table": "lake.noaa.hourly", "BUNDLE_VAR_weather_times": "UTC"}
    target = load_target(PROJECT, "dev", environ=variables)
    assert target.sources["weather"].model_dump() == {"table": "lake.noaa.hourly", "times": "UTC"}
    assert target.sources["flights"].table == "lake.aviation.flights"
    definitions = definitions_of(PROJECT, target)
    graph = definitions.resolve_asset_graph()
    weather = dg.AssetKey(["flights", "weather"])
    assert graph.get(dg.AssetKey(["flights", "weather_features"])).parent_keys == {weather}
    assert graph.get(dg.AssetKey(["flights", "raw_weather"])).metadata["source"] == "lake.noaa.hourly"
    assert {check.name for check in graph.get_check_keys_for_assets({weather})} == {
        "few_observations_are_rejected",
        "each_observation_is_accepted_once",
        "observations_are_within_partitions",
    }
    made = definitions.resolve_job_def("flights_feature_engineering_job").asset_layer.selected_asset_keys
    assert {dg.AssetKey(["flights", name]) for name in ("weather", "rejected_weather", "weather_features")} <= made


def test_a_delay_that_nobody_declared_late_stops_the_model_that_sees_it(tmp_path: Path) -> None:
    columns = (replace(each, known_late=None) if each.name == "dep_delay" else each for each in FLIGHTS.columns)
    training = replace(MODEL.training, inputs=(*MODEL.training.inputs, "dep_delay"))
    leaking = replace(
        PROJECT,
        events=replace(FLIGHTS, columns=tuple(columns)),
        feature_tables=(),
        models=(replace(MODEL, training=training),),
    )
    with pytest.raises(RunFailedError, match=r"features_are_known_in_time: dep_delay is null of \d+% of the flights"):
        Flights(tmp_path, sample.flights("generated"), leaking)


@pytest.mark.slow
def test_windows_by_the_departure_stop_the_model_that_sees_them(tmp_path: Path) -> None:
    leaking = project_of(replace(ORIGIN, at="scheduled_departure"))
    with pytest.raises(RunFailedError, match=r"features_are_known_in_time: \d+ of 100 rows differ: features know the"):
        Flights(tmp_path, sample.flights("generated"), leaking)


YEAR = date(2013, 8, 1), date(2013, 12, 31)


@pytest.mark.slow
def test_real_weather_and_aircraft_are_looked_up_without_a_leak(tmp_path: Path) -> None:
    if not sample.ALL_ARE_REAL:
        pytest.skip("needs the real tables of 2013: set FLIGHTS_PATH, WEATHER_PATH and PLANES_PATH to parquet files")
    others = {"weather": sample.weather("real"), "planes": sample.planes("real")}
    flights = Flights(tmp_path, sample.flights("real"), WITH_PLANES, others=others)
    predictions = flights.table("predictions")
    assert predictions.visib_3h.notna().mean() > 0.95
    seats = predictions.merge(others["planes"], "left", "tailnum", suffixes=("", "_registered"))
    assert seats.seats.notna().mean() > 0.7
    assert seats.seats.fillna(-1).tolist() == seats.seats_registered.fillna(-1).tolist()
    assert len(flights.table("weather")) + len(flights.table("rejected_weather")) == len(others["weather"])


@pytest.mark.slow
def test_the_real_december_is_predicted_by_the_whole_graph(tmp_path: Path) -> None:
    """Declared windows, learnt from August to November, against the base rate of these months by scikit-learn."""
    if "real" not in sample.SAMPLES:
        pytest.skip("needs the real flights of 2013: set FLIGHTS_PATH to them as a parquet file")
    from mlops_core_tests.flights.features import CARRIER, DEST, ORIGIN_HOUR

    project = replace(PROJECT, feature_tables=(ORIGIN_HOUR, ORIGIN, CARRIER, DEST))
    variables = {"first_day": YEAR[0], "last_day": YEAR[1]}
    workflow = {"holdout_days": 31, "hyperparameters": {}}
    rows = sample.flights("real", *YEAR)
    flights = Flights(tmp_path, rows, project, workflow, **variables)
    scored = flights.scored()
    assert scored.day.min() == date(2013, 12, 1)
    assert metrics.log_loss(scored.late, scored.prediction) < 0.57
    assert metrics.roc_auc_score(scored.late, scored.prediction) > 0.7
    champion = flights.registry.at_alias("champion")
    measured = flights.registry.run_metrics(champion)
    base_rate = rows[rows.landed_at < pd.Timestamp("2013-12-01")].late.mean()
    of_base_rate = metrics.log_loss(scored.late, [base_rate] * len(scored))
    assert measured["log_loss_of_constant"] == pytest.approx(of_base_rate, abs=0.001)
    assert measured["log_loss"] + 0.05 < measured["log_loss_without_features"] < of_base_rate
    assert champion.record.leak_check == "passed"


def test_a_version_of_another_flavor_is_not_asked_what_only_its_library_knows(flights: Flights) -> None:
    version = flights.registry.at_alias("champion")
    assert hasattr(logged_model(flights.registry, version, "sklearn"), "predict_proba")
    with pytest.raises(OtherFlavorError, match="it is a model of sklearn, and the project.s are of lightgbm"):
        logged_model(flights.registry, version, "lightgbm")
