"""What docs/project-overview.md promises: each of these changes is made in one file of a copy, which then runs.

Runs take changes together that do not touch each other, and each test looks at what one of them has made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from my_mlops_stacks_tests.repository import copy_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # seconds, on a machine that is busy

FEATURE = "mean_minutes_window_1h_pickup_zip"
LOOK = """
import json, sys
import dagster as dg
from mlops_core.cli.run_history import local_instance
from pathlib import Path
from my_mlops_stacks.project import PROJECT

instance = local_instance(Path(sys.argv[1]), PROJECT)
told = {}
for key in instance.all_asset_keys():
    event = instance.get_latest_materialization_event(key)
    told[key.to_user_string()] = {
        name: str(value.value) for name, value in (event.asset_materialization.metadata if event else {}).items()
    }
checks = {}
for record in instance.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION), limit=200):
    evaluation = record.event_log_entry.dagster_event.event_specific_data
    checks.setdefault(evaluation.check_name, (evaluation.passed, str(evaluation.metadata.get("report", ""))))
print(json.dumps([told, checks]))
"""


class Copy:
    """A copy of the repository, with the pipeline in it run on a few generated trips."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / ".local"
        copy_files(folder)

    def change(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert text.count(old) == 1
        (self.folder / file).write_text(text.replace(old, new))

    def run(self, *call: str) -> str:
        environ = {**os.environ, "PYTHONPATH": str(self.folder), "DAGSTER_HOME": str(self.state / "dagster")}
        command = [sys.executable, *call]
        done = subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @cached_property
    def made(self) -> tuple[dict, dict]:
        """Metadata of each asset, and outcome and report of each check, of the pipeline, run when first asked."""
        self.run("-m", "my_mlops_stacks")
        told, checks = json.loads(self.run("-c", LOOK, str(self.state / "dagster")).splitlines()[-1])
        return told, checks

    def rows(self, table: str, columns: list[str] | None = None) -> pd.DataFrame:
        (found,) = (self.state / "warehouse").glob(f"*/{table}")
        return DeltaTable(found).to_pandas(columns=columns)

    def columns(self, table: str) -> list[str]:
        (found,) = (self.state / "warehouse").glob(f"*/{table}")
        return [field.name for field in DeltaTable(found).schema().fields]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "copy")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("extended"))
    for add in (add_window_feature, add_slice, add_metric, add_feature_table):
        add(copy)
    return copy


@pytest.fixture(scope="module")
def other_trips(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("other_trips"))
    change_label(copy)
    add_check_on_events(copy)
    return copy


def add_window_feature(copy: Copy) -> None:
    copy.change(
        "my_mlops_stacks/feature_engineering/features/pickup_features.py",
        "    aggregates=(\n",
        "    aggregates=(\n"
        f'        Mean("{FEATURE}", "Mean duration of these trips", unit="min",\n'
        '             of="(unix_seconds(tpep_dropoff_datetime) - unix_seconds(tpep_pickup_datetime)) / 60"),\n',
    )


def test_a_window_feature_is_one_file(extended: Copy) -> None:
    told, checks = extended.made
    assert FEATURE in extended.columns("trip_pickup_features")
    assert FEATURE in extended.columns("predictions")
    assert FEATURE in told["trip_pickup_features"]["dagster/column_schema"]
    assert "in min" in told["trip_pickup_features"]["dagster/column_schema"]
    lineage = told["trip_pickup_features"]["dagster/column_lineage"]
    assert "tpep_pickup_datetime" in lineage[lineage.index(FEATURE) :].split(")], '")[0]
    assert FEATURE in told["predictions"]["dagster/column_lineage"]
    (drift,) = (extended.state / "warehouse").glob("*/inference_drift_metrics")
    assert FEATURE in set(DeltaTable(drift).to_pandas(columns=["column_name"])["column_name"])
    assert checks["features_are_known_in_time"][0]
    signature = "\n".join(file.read_text() for file in extended.state.rglob("MLmodel"))
    assert FEATURE in signature or FEATURE in "\n".join(
        f.read_text() for f in extended.state.rglob("feature_spec.yaml")
    )


def test_a_window_feature_that_leaks_stops_the_model_though_nobody_told_of_it(copy: Copy) -> None:
    """By the pickup instead of the drop-off, fares of trips under way are known."""
    copy.change(
        "my_mlops_stacks/feature_engineering/features/pickup_features.py",
        "    length=timedelta(hours=1),\n",
        "    at=TRIPS.event_time,\n    length=timedelta(hours=1),\n",
    )
    with pytest.raises(AssertionError, match="features know the future"):
        _ = copy.made


def add_slice(copy: Copy) -> None:
    copy.change(
        "my_mlops_stacks/monitoring/slices.py",
        "SLICES = (\n",
        'SLICES = (\n    ByValue("arrival_zip", "dropoff_zip", title="drop-off zip", most=3),\n',
    )


def test_a_slice_is_one_file(extended: Copy) -> None:
    _, checks = extended.made
    assert "By drop-off zip: root_mean_squared_error" in checks["candidate_beats_champion"][1]
    (profile,) = (extended.state / "warehouse").glob("*/inference_profile_metrics")
    rows = DeltaTable(profile).to_pandas(columns=["slice_key", "slice_value", "count"])
    zips = rows[rows["slice_key"] == "arrival_zip"]
    assert zips["slice_value"].nunique() > 3
    assert zips["count"].sum() == rows[rows["slice_key"] == "pickup_hour"]["count"].sum()


def add_metric(copy: Copy) -> None:
    file = "my_mlops_stacks/validation/validation.py"
    copy.change(
        file,
        "    return {\n",
        '    return {\n        "share_within_two": MetricThreshold(threshold=0.1, greater_is_better=True),\n',
    )
    copy.change(
        file,
        "    return [make_metric(",
        "    def share_within_two(predictions, targets):\n"
        "        return float(((predictions - targets).abs() <= 2).mean())\n\n"
        "    share = make_metric(eval_fn=share_within_two, greater_is_better=True, name='share_within_two')\n"
        "    return [share, make_metric(",
    )


def test_a_metric_with_a_threshold_is_one_file(extended: Copy) -> None:
    _, checks = extended.made
    assert checks["share_within_two_within_threshold"][0]


TRIPS = "my_mlops_stacks/ingestion/trips.py"


def change_label(copy: Copy) -> None:
    copy.change(TRIPS, '            unit="USD",\n', '            unit="USD",\n            known_late=True,\n')
    copy.change(
        TRIPS,
        '        Column("pickup_zip"',
        '        Column("total", "double", "Fare and fee", unit="USD", computed_by="fare_amount + 2.5"),\n'
        '        Column("pickup_zip"',
    )
    copy.change(TRIPS, 'label="fare_amount"', 'label="total"')


def test_another_label_is_one_file(other_trips: Copy) -> None:
    told, checks = other_trips.made
    assert "`total`" in told["predictions"]["dagster/column_schema"]
    assert checks["candidate_beats_champion"][0] and checks["features_are_known_in_time"][0]
    trips, predictions = (other_trips.rows(table) for table in ("trips", "predictions"))
    both = predictions.merge(trips, on=["tpep_pickup_datetime", "pickup_zip", "dropoff_zip", "trip_distance"])
    assert (trips.total - trips.fare_amount).dropna().round(9).eq(2.5).all()
    assert (both.prediction - both.fare_amount).mean() == pytest.approx(2.5, abs=0.5)


def add_check_on_events(copy: Copy) -> None:
    copy.change(TRIPS, "    rules=(\n", '    rules=(\n        RowRule("trip_distance > 8", "too far for a taxi"),\n')
    copy.change("mlops_core/ingestion/quality.py", "MAX_SHARE_OF_A_REASON = 0.01", "MAX_SHARE_OF_A_REASON = 0.5")
    copy.change("mlops_core/ingestion/quality.py", "MAX_REJECTED_SHARE = 0.05", "MAX_REJECTED_SHARE = 0.5")
    copy.change("mlops_core/ingestion/quality.py", "MAX_SHARE_OF_A_DAY = 0.1", "MAX_SHARE_OF_A_DAY = 0.9")


def test_a_check_on_events_is_one_file(other_trips: Copy) -> None:
    assert other_trips.made
    accepted, rejected = other_trips.rows("trips"), other_trips.rows("rejected_trips")
    assert accepted.trip_distance.max() <= 8
    assert rejected[rejected.trip_distance > 8].reason.str.contains("too far for a taxi").all()


SKLEARN = """
def fit(training_rows, parameters):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    inputs = training_rows.drop(columns=[TRIPS.label_column, TRIPS.event_time])
    text = make_column_transformer((OrdinalEncoder(), ["length"]), remainder=SimpleImputer())
    model = HistGradientBoostingRegressor(random_state=0)
    return make_pipeline(text, model).fit(inputs, training_rows[TRIPS.label_column])


def predict(model, rows):
    return model.predict(rows[list(model.feature_names_in_)])


"""


def test_another_library_with_a_text_as_input_is_one_file(copy: Copy) -> None:
    file = copy.folder / "my_mlops_stacks/training/train.py"
    text = file.read_text()
    head, rest = text[: text.index("def as_matrix")], text[text.index("TRAINING = ") :]
    rest = rest.replace('flavor="lightgbm"', 'flavor="sklearn"')
    for unsaid in ("importance", "contributions"):  # this one has none
        rest = rest.replace(f"    {unsaid}={unsaid},\n", "")
    rest = rest.replace('packages=("lightgbm", ', "packages=(")
    length = "CASE WHEN trip_distance > 5 THEN 'long' WHEN trip_distance > 1.5 THEN 'medium' ELSE 'short' END"
    text_input = f'Input("length", "string", "Short, medium or long", expression="{length}")'
    rest = rest.replace('        "trip_distance",\n', f'        "trip_distance",\n        {text_input},\n')
    file.write_text(head + SKLEARN.lstrip("\n") + rest)
    _, checks = copy.made
    assert checks["features_are_known_in_time"][0] and checks["candidate_beats_champion"][0]
    predictions = copy.rows("predictions")
    assert set(predictions.length) == {"short", "medium", "long"}
    assert "sklearn" in "\n".join(file.read_text() for file in copy.state.rglob("MLmodel"))
    drift = copy.rows("inference_drift_metrics", ["column_name", "tv_distance"])
    assert drift[drift.column_name == "length"].tv_distance.notna().any()


def add_feature_table(copy: Copy) -> None:
    (copy.folder / "my_mlops_stacks/feature_engineering/features/route_features.py").write_text(
        "from datetime import timedelta\n\n"
        "from mlops_core.project import Max, WindowTable\n"
        "from my_mlops_stacks.ingestion.trips import TRIPS\n\n"
        "ROUTE_FEATURES = WindowTable(\n"
        '    "route_features",\n    meaning="Longest trips between two zips.",\n    events=TRIPS,\n'
        '    entity={"origin": "pickup_zip", "destination": "dropoff_zip"},\n'
        "    length=timedelta(days=2),\n    slide=timedelta(hours=6),\n"
        '    aggregates=(Max("longest_48h", "Longest trip", of="trip_distance", type="double", unit="mi"),),\n)\n'
    )
    project = "my_mlops_stacks/project.py"
    copy.change(project, "DROPOFF_FEATURES),", "DROPOFF_FEATURES, ROUTE_FEATURES),")
    copy.change(
        project,
        "from my_mlops_stacks.ingestion.trips import TRIPS\n",
        "from my_mlops_stacks.feature_engineering.features.route_features import ROUTE_FEATURES\n"
        "from my_mlops_stacks.ingestion.trips import TRIPS\n",
    )


def test_a_feature_table_is_its_file_and_the_project(extended: Copy) -> None:
    told, checks = extended.made
    assert "longest_48h" in told["route_features"]["dagster/column_schema"]
    assert extended.rows("predictions").longest_48h.notna().any()
    assert checks["features_are_known_in_time"][0]
