"""The whole graph with labels of another table, which come in three deliveries: truth is pandas and scikit-learn."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from deltalake import DeltaTable
from sklearn import metrics

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.cli.run import run_pipeline
from mlops_core.config import Target, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import adapters
from mlops_core_tests.fraud import sample
from mlops_core_tests.fraud.orders import WITHIN
from mlops_core_tests.fraud.project import PROJECT, write_bundle

pytestmark = pytest.mark.slow

DELIVERED = (date(2024, 2, 12), date(2024, 2, 26), sample.LAST)
"""The last day of labels of each delivery."""
HOLDOUT_DAYS = 10
PREDICTED_FROM = DELIVERED[0] - WITHIN - timedelta(days=HOLDOUT_DAYS)
"""The first day that the first training holds out."""


def target_in(folder: Path) -> Target:
    write_bundle(folder)
    last_day = {"last_day": sample.LAST, "first_predicted_day": PREDICTED_FROM}
    stated = {"state_folder": folder / "state", "first_day": sample.FIRST, **last_day}
    environ = {f"BUNDLE_VAR_{name}": str(value) for name, value in stated.items()}
    found = load_target(PROJECT, "local", environ=environ, folder=folder)
    workflow = {"holdout_days": HOLDOUT_DAYS, "hyperparameters": {}}
    return found.model_copy(update={"model_workflow": found.model_workflow.model_copy(update=workflow)})


class Deliveries:
    """A run of everything after the first delivery of labels, and of what new labels need after each other one."""

    def __init__(self, folder: Path) -> None:
        self.placed = sample.orders()
        self.told = sample.chargebacks(self.placed)
        self.target, self.instance = target_in(folder), dg.DagsterInstance.ephemeral()
        with adapters(PROJECT, self.target, "model_registry") as resources:
            self.registry: ModelRegistry = resources.model_registry
        source = folder / "chargebacks"
        source.mkdir()
        self.placed.drop(columns="is_stolen").to_parquet(folder / "orders.parquet", index=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ORDERS_PATH", str(folder / "orders.parquet"))
            patch.setenv("CHARGEBACKS_PATH", str(source))
            self._deliver(source, None, DELIVERED[0])
            self.results = run_pipeline(PROJECT, self.target, self.registry, self.instance)
            self.at_first, self.champion = self.table("orders"), self.registry.at_alias("champion")
            for last, day in pairwise(DELIVERED):
                self._deliver(source, last, day)
                self.run("feature_engineering_job", days(last + timedelta(days=1), day))
            self.run("monitoring_job", days(PREDICTED_FROM, sample.LAST))
            trained = self.run("model_training_job")
        self.candidate = self.registry.output_of(trained.run_id, "candidate")

    def run(self, job: str, days: list[str] | None = None) -> dg.ExecuteInProcessResult:
        """Run a job by its name without a prefix, for all of `days` at once."""
        definition = definitions_of(PROJECT, self.target).resolve_job_def(PROJECT.named(job))
        ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        tags = dict(zip(ends, (days[0], days[-1]), strict=True)) if days else {}
        return definition.execute_in_process(instance=self.instance, tags=tags)

    def _deliver(self, source: Path, after: date | None, until: date) -> None:
        day = self.told.reported_at.dt.date
        new = self.told[(day <= until) & (day > (after or date.min))]
        new.to_parquet(source / f"{until}.parquet", index=False)

    def table(self, name: str) -> pd.DataFrame:
        """The table, read without any code of the project."""
        return DeltaTable(self.target.state_path / "warehouse" / self.target.schema_name / name).to_pandas()

    def labels(self, until: date) -> pd.DataFrame:
        """`known_at` and the label of each order with one, by pandas, when labels were delivered until a day."""
        told = self.told[self.told.reported_at.dt.date <= until]
        firsts = told.groupby(told.reported_at.dt.date).reported_at.min()
        deadline = (self.placed.ordered_at + WITHIN).dt.date
        after = [firsts[firsts.index > day].iloc[:1].tolist() for day in deadline]
        known = pd.Series([each[0] if each else pd.NaT for each in after], dtype="datetime64[us]")
        last = told.groupby("order_id").is_fraud.last()
        labels = self.placed[["order_id"]].assign(label=self.placed.order_id.map(last).fillna(0), known=known)
        return labels[known.notna()]


def days(first: date, last: date) -> list[str]:
    return [str(day.date()) for day in pd.date_range(first, last)]


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Deliveries:
    return Deliveries(tmp_path_factory.mktemp("fraud"))


@pytest.mark.parametrize("nth", [0, 2], ids=["first", "third"])
def test_orders_have_the_labels_that_were_delivered(deliveries: Deliveries, nth: int) -> None:
    """Later deliveries were taken by runs of their own days only."""
    orders = deliveries.at_first if nth == 0 else deliveries.table("orders")
    assert sorted(orders.order_id) == sorted(deliveries.placed.order_id)
    known = orders[orders.is_fraud.notna()].sort_values("order_id")
    expected = deliveries.labels(DELIVERED[nth])
    assert known.order_id.tolist() == expected.order_id.tolist()
    assert known.is_fraud.tolist() == expected.label.tolist()
    assert known.label_known_at.dt.tz_localize(None).tolist() == expected.known.tolist()
    assert orders[orders.is_fraud.isna()].label_known_at.isna().all()


def test_orders_are_predicted_before_their_label_is_known(deliveries: Deliveries) -> None:
    predictions = deliveries.table("predictions")
    waiting = deliveries.at_first[deliveries.at_first.is_fraud.isna()]
    assert set(waiting.order_id) <= set(predictions.order_id) and waiting.day.max() == sample.LAST


def test_what_was_held_out_is_measured_on_the_labels_of_then(deliveries: Deliveries) -> None:
    record, measured = deliveries.champion.record, deliveries.registry.run_metrics(deliveries.champion)
    known = deliveries.labels(DELIVERED[0]).merge(deliveries.table("predictions"), on="order_id")
    held_out = known[known.day.between(record.held_out_from, record.held_out_until)]
    assert record.held_out_until == DELIVERED[0] - WITHIN - timedelta(days=1)
    assert measured["example_count"] == len(held_out) > 500
    assert measured["log_loss"] == pytest.approx(metrics.log_loss(held_out.label, held_out.prediction))
    assert measured["roc_auc"] == pytest.approx(metrics.roc_auc_score(held_out.label, held_out.prediction))


def test_each_day_is_measured_when_its_labels_have_come(deliveries: Deliveries) -> None:
    profile = deliveries.table("inference_profile_metrics")
    measured = profile[(profile.column_name == ":table") & profile.slice_key.isna()].set_index("day")
    known = deliveries.labels(DELIVERED[2]).merge(deliveries.table("predictions"), on="order_id")
    assert (
        measured[measured.labelled_count > 0].index.max() == known.day.max() == sample.LAST - WITHIN - timedelta(days=1)
    )
    for day, rows in known.groupby("day"):
        assert measured.loc[day, "labelled_count"] == len(rows) == measured.loc[day, "count"]
        assert measured.loc[day, "log_loss"] == pytest.approx(metrics.log_loss(rows.label, rows.prediction))


def test_the_next_training_learns_from_the_labels_that_came(deliveries: Deliveries) -> None:
    first, second = deliveries.champion.record, deliveries.candidate.record
    assert second.held_out_until == sample.LAST - WITHIN - timedelta(days=1)
    assert second.held_out_from == second.held_out_until - timedelta(days=HOLDOUT_DAYS - 1)
    assert (
        second.tables["orders"] > first.tables["orders"] and second.tables["chargebacks"] > first.tables["chargebacks"]
    )
    assert first.leak_check == second.leak_check == "passed"


def test_windows_of_labels_hold_what_was_decided_before_their_end(deliveries: Deliveries) -> None:
    labels = deliveries.labels(DELIVERED[2]).merge(deliveries.placed, on="order_id")
    features = deliveries.table("merchant_frauds")
    for _, row in features.sample(40, random_state=0).iterrows():
        end = row.ts.tz_localize(None)
        seen = labels[
            (labels.merchant == row.merchant) & (labels.known >= end - timedelta(days=7)) & (labels.known < end)
        ]
        assert (row.decided_7d, row.fraud_share_7d) == (len(seen), pytest.approx(seen.label.mean(), abs=1e-6))


def test_its_checks_pass(deliveries: Deliveries) -> None:
    evaluations = [found for result in deliveries.results.values() for found in result.get_asset_check_evaluations()]
    assert "chargebacks_meet_orders" in {found.check_name for found in evaluations}
    failed = {found.check_name for found in evaluations if not found.passed}
    assert failed <= {"features_have_not_drifted", "predictions_have_not_drifted", "labels_arrive"}
