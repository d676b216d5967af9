"""After `make run` and `make dev`: what is written on the pages that people open."""

from __future__ import annotations

import re

import pytest

from my_mlops_stacks_tests.browser.visitor import Visitor
from my_mlops_stacks_tests.samples import Sample

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # seconds: the first waits for the pipeline too

GROUPS = ("ingestion", "feature_engineering", "training", "validation", "deployment", "monitoring")
ASSETS = ("trips", "rejected_trips", "fare_model", "challenger", "champion", "predictions", "monitoring_report")
RUNS = ("feature_engineering_job", "model_training_job", "batch_inference_job", "monitoring_job")
JOBS = (*RUNS, "promote_job", "rollback_job", "copy_model_job", "mute_alerts_job", "table_maintenance_job")
SCHEDULES = {
    "feature_engineering_schedule": "At 07:00 AM UTC",
    "model_training_schedule": "At 09:00 AM UTC",
    "batch_inference_schedule": "At 11:00 AM UTC",
    "monitoring_schedule": "At 06:00 PM UTC",
    "table_maintenance_schedule": "only on Sunday",
}
SENSORS = ("champion_sensor", "retraining_sensor", "tick_failure_sensor")
JUDGEMENTS = (
    "metric_within_threshold",
    "features_have_not_drifted",
    "predictions_have_not_drifted",
    "labels_arrive",
    "predictions_are_fresh",
)


def test_the_lineage_shows_every_group_and_asset_and_nothing_before_them(visitor: Visitor) -> None:
    visitor.opens("/asset-groups/")
    visitor.sees("Global asset lineage", *GROUPS[2:])
    visitor.page.keyboard.press("Alt+KeyE")  # which unfolds all groups
    visitor.sees(*GROUPS, *ASSETS)
    assert not visitor.page.get_by_role("dialog").filter(visible=True).count()


def test_the_champion_tells_what_it_is_and_leads_to_its_version(visitor: Visitor) -> None:
    visitor.opens("/assets/champion")
    visitor.sees("The version that batch inference uses", "passed validation", "automatic")
    visitor.sees("fare_model", within=visitor.row("model_name"))
    visitor.sees("none", within=visitor.row("from_version"))
    mlflow = visitor.follows(visitor.row("model_version_page").get_by_role("link", name="http"))
    mlflow.sees("Version 1", "Predicts fare_amount of a trip", "Validation: passed")


def test_a_partition_of_predictions_and_its_preview_are_of_its_day(visitor: Visitor, generated_sample: Sample) -> None:
    day = generated_sample.day(-5)
    trips = generated_sample.valid()
    pickups = trips.tpep_pickup_datetime[trips.tpep_pickup_datetime.dt.date.astype(str) == day]
    visitor.opens(f"/assets/predictions?view=partitions&partition={day}")
    visitor.sees(day, "Materialized (15)", "Missing (0)")
    visitor.sees(str(len(pickups)), within=visitor.row("dagster/partition_row_count"))
    preview = visitor.unfolds("preview")
    visitor.sees("prediction_time", "fare_model", within=preview)
    _, *rows = [row.split("\t") for row in preview.get_by_role("table").inner_text().splitlines()]
    assert len(rows) == 5
    assert {row[0] for row in rows} <= set(pickups.astype(str))
    assert {row[-1] for row in rows} == {day}


def test_the_monitoring_report_has_its_plots_and_verdicts(visitor: Visitor) -> None:
    for plot in ("metric_over_time", "drift"):
        visitor.opens("/assets/monitoring_report")
        visitor.sees_picture(visitor.unfolds(plot))
    visitor.opens("/assets/monitoring_report?view=checks")
    visitor.sees("Checks (5)", *JUDGEMENTS)
    assert visitor.page.get_by_text("Succeeded", exact=True).or_(visitor.page.get_by_text("Failed")).count() == 5


def test_a_page_of_the_monitoring_leads_to_the_days_beside_it(visitor: Visitor, generated_sample: Sample) -> None:
    last, before, two_before = (generated_sample.day(-number) for number in (1, 2, 3))
    visitor.opens("/assets/monitoring_report")
    page = visitor.follows(visitor.row("page").get_by_role("link", name="http"))
    page.sees(f"Predictions of {last}", *(f"{name} passed" for name in JUDGEMENTS if "drift" not in name))
    page.sees("RMSE, USD", "fare_model/1", "trip_distance, mi")
    for title in ("Metric over time", "Drift"):
        page.sees(f"{title}, up to {last}")
        assert page.page.get_by_alt_text(re.compile(title)).evaluate("image => image.naturalWidth") > 400
    page.page.get_by_role("link", name=before).click()
    page.sees(f"Predictions of {before}", two_before, last)
    page.page.get_by_role("link", name="All days").click()
    page.sees("Monitoring of the predictions", last, generated_sample.day(-15))


def test_runs_and_jobs_show_what_make_run_did(visitor: Visitor) -> None:
    visitor.opens("/runs")
    visitor.sees("Success", *RUNS)
    assert visitor.page.get_by_text("Success", exact=True).count() == len(RUNS)
    visitor.opens("/")
    visitor.sees("Timeline", "my_mlops_stacks", *RUNS)
    visitor.opens("/jobs")
    visitor.sees(*JOBS)
    visitor.page.get_by_role("link", name="monitoring_job").first.click()
    visitor.sees("monitoring_job", "monitoring_report")


def test_the_automation_list_names_every_schedule_and_sensor(visitor: Visitor) -> None:
    visitor.opens("/automation")
    visitor.sees(*SENSORS, *SCHEDULES, *SCHEDULES.values())
    visitor.page.get_by_role("link", name="retraining_sensor").click()
    visitor.sees("Retrains when the monitored metric of the predictions violates its threshold")
