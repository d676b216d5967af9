"""The report of a classification: checks, plots and pages speak of its own metrics, and a bad one asks for training."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from pyspark.sql import DataFrame

from mlops_core.adapters.tables import LocalTables
from mlops_core.config import load_target
from mlops_core.defs.jobs import MONITOR_TABLES, REPORT, model_jobs
from mlops_core.defs.monitoring_report import report_assets
from mlops_core.defs.names import key_of, keys_of
from mlops_core.defs.partitions import daily_partitions
from mlops_core.defs.resources import adapters, build_resources
from mlops_core.defs.sensors import build_sensors
from mlops_core.monitoring.bins import bins_of
from mlops_core.monitoring.drift import drift_metrics
from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.profile import profile_metrics
from mlops_core_tests.flights.project import PROJECT
from mlops_core_tests.flights.sample import FIRST, LAST


class Report:
    """The report over the monitor tables of the flights, as a target that monitors `metric` makes it."""

    def __init__(self, folder: Path, profile: DataFrame, drift: DataFrame, metric: str, threshold: float) -> None:
        days = {"first_day": FIRST, "last_day": LAST, "first_predicted_day": FIRST}
        variables = {f"BUNDLE_VAR_{name}": str(value) for name, value in {"state_folder": folder, **days}.items()}
        target = load_target(PROJECT, "local", environ=variables)
        rules = {"metric_to_monitor": metric, "metric_violation_threshold": threshold}
        rules |= {"num_evaluation_windows": 5, "num_violation_windows": 2, "minimum_count": 50, "minimum_coverage": 0.5}
        workflow = target.monitoring_workflow.model_copy(update=rules)
        self.target = target.model_copy(update={"monitoring_workflow": workflow})
        daily = daily_partitions(self.target)
        with adapters(PROJECT, self.target, "spark", "tables") as built:
            tables: LocalTables = built.tables
        session = tables.spark.spark_session
        for name, frame in zip(MONITOR_TABLES, (profile, drift), strict=True):
            tables.replace(name, session.createDataFrame(frame.toArrow(), frame.schema), None, ["day"])
        definitions = dg.Definitions(
            assets=[
                *(dg.AssetSpec(key, partitions_def=daily) for key in keys_of(PROJECT, *MONITOR_TABLES)),
                *report_assets(PROJECT, self.target, daily),
            ],
            resources=build_resources(PROJECT, self.target),
            jobs=[dg.define_asset_job("report", dg.AssetSelection.assets(key_of(PROJECT, REPORT)))],
        )
        self.instance = dg.DagsterInstance.ephemeral()
        days = {"dagster/asset_partition_range_start": str(FIRST), "dagster/asset_partition_range_end": str(LAST)}
        job = definitions.resolve_job_def("report")
        self.result = job.execute_in_process(instance=self.instance, tags=days)

    @property
    def checks(self) -> Mapping[str, dg.AssetCheckEvaluation]:
        return {found.check_name: found for found in self.result.get_asset_check_evaluations()}

    def page(self) -> str:
        return (self.target.state_path / "monitoring" / "flights" / f"{LAST}.html").read_text()

    def requests(self) -> list[dg.RunRequest]:
        sensors = build_sensors(PROJECT, self.target, model_jobs(PROJECT, self.target))
        found = next(sensor for sensor in sensors if sensor.name == "flights_retraining_sensor")(
            dg.build_sensor_context(self.instance)
        )
        return list(found.run_requests or [])


@pytest.fixture(scope="session")
def stored(predictions: DataFrame, flight_events: DataFrame, predicted: pd.DataFrame) -> tuple[DataFrame, DataFrame]:
    labelled = with_labels(predictions, flight_events, PROJECT, FIRST, LAST)
    bins = {("late_model", 1): bins_of(predicted, PROJECT)}
    return profile_metrics(predictions, labelled, PROJECT), drift_metrics(predictions, labelled, bins, FIRST)


def test_good_days_of_a_classification_pass(stored, tmp_path):
    report = Report(tmp_path, *stored, metric="log_loss", threshold=5.0)
    assert {name for name, found in report.checks.items() if not found.passed} == set()
    page = report.page()
    heads = re.findall("<th>(.*?)</th>", page)
    for title in ("Log loss", "ROC AUC", "Precision", "Recall", "Share of 1"):
        assert title in heads
    assert "RMSE" not in page
    assert [title for title in re.findall("<h2>(.*?)</h2>", page) if "over time" in title] == [
        f"Metric over time, up to {LAST}",
        f"Class share over time, up to {LAST}",
    ]
    assert "The 10 worst slices by Log loss" in page
    assert "<td>carrier</td>" in page and "<td>distance, mi</td>" in page
    assert not report.requests()


@pytest.mark.parametrize(("metric", "threshold"), [("log_loss", 0.01), ("precision", 0.99), ("base_rate", 0.01)])
def test_a_retraining_by_a_metric_of_the_task(stored, tmp_path, metric, threshold):
    report = Report(tmp_path, *stored, metric=metric, threshold=threshold)
    found = report.checks["metric_within_threshold"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    (request,) = report.requests()
    assert request.tags["retraining/metric"] == metric
    assert list(request.run_config["ops"]) == ["flights__late_model"]
