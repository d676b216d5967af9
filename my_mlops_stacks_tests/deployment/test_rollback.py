"""Going back with models that really predict: what is checked, what moves, what is written, and after every crash."""

from __future__ import annotations

import json
import re
import shutil

import dagster as dg
import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient

from my_mlops_stacks_tests.deployment.acts import (
    WHO,
    NoLongTrips,
    ledger,
    predictions_of,
    promoted,
    reason,
    rolled_back,
    run,
    validated,
)
from my_mlops_stacks_tests.gate import FIRST_DAY, LAST_DAY, NEIGHBOURS, Constant, NeighboursFare


def test_a_rollback_gives_the_alias_back_and_asks_for_the_days_again(gate):
    good, bad = promoted(gate, Constant(12.0)), promoted(gate, Constant(99.0))
    assert run(gate, "batch_inference_job", (FIRST_DAY, LAST_DAY)).success
    spoilt = predictions_of(gate, bad)
    assert set(spoilt["prediction"]) == {99.0}
    result = rolled_back(gate, good, rescore_from="2016-02-27")
    assert result.success
    [op] = gate.definitions.resolve_job_def("rollback_job").nodes
    reported = [event.asset_key for event in result.all_events if event.is_step_materialization]
    assert [key.to_user_string() for key in reported] == json.loads(op.tags["databricks/reports"])
    held = gate.aliases()
    assert (held["champion"], held["previous_champion"]) == (good.version, bad.version)
    entry = ledger(gate)
    assert entry["rollback"] and (entry["from_version"], entry["version"]) == (bad.version, good.version)
    assert (entry["decided_by"], entry["reason"]) == ("Ada", "it predicts nonsense")
    offered = entry["from_version_predicted_since"], entry["from_version_predicted_until"]
    assert offered == (str(spoilt["day"].min()), str(spoilt["day"].max()))
    repository = gate.definitions.get_repository_def()
    context = dg.build_sensor_context(
        gate.instance, repository_def=repository, resources={"model_registry": gate.registry}
    )
    (request,) = repository.get_sensor_def("champion_sensor").evaluate_tick(context).run_requests
    days = [request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")]
    assert days == ["2016-02-27", LAST_DAY]
    assert run(gate, "batch_inference_job", tuple(days)).success
    again = predictions_of(gate, good)
    assert set(again["prediction"]) == {12.0} and str(again["day"].min()) == "2016-02-27"
    pd.testing.assert_frame_equal(predictions_of(gate, bad), spoilt)


def test_what_cannot_serve_is_not_rolled_back_to(gate):
    promoted(gate, Constant(12.0))
    silent, failed, gone, unknown = (
        validated(gate, NoLongTrips(12.0)),
        validated(gate, Constant(12.0), validation_status="failed"),
        validated(gate, Constant(12.0)),
        validated(gate, Constant(12.0)),
    )
    shutil.rmtree(mlflow.artifacts.download_artifacts(gone.uri, tracking_uri=gate.registry.tracking_uri))
    gate.registry.client.delete_run(unknown.run_id)
    before = gate.aliases()
    sentences = {
        silent.version: r"has no prediction for \d+ of 100 trips: no alias was moved",
        failed.version: "its validation_status is 'failed'",
        gone.version: f"Version {gone.version} can't be scored: choose another version; no alias was moved",
        unknown.version: f"mlflow runs restore --run-id {unknown.run_id}.*no alias was moved",
        999: "fare_model has no version 999",
    }
    for version, sentence in sentences.items():
        text = reason(rolled_back(gate, version))
        assert re.search(sentence, text), text
        assert gate.aliases() == before


def test_a_version_whose_feature_is_gone_is_not_rolled_back_to(gate, without_neighbours):
    version = validated(gate, NeighboursFare(), NEIGHBOURS)
    before = gate.aliases()
    with without_neighbours():
        text = reason(rolled_back(gate, version))
    assert "no longer has ['mean_fare_window_1h_pickup_zip']" in text and "choose another version" in text
    assert gate.aliases() == before


def test_who_is_champion_already_is_nothing_to_go_back_to(gate):
    champion = promoted(gate, Constant(12.0))
    text = reason(rolled_back(gate, champion))
    assert f"Version {champion.version} is champion already, since the run" in text
    assert text.startswith("mlops_core.defs.refusals.Refused: ")  # the sentence comes first, before any call


def test_a_champion_of_before_the_leak_check_may_come_back_and_no_other_version(gate):
    old, bad = promoted(gate, Constant(12.0)), promoted(gate, Constant(99.0))
    never = validated(gate, Constant(12.0))
    for version in (old, never):
        gate.registry.client.delete_model_version_tag(version.name, str(version.version), "leak_check")
    assert "its leak_check is missing" in reason(rolled_back(gate, never))
    assert gate.aliases()["champion"] == bad.version
    assert rolled_back(gate, old).success


@pytest.mark.parametrize("left_out", ["version", "rolled_back_by", "reason"])
def test_a_rollback_takes_a_version_a_name_and_a_reason(gate, left_out):
    config = {"version": 1, **WHO}
    del config[left_out]
    with pytest.raises(dg.DagsterInvalidConfigError, match=left_out):
        run(gate, "rollback_job", roll_back=config)


@pytest.mark.parametrize("blank", ["rolled_back_by", "reason"])
def test_a_blank_is_no_name_and_no_reason(gate, blank):
    version, before = promoted(gate, Constant(12.0)), gate.aliases()
    assert blank in reason(rolled_back(gate, version, **{blank: "  "}))
    assert gate.aliases()["champion"] == version.version and before == gate.aliases()


@pytest.mark.parametrize("day", ["2016-13-45", "2016-03-01", "2016-02-23", "yesterday"])
def test_a_day_that_is_not_predicted_is_refused_before_the_alias_moves(gate, day):
    good, bad = promoted(gate, Constant(12.0)), promoted(gate, Constant(99.0))
    text = reason(rolled_back(gate, good, rescore_from=day))
    assert f"rescore_from is '{day}', which is not a predicted day: choose one from {FIRST_DAY}" in text
    assert gate.aliases()["champion"] == bad.version


def test_a_champion_that_was_deleted_is_followed_by_a_rollback(gate):
    good, bad = promoted(gate, Constant(12.0)), promoted(gate, Constant(99.0))
    gate.lose(bad)
    assert rolled_back(gate, good).success
    held = gate.aliases()
    assert (held["champion"], held["previous_champion"]) == (good.version, good.version)
    assert ledger(gate)["from_version"] == f"{bad.version} (deleted)"


def test_a_previous_champion_that_was_deleted_stops_no_rollback_and_no_promotion(gate):
    lost, bad, good = promoted(gate, Constant(12.0)), promoted(gate, Constant(99.0)), validated(gate, Constant(13.0))
    gate.lose(lost)
    assert gate.aliases()["previous_champion"] == lost.version
    assert rolled_back(gate, good).success
    assert gate.aliases()["previous_champion"] == bad.version
    gate.lose(bad)
    last = promoted(gate, Constant(12.0))
    held = gate.aliases()
    assert (held["champion"], held["previous_champion"]) == (last.version, good.version)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("doomed", [1, 2])
def test_a_rollback_that_dies_at_a_move_is_completed_by_doing_it_again(gate, monkeypatch, before, doomed):
    good, bad = promoted(gate, Constant(12.0)), promoted(gate, Constant(99.0))
    real, made = MlflowClient.set_registered_model_alias, []

    def dies(self: MlflowClient, *args: object) -> None:
        made.append(args)
        if not before or len(made) != doomed:
            real(self, *args)
        if len(made) == doomed:
            raise DiedError

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", dies)
        assert not rolled_back(gate, good).success
    assert gate.aliases()["champion"] in (good.version, bad.version)
    assert rolled_back(gate, good).success
    held, entry = gate.aliases(), ledger(gate)
    assert (held["champion"], held["previous_champion"]) == (good.version, bad.version)
    assert (entry["from_version"], entry["version"]) == (bad.version, good.version)


class DiedError(Exception):
    """Stands for the death of the process."""
