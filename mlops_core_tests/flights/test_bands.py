"""The whole graph on bands of the delay: a label of texts, one of which never occurred."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core_tests.flights import sample
from mlops_core_tests.flights.bands import BAND, BANDS
from mlops_core_tests.flights.test_pipeline import Flights

OCCURRED = ["early", "on time", "late"]
MONITORED = {"metric_to_monitor": "recall_on_time", "metric_violation_threshold": 0.5}


class Banded(Flights):
    """A run of everything, and a second training."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, sample.flights("generated"), BANDS, monitoring_workflow=MONITORED)
        self.definitions = definitions_of(BANDS, self.target)
        self.again = self.run("model_training_job")
        self.history = [self.registry.at_alias("champion").version]
        asked = {"version": 1, "rolled_back_by": "Ada", "reason": "to see it predict"}
        self.run("rollback_job", {"ops": {"bands__roll_back": {"config": asked}}})
        self.history.append(self.registry.at_alias("champion").version)

    def run(self, job: str, config: Mapping[str, object] | None = None) -> dg.ExecuteInProcessResult:
        found = self.definitions.resolve_job_def(f"bands_{job}")
        return found.execute_in_process(instance=self.instance, run_config=config)

    @property
    def bands(self) -> pd.Series:
        """Band of each flight, by pandas from the source."""
        delay = self.rows.set_index("flight_id")["arr_delay"]
        cut = pd.cut(delay, [-np.inf, -0.5, 15, 1440, np.inf], labels=list(BAND.classes))
        return cut.astype(object)

    def scored(self) -> pd.DataFrame:
        predictions = self.table("predictions")
        return predictions.assign(band=predictions.flight_id.map(self.bands)).dropna(subset="band")

    def checks(self, result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
        return {found.check_name: found for found in result.get_asset_check_evaluations()}


@pytest.fixture(scope="module")
def banded(tmp_path_factory: pytest.TempPathFactory) -> Banded:
    return Banded(tmp_path_factory.mktemp("bands"))


def probabilities(rows: pd.DataFrame) -> np.ndarray:
    """Of the bands that occurred, in the order of scikit-learn: by their names."""
    return np.array([[dict(each)[name] for name in sorted(OCCURRED)] for each in rows.class_probabilities])


def test_every_flight_of_the_days_held_out_has_its_likeliest_band(banded: Banded) -> None:
    predictions = banded.table("predictions")
    asked = banded.rows[banded.rows.day >= date(2013, 2, 4)]
    assert sorted(predictions.flight_id) == sorted(asked.flight_id)
    given = probabilities(predictions)
    np.testing.assert_allclose(given.sum(axis=1), 1)
    assert predictions.prediction.tolist() == [sorted(OCCURRED)[place] for place in given.argmax(axis=1)]
    assert predictions.predicted_probability.tolist() == given.max(axis=1).tolist()
    assert {dict(each)["a day late"] for each in predictions.class_probabilities} == {0.0}


def test_what_training_measured_is_what_scikit_learn_makes_of_the_predictions(banded: Banded) -> None:
    scored, measured = banded.scored(), banded.registry.run_metrics(banded.registry.get(1))
    given = probabilities(scored)
    assert measured["log_loss"] == pytest.approx(sk.log_loss(scored.band, given, labels=sorted(OCCURRED)))
    assert measured["accuracy_score"] == pytest.approx(sk.accuracy_score(scored.band, scored.prediction))
    assert measured["f1_macro"] == pytest.approx(sk.f1_score(scored.band, scored.prediction, average="macro"))
    auc = sk.roc_auc_score(scored.band, given, multi_class="ovr", labels=sorted(OCCURRED))
    assert measured["roc_auc_macro"] == pytest.approx(auc)
    recall = sk.recall_score(scored.band, scored.prediction, labels=["late"], average=None)
    assert measured["recall_late"] == pytest.approx(recall.item())


def test_the_constant_is_the_share_of_each_band_in_the_training_rows(banded: Banded) -> None:
    measured = banded.registry.run_metrics(banded.registry.get(1))
    landed = banded.rows.set_index("flight_id").landed_at
    shares = banded.bands[landed < "2013-02-04"].value_counts(normalize=True)
    given = np.tile([shares[name] for name in sorted(OCCURRED)], (len(banded.scored()), 1))
    expected = sk.log_loss(banded.scored().band, given, labels=sorted(OCCURRED))
    assert measured["log_loss_of_constant"] == pytest.approx(expected)


def test_each_day_is_what_scikit_learn_makes_of_the_bands_that_came(banded: Banded) -> None:
    profile, scored = banded.table("inference_profile_metrics"), banded.scored()
    days = profile[(profile.column_name == ":table") & profile.slice_key.isna()].set_index("day")
    assert len(days) == 3
    for day, rows in scored.groupby("day"):
        found = days.loc[day]
        assert found["labelled_count"] == len(rows) < found["count"]  # some were cancelled
        assert found["accuracy_score"] == pytest.approx(sk.accuracy_score(rows.band, rows.prediction))
        assert found["log_loss"] == pytest.approx(sk.log_loss(rows.band, probabilities(rows), labels=sorted(OCCURRED)))
        assert dict(found["label_shares"]) == pytest.approx(rows.band.value_counts(normalize=True).to_dict())


def test_prediction_and_band_are_described_and_compared_as_classes(banded: Banded) -> None:
    drift, profile = banded.table("inference_drift_metrics"), banded.table("inference_profile_metrics")
    for name in ("prediction", "band"):
        rows = drift[(drift.column_name == name) & (drift.drift_type == "BASELINE")]
        assert len(rows) == 3 and set(rows.data_type) == {"string"}
        assert rows.chi_squared_test.notna().all() and rows.ks_test.isna().all()
    shares = banded.scored().groupby("day").band.value_counts(normalize=True).unstack()
    before = banded.bands[banded.rows.set_index("flight_id").landed_at < "2013-02-04"].value_counts(normalize=True)
    apart = (shares - before).abs().max(axis=1)
    found = drift[(drift.column_name == "band") & (drift.drift_type == "BASELINE")].set_index("day")
    assert found.l_infinity_distance.to_dict() == pytest.approx(apart.to_dict())
    described = profile[profile.column_name == "prediction"]
    assert described.avg.isna().all() and described["quantiles"].isna().all()


def test_a_window_counts_bands(banded: Banded) -> None:
    """The newest window that ended at or before the departure, by pandas on the flights as they were delivered."""
    flights, predictions = banded.rows.assign(band=banded.bands.to_numpy()), banded.table("predictions")
    for _, row in predictions.sample(30, random_state=0).iterrows():
        end = row.scheduled_departure.tz_localize(None).floor("15min")
        within = (flights.landed_at >= end - pd.Timedelta(hours=3)) & (flights.landed_at < end)
        seen = flights[within & (flights.origin == row.origin)].band.dropna()
        assert row.origin_early_3h == (seen == "early").sum()
        assert row.origin_late_3h == pytest.approx((seen == "late").mean(), abs=1e-6)


def test_a_version_says_which_classes_it_answers_in_which_order(banded: Banded) -> None:
    assert banded.registry.get(1).record.answered_classes == ("early", "late", "on time")


def test_the_gate_judges_and_a_second_version_follows_the_champion(banded: Banded) -> None:
    first, again = banded.checks(banded.results["model_training_job"]), banded.checks(banded.again)
    assert first["features_are_known_in_time"].passed and first["candidate_beats_constant"].passed
    assert "recall_late of the held-out flights is 0." in (first["recall_late_within_threshold"].description or "")
    scored = banded.scored()
    right = ((scored.prediction == "late") == (scored.band == "late")).mean()
    assert first["right_if_late_within_threshold"].metadata["value"].value == pytest.approx(right, rel=1e-4)
    assert again["candidate_beats_champion"].passed
    shadow = again["predicts_what_the_champion_predicted"]
    assert shadow.passed and shadow.metadata["missing"].value == 0
    heads, _, *days = str(shadow.metadata["differences"].value).splitlines()
    assert [cell.strip() for cell in heads.strip("|").split("|")][-2:] == ["mean_absolute_difference", "changed_share"]
    assert len(days) == 3 and all(day.endswith("| 0 | 0 | 0 |") for day in days)  # the same rows make the same model
    assert banded.history == [2, 1]  # and back by hand
    assert banded.registry.get(2).record.validated_against == "1"


def test_a_day_is_judged_and_a_training_asked_for_by_the_metric_of_one_class(banded: Banded) -> None:
    found = banded.checks(banded.results["monitoring_job"])["metric_within_threshold"]
    assert not found.passed
    assert "recall_on_time is below 0.5 in 3 of the last 3 days" in (found.description or "")
    sensor = banded.definitions.get_repository_def().get_sensor_def("bands_retraining_sensor")
    ticked = sensor.evaluate_tick(
        dg.build_sensor_context(banded.instance, repository_def=banded.definitions.get_repository_def())
    )
    (request,) = ticked.run_requests or []
    assert request.tags["retraining/metric"] == "recall_on_time"


def test_the_page_of_a_day_speaks_of_classes(banded: Banded) -> None:
    (file,) = (banded.target.state_path / "monitoring").rglob(f"{sample.LAST}.html")
    page = file.read_text()
    heads = re.findall("<th>(.*?)</th>", page)
    for title in ("Accuracy", "Log loss", "Mean precision of the classes", "Recall of on time"):
        assert title in heads
    assert "Predicted share over time, up to" in page and "Class share over time, up to" in page
    assert "The 10 worst slices by Recall of on time" in page


@pytest.mark.parametrize("target", ["local", "dev"])
def test_its_definitions_load(target: str) -> None:
    dg.Definitions.validate_loadable(definitions_of(BANDS, load_target(BANDS, target, environ={})))
