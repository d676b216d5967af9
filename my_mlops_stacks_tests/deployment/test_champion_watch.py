"""The sensor that watches the alias champion: what it reports, what it lets be predicted again, what it waits for."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mlops_core.adapters.registry_errors import RegistryUnavailableError
from mlops_core.deployment.watch import BY_HAND, DOUBTFUL, NOTHING, RECORDED, AliasWatch
from my_mlops_stacks_tests.deployment.desk import Desk, materialized_by_a_run

DAYS = {"first_day": "2016-02-20", "last_day": "2016-02-29", "rescore_days": "3"}


@pytest.fixture(scope="module")
def registered(tmp_path_factory) -> Desk:
    """Three versions that passed."""
    made = Desk(tmp_path_factory.mktemp("desk"), **DAYS)
    for _ in range(3):
        made.register()
    return made


@pytest.fixture
def desk(registered) -> Desk:
    """The second version has just become champion after the first; nothing happened before."""
    registered.instance = dg.DagsterInstance.ephemeral()
    registered.hold(challenger=2, champion=1)
    assert registered.promote().success
    return registered


def tick(desk: Desk, cursor: str | None = None) -> SensorExecutionData:
    repository = desk.definitions.get_repository_def()
    context = dg.build_sensor_context(
        desk.instance, cursor=cursor, repository_def=repository, resources={"model_registry": desk.registry}
    )
    ticked = repository.get_sensor_def("champion_sensor").evaluate_tick(context)
    assert bool(ticked.run_requests) != bool(ticked.skip_message)  # a tick asks for a run, or says why not
    return ticked


def seen_twice(desk: Desk, cursor: str | None) -> SensorExecutionData:
    """The tick that reports what the one before it only doubted."""
    doubted = tick(desk, cursor)
    assert not doubted.asset_events and not doubted.run_requests
    assert "reported if the next tick sees it too" in doubted.skip_message
    return tick(desk, doubted.cursor)


def by_hand(desk: Desk, version: int) -> None:
    desk.client.set_registered_model_alias(desk.registry.model, "champion", str(version))


def test_a_champion_that_was_moved_by_hand_is_noticed_once(desk):
    known = tick(desk)
    assert not known.run_requests and not known.asset_events
    by_hand(desk, 3)
    moved = seen_twice(desk, known.cursor)
    (event,) = moved.asset_events
    assert event.description == "Version 3 is champion; Dagster had made it version 2"
    assert event.metadata["moved"].value == "outside of Dagster"
    (request,) = moved.run_requests
    assert request.tags["dagster/asset_partition_range_start"] == "2016-02-27"
    assert request.tags["dagster/asset_partition_range_end"] == "2016-02-29"
    assert "Nothing moved" in tick(desk, moved.cursor).skip_message


def test_a_move_back_and_the_same_move_again_are_moves_of_their_own(desk):
    cursor, keys, told = tick(desk).cursor, [], []
    for version in (3, 2, 3):
        by_hand(desk, version)
        moved = seen_twice(desk, cursor)
        cursor = moved.cursor
        told += [event.description for event in moved.asset_events]
        keys += [request.run_key for request in moved.run_requests]
    assert told == [
        "Version 3 is champion; Dagster had made it version 2",
        "Version 2 is champion again; by hand it had been version 3",
        "Version 3 is champion; Dagster had made it version 2",
    ]
    assert len(set(keys)) == 3  # the daemon drops a request with a key that it has seen


def test_an_alias_that_moved_just_before_its_entry_was_written_is_no_move_by_hand(desk):
    known = tick(desk)
    by_hand(desk, 3)  # a promotion has moved the alias, and is about to write the history
    early = tick(desk, known.cursor)
    assert not early.asset_events
    entry = {"model_name": desk.registry.model, "version": 3}
    materialized_by_a_run(desk.instance, dg.AssetMaterialization("champion", metadata=entry))
    written = tick(desk, early.cursor)
    assert not written.asset_events and not written.run_requests
    assert "Nothing moved" in tick(desk, written.cursor).skip_message


def test_an_alias_that_was_removed_is_reported_and_nothing_is_predicted_again(desk):
    known = tick(desk)
    desk.client.delete_registered_model_alias(desk.registry.model, "champion")
    moved = seen_twice(desk, known.cursor)
    (event,) = moved.asset_events
    assert event.metadata["moved"].value == "alias removed"
    assert event.description == "Nobody is champion any more; Dagster had made it version 2"
    assert not moved.run_requests
    assert "Nothing moved" in tick(desk, moved.cursor).skip_message


@pytest.mark.parametrize("delete", ["wipe", "newest run", "all runs"])
def test_history_that_was_deleted_is_no_move_and_hides_none(desk, delete):
    desk.hold(challenger=3, champion=2)
    assert desk.promote().success
    known = tick(desk)
    if delete == "wipe":
        desk.instance.wipe_assets([dg.AssetKey("champion")])
    for run in desk.instance.get_runs(limit=1 if delete == "newest run" else None) if delete != "wipe" else ():
        desk.instance.delete_run(run.run_id)
    cursor = known.cursor
    for _ in range(3):
        quiet = tick(desk, cursor)
        assert "Nothing moved" in quiet.skip_message and not quiet.asset_events
        cursor = quiet.cursor
    by_hand(desk, 2)  # even where the entry that is left says so
    moved = seen_twice(desk, cursor)
    assert len(moved.asset_events) == 1
    desk.hold(challenger=1, champion=2)
    assert desk.promote().success
    promoted = tick(desk, moved.cursor)
    assert not promoted.asset_events and "Nothing moved" in tick(desk, promoted.cursor).skip_message


def test_champions_of_other_targets_and_reports_by_hand_are_not_its_history(desk):
    known = tick(desk)
    for number in range(12):
        other = {"model_name": "another.fare_model", "version": number}
        materialized_by_a_run(desk.instance, dg.AssetMaterialization("champion", metadata=other))
    own = {"model_name": desk.registry.model, "version": 3}
    for reported in ({}, own):
        desk.instance.report_runless_asset_event(dg.AssetMaterialization("champion", metadata=reported))
    assert "Nothing moved" in tick(desk, known.cursor).skip_message


def test_where_no_rescoring_is_asked_for_a_move_is_only_reported(desk):
    quiet = desk.with_variables()
    quiet.instance = desk.instance
    by_hand(quiet, 1)
    moved = seen_twice(quiet, "version 2, recorded in run x")  # the cursor of an earlier release
    assert len(moved.asset_events) == 1 and not moved.run_requests


def test_before_the_first_champion_there_is_nothing_to_see(registered):
    desk = registered
    desk.instance = dg.DagsterInstance.ephemeral()
    desk.hold()
    assert "No version is champion yet" in tick(desk).skip_message


def test_a_registry_that_is_away_is_named(desk, monkeypatch):
    def away(*_: object) -> None:
        raise MlflowException("API request failed with error code 503")

    monkeypatch.setattr(MlflowClient, "get_model_version_by_alias", away)
    with pytest.raises(RegistryUnavailableError, match="did not answer as it should"):
        tick(desk)


def test_what_two_ticks_agree_on_is_a_move_by_hand():
    told, watch = AliasWatch().observe(1, 1, "a")
    assert (told, watch.moves) == (RECORDED, 1)
    assert watch.observe(1, 1, "a")[0] == NOTHING
    told, doubting = watch.observe(2, 1, "a")
    assert told == DOUBTFUL and (doubting.version, doubting.moves) == (1, 1)
    assert doubting.observe(3, 1, "a")[0] == DOUBTFUL  # it has moved on meanwhile
    assert doubting.observe(2, 2, "b")[0] == RECORDED
    told, moved = doubting.observe(2, 1, "a")
    assert (told, moved) == (BY_HAND, AliasWatch(2, "a", 2))
    assert AliasWatch.read(moved.written(), "") == moved
    calmed = doubting.observe(1, 1, "a")[1]
    assert calmed.observe(2, 1, "a")[0] == DOUBTFUL  # once more, long after: again a first sight
