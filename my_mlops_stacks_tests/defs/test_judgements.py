"""What checks and pages make of monitor tables: each way to fail as Dagster shows it, and what the sensor does then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from mlops_core.adapters.tables import LocalTables, TableNotFoundError
from mlops_core.config import load_target
from mlops_core.defs.jobs import MONITOR_TABLES, model_jobs
from mlops_core.defs.monitoring_report import report_assets
from mlops_core.defs.partitions import daily_partitions
from mlops_core.defs.resources import build_resources
from mlops_core.defs.sensors import build_sensors
from mlops_core.monitoring.columns import DRIFT_COLUMNS, profile_columns
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.conftest import with_fixed_rules
from my_mlops_stacks_tests.monitoring.test_rules import compared, table, window

LAST = date(2016, 2, 29)
CHECKS = (
    "metric_within_threshold",
    "features_have_not_drifted",
    "predictions_have_not_drifted",
    "labels_arrive",
    "predictions_are_fresh",
)


def days(*values: float, **changed) -> list[dict]:
    """Windows of the newest days, the last value on the newest."""
    first = LAST - timedelta(days=len(values) - 1)
    return [window(first + timedelta(days=number), value, **changed) for number, value in enumerate(values)]


def drifts(stability: float = 0.01, day: date = LAST, **changed) -> list[dict]:
    return [compared(column, stability, 1e-9, **changed) | {"day": day} for column in ("trip_distance", "prediction")]


class Judged:
    """The checks and the report of `local` over monitor tables that a test made, without any predictions."""

    def __init__(self, folder: Path) -> None:
        self.target = with_fixed_rules(load_target(PROJECT, "local", environ={"BUNDLE_VAR_state_folder": str(folder)}))
        self.instance, self.daily = dg.DagsterInstance.ephemeral(), daily_partitions(self.target)
        resources = build_resources(PROJECT, self.target)
        with dg.build_resources({name: resources[name] for name in ("spark", "tables")}) as built:
            self.tables: LocalTables = built.tables
        made = [dg.AssetSpec(name, partitions_def=self.daily) for name in MONITOR_TABLES]
        self.definitions = dg.Definitions(
            assets=[*made, *report_assets(PROJECT, self.target, self.daily)],
            resources=resources,
            jobs=[dg.define_asset_job("report", ["monitoring_report"])],
        )

    def write(self, profile: list[dict] | None, drift: list[dict] | None) -> None:
        session = self.tables.spark.spark_session
        for name, columns, rows in (
            ("inference_profile_metrics", profile_columns(PROJECT), profile),
            ("inference_drift_metrics", DRIFT_COLUMNS, drift),
        ):
            if rows is not None:
                self.tables.replace(name, table(session, columns, rows), None, ["day"])

    def checks(self) -> dict[str, dg.AssetCheckEvaluation]:
        result = self._report(str(LAST), str(LAST))
        return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}

    def pages(self, first: str, last: str) -> dict[str, str]:
        self._report(first, last)
        return {page.stem: page.read_text() for page in (self.target.state_path / "monitoring").glob("*/2*.html")}

    def _report(self, first: str, last: str) -> dg.ExecuteInProcessResult:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return self.definitions.resolve_job_def("report").execute_in_process(instance=self.instance, tags=tags)

    def tick(self) -> dg.SensorResult:
        """One of the sensor that retrains."""
        sensor = next(
            s
            for s in build_sensors(PROJECT, self.target, model_jobs(PROJECT, self.target))
            if s.name == "retraining_sensor"
        )
        return sensor(dg.build_sensor_context(self.instance))


@pytest.fixture
def judged(tmp_path) -> Judged:
    return Judged(tmp_path)


def values(evaluation: dg.AssetCheckEvaluation) -> dict:
    return {name: entry.value for name, entry in evaluation.metadata.items()}


def test_good_days_pass_every_check(judged):
    judged.write(days(2.0, 2.0, 2.0), drifts())
    found = judged.checks()
    assert {name: check.passed for name, check in found.items()} == dict.fromkeys(CHECKS, True)
    assert found["predictions_are_fresh"].description == "The newest day, 2016-02-29, is predicted"
    assert "No violation" in judged.tick().skip_reason.skip_message


def test_a_violation_is_an_error_with_its_numbers_and_retrains(judged):
    judged.write(days(2.0, 9.25, 9.5), drifts())
    found = judged.checks()["metric_within_threshold"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found.description.startswith("root_mean_squared_error is above 5 USD in 2 of the last 3 days")
    assert values(found) == {
        "day": "2016-02-29",
        "model_id": "fare_model/1",
        "metric": "root_mean_squared_error",
        "direction": "above",
        "threshold": "5 USD",
        "values": {"2016-02-29": 9.5, "2016-02-28": 9.25, "2016-02-27": 2.0},
        "root_mean_squared_error": 9.5,
        "violating_days": "2016-02-29, 2016-02-28",
        "label_coverage": "100%",
    }
    (request,) = judged.tick().run_requests
    assert request.tags["retraining/values"] == "9.5, 9.25, 2"


def test_drift_is_a_warning_that_names_the_columns_and_retrains_nothing(judged):
    judged.write(days(2.0, 2.0), drifts(0.4))
    found = judged.checks()
    for name, column in (("features", "trip_distance"), ("predictions", "prediction")):
        check = found[f"{name}_have_not_drifted"]
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert check.description.startswith(
            f"{column} drifted on 2016-02-29: population stability index {column} 0.400"
        )
        assert values(check) == {
            "day": "2016-02-29",
            "model_id": "fare_model/1",
            "drifted": column,
            "population_stability_index": {column: 0.4},
        }
    assert not judged.tick().run_requests


def test_labels_that_are_late_are_a_warning_with_their_days(judged):
    judged.write([*days(2.0, 2.0, 2.0, 2.0, label_coverage=0.25)], drifts())
    found = judged.checks()["labels_arrive"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (
        found.description == "Labels of less than 80% of the predictions have arrived: 2016-02-27 25%, 2016-02-26 25%"
    )
    assert values(found)["late_days"] == ["2016-02-27", "2016-02-26"]


def test_without_any_label_nothing_is_judged_and_nothing_retrains(judged):
    judged.write(days(*[None] * 5, labelled_count=0, label_coverage=0.0), drifts())
    found = judged.checks()
    metric = found["metric_within_threshold"]
    assert metric.passed and "can't be judged: no day has the labels of 80%" in metric.description
    assert values(metric)["day"] is None
    assert not found["labels_arrive"].passed
    assert not judged.tick().run_requests


def test_stale_predictions_and_wrong_clocks_are_a_warning(judged):
    ahead = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=3)
    future = window(ahead.date(), 2.0)
    old = window(date(2016, 2, 27), 2.0, last_prediction_time=ahead)
    judged.write([old, future], drifts(day=date(2016, 2, 27)))
    found = judged.checks()["predictions_are_fresh"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    stale, clock, days_ahead = found.description.split("; ")
    assert stale == "2016-02-29 should be predicted, and the newest day that is, is 2016-02-27"
    assert clock.startswith("predictions were made at ") and clock.endswith(": a clock is wrong")
    assert days_ahead == f"{ahead.date()} has not come yet: a clock is wrong"
    assert (values(found)["due"], values(found)["future_days"]) == ("2016-02-29", str(ahead.date()))


def test_a_day_whose_drift_is_not_written_is_said_to_be_missing(judged):
    judged.write(days(2.0, 2.0), drifts(day=date(2016, 2, 28)))
    found = judged.checks()["features_have_not_drifted"]
    assert not found.passed
    assert "The drift of 2016-02-29, predicted by fare_model/1, is not there yet" in found.description


@pytest.mark.parametrize(("profile", "drift", "missing"), [([], None, "drift"), (None, [], "profile")])
def test_without_one_of_the_tables_the_checks_name_it(judged, profile, drift, missing):
    judged.write(profile, drift)
    with pytest.raises(TableNotFoundError, match=f"materialize the asset 'inference_{missing}_metrics' first"):
        judged.checks()


def test_a_report_that_is_not_written_keeps_its_judgement(judged):
    judged.write(days(2.0, 9.25, 9.5), drifts())
    (judged.target.state_path / "monitoring").touch()  # a file, in the place of the folder
    with pytest.raises(NotADirectoryError):
        judged.checks()
    (request,) = judged.tick().run_requests
    assert request.tags["retraining/values"] == "9.5, 9.25, 2"


def test_each_page_has_the_verdicts_of_its_own_day(judged):
    good, bad = date(2016, 2, 27), [date(2016, 2, 28), LAST]
    slices = [window(good, 3.0, slice_key="pickup_hour", slice_value="07")]
    judged.write([*days(2.0, 9.0, 9.0), *slices], [*drifts(day=good), *drifts(0.4, bad[0]), *drifts(0.01, bad[1])])
    pages = judged.pages("2016-02-26", "2016-02-29")
    verdicts = {
        day: {name: f"{name} passed" in text for name in CHECKS if f"{name} " in text} for day, text in pages.items()
    }
    fine = dict.fromkeys(CHECKS, True)
    assert verdicts == {
        "2016-02-26": fine | {"predictions_are_fresh": False},  # nothing was predicted
        "2016-02-27": fine,
        "2016-02-28": fine | {"features_have_not_drifted": False, "predictions_have_not_drifted": False},
        "2016-02-29": fine | {"metric_within_threshold": False},
    }
    links, _, told = pages["2016-02-27"].partition("</nav>")
    assert 'href="2016-02-26.html"' in links and 'href="2016-02-28.html"' in links
    assert "2016-02-28" not in told.replace("up to 2016-02-29", "")
    assert "2016-03-01" not in pages["2016-02-29"]  # no day that is not built
    assert "Metric over time, up to 2016-02-29" in pages["2016-02-27"]
    assert "<td>07</td>" in pages["2016-02-27"] and "<td>07</td>" not in pages["2016-02-28"]


def test_slices_of_other_days_are_not_fetched_for_a_page(judged):
    from mlops_core.defs.monitoring_report import _shown

    slices = [window(day, 3.0, slice_key="pickup_hour", slice_value="07") for day in (date(2016, 2, 28), LAST)]
    judged.write([*days(2.0, 2.0, 2.0), *slices], [])
    rows = _shown(judged.tables.read("inference_profile_metrics"), LAST, LAST)
    assert len(rows) == 4
    assert rows.loc[rows["slice_key"].notna(), "day"].tolist() == [LAST]
