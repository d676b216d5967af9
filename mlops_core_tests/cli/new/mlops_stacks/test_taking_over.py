"""The command, from a project of MLOps Stacks and rows to the files of a new project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

from mlops_core.cli.new.ask import Decisions, accept
from mlops_core.cli.new.command import main
from mlops_core.cli.new.mlops_stacks import arguments, from_mlops_stacks, taken_over
from mlops_core_tests.cli.new.mlops_stacks.parcels import write
from mlops_core_tests.cli.new.parcels import parcels
from mlops_core_tests.cli.new.test_render import repository_at

ROWS = 900


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parcels of ninety days, which are late by their weight."""
    random = np.random.default_rng(0)
    posted = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.uniform(0, 90 * 24 * 60, ROWS)), "min")
    weight = random.uniform(0.1, 30, ROWS).round(2)
    late = (weight / 3 + random.normal(0, 1, ROWS)).round(2)
    frame = pd.DataFrame({"parcel_id": np.arange(ROWS), "posted_at": posted, "weight": weight, "hours_late": late})
    frame["depot_id"], frame["delivered_at"] = random.integers(0, 12, ROWS), posted + pd.to_timedelta(24 + late, "h")
    file = tmp_path_factory.mktemp("rows") / "parcels.parquet"
    frame.astype({"posted_at": "datetime64[us]", "delivered_at": "datetime64[us]"}).to_parquet(file)
    return file


def run(*given: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in given])


def test_what_was_imported_is_in_the_new_projects_files(old: Path, rows: Path, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    repository_at(root)
    done = run("--from-mlops-stacks", old, "--rows", rows, "--known-at", "delivered_at", "--yes", "--root", root)
    assert done.exit_code == 0, done.output
    made = root / "late_parcels"
    bundle = yaml.safe_load((made / "databricks.yml").read_text())
    prod, variables = bundle["targets"]["prod"], bundle["variables"]
    assert prod["workspace"]["host"] == "https://parcels.cloud.databricks.com"
    assert (prod["variables"]["catalog"], bundle["targets"]["dev"]["variables"]["catalog"]) == ("lake", "sandbox")
    assert variables["parcels_table"]["default"] == "lake.logistics.parcels"
    assert variables["owner"]["default"] == "parcels@example.com"
    monitoring = yaml.safe_load((made / "resources" / "monitoring-workflow-resource.yml").read_text())
    stated = monitoring["variables"]["monitoring_workflow"]["default"]
    assert (stated["cron_schedule"], stated["metric_to_monitor"]) == ("0 20 * * *", "mean_average_error")
    thresholds = (made / "validation" / "validation.py").read_text()
    assert '"max_error": MetricThreshold(threshold=48.0, greater_is_better=False)' in thresholds
    assert "root_mean_squared_error" in thresholds
    assert (made / "feature_engineering" / "features" / "depot_id_features.py").is_file()
    left = (made / "MOVING.md").read_text()
    assert "`late_parcels/databricks.yml: parcels_table`\n\n- [ ] the rows of lake.logistics.posted_today" in left
    assert "<events>" not in left
    assert "late_parcels/MOVING.md has" in done.output


def test_what_a_person_says_goes_before(old: Path) -> None:
    found = from_mlops_stacks(old, "slow")
    assert {move.here.partition("/")[0] for move in found.moved} == {"slow"}
    stated = {"rows": "mine.csv", "label": "", "kind": "binary", "entity": (), "owner": "", "event_time": ""}
    assert arguments(found, stated) == {
        **stated,
        "label": "hours_late",
        "entity": ("depot_id",),
        "owner": "parcels@example.com",
        "event_time": "posted_at",
    }


def test_thresholds_that_the_rows_suggest_stay_beside_those_of_the_old_project(old: Path) -> None:
    decide = Decisions(accept)
    answers = taken_over(parcels("regression"), from_mlops_stacks(old), decide)
    assert [each.metric for each in answers.thresholds] == [
        *("max_error", "mean_absolute_error", "r2_score", "root_mean_squared_error")
    ]
    assert {line.reason for line in decide.lines} == {"as in the project of MLOps Stacks"}


def test_numbers_that_the_rows_contradict_are_said(old: Path) -> None:
    decide, found = Decisions(accept), from_mlops_stacks(old)
    change = {"threshold": 2.0, "metric": "mean_absolute_error", "greater_is_better": False}
    taken_over(parcels("regression", thresholds=(change,), metric_to_monitor="mean_average_error"), found, decide)
    reasons = {line.what: line.reason for line in decide.lines}
    assert reasons["mean_absolute_error"] == "as in the project of MLOps Stacks; the rows suggest 2"
    assert "mean_absolute_error is 4.5, as in the project of MLOps Stacks; the rows suggest 2." in found.warnings
    assert any(warning.startswith("metric_violation_threshold is 6.5") for warning in found.warnings)


def test_metrics_of_another_kind_of_problem_are_left(old: Path) -> None:
    found, before = from_mlops_stacks(old), parcels("binary")
    answers = taken_over(before, found, Decisions(accept))
    assert (answers.thresholds, answers.metric_to_monitor) == (before.thresholds, before.metric_to_monitor)
    assert answers.metric_violation_threshold == before.metric_violation_threshold
    left = [move.what for move in found.moved]
    assert "the monitored metric mean_average_error, which is none of binary" in left
    assert "the threshold of max_error, 48, of another kind of problem" in left


def test_the_new_model_is_called_as_the_old_one(old: Path) -> None:
    answers = taken_over(parcels("regression"), from_mlops_stacks(old), Decisions(accept))
    assert answers.model_name == "late_parcels_model"


def test_no_project_is_one_sentence(tmp_path: Path) -> None:
    done = run("churn", "--from-mlops-stacks", tmp_path / "gone", "--yes", "--root", tmp_path)
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "is no folder: name the one of an MLOps Stacks project." in done.output
