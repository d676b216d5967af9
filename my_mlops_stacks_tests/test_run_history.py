"""Runs that `make run` writes are the runs that `make dev` reads."""

from __future__ import annotations

import inspect
import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.workspace.load_target import WorkspaceFileTarget

from mlops_core.cli.run_history import OpenConnectionsEventLogStorage, local_instance
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT


def test_a_plain_instance_reads_what_was_written(tmp_path, monkeypatch):
    days = dg.DailyPartitionsDefinition("2016-01-01", "2016-01-04")

    @dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
    def thing() -> None: ...

    instance = local_instance(tmp_path, PROJECT)
    assert isinstance(instance.event_log_storage, OpenConnectionsEventLogStorage)
    tags = {"dagster/asset_partition_range_start": "2016-01-01", "dagster/asset_partition_range_end": "2016-01-03"}
    result = dg.materialize([thing], instance=instance, tags=tags)

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    reader = dg.DagsterInstance.get()
    assert isinstance(reader.event_log_storage, SqliteEventLogStorage)
    assert reader.get_run_by_id(result.run_id).status == dg.DagsterRunStatus.SUCCESS
    records = reader.fetch_materializations(dg.AssetKey("thing"), limit=10).records
    assert {record.partition_key for record in records} == {"2016-01-01", "2016-01-02", "2016-01-03"}
    written, read = (
        [entry.dagster_event.event_type_value for entry in each.all_logs(result.run_id) if entry.dagster_event]
        for each in (instance, reader)
    )
    assert read == written


def test_a_run_of_this_process_is_one_of_the_code_location(tmp_path, monkeypatch):
    """By the tag that the pages of jobs filter by, and by the origin that a re-execution is sent to."""

    @dg.job
    def feature_engineering_job() -> None: ...

    made = feature_engineering_job.execute_in_process(instance=local_instance(tmp_path, PROJECT))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    reader = dg.DagsterInstance.get()
    assert type(reader.run_storage) is SqliteRunStorage
    of_the_location = dg.RunsFilter(tags={".dagster/repository": "__repository__@my_mlops_stacks"})
    assert [run.run_id for run in reader.get_runs(of_the_location)] == [made.run_id]
    run = reader.get_run_by_id(made.run_id)
    assert run.tags["dagster/code_location"] == "my_mlops_stacks"
    origin = run.remote_job_origin
    assert (origin.job_name, origin.location_name) == ("feature_engineering_job", "my_mlops_stacks")
    assert (
        origin.repository_origin.code_location_origin
        in WorkspaceFileTarget([str(PROJECT.folder.parent / "workspace.yaml")]).create_origins()
    )
    assert (
        definitions_of(PROJECT, load_target(PROJECT, "local")).get_repository_def().name
        == origin.repository_origin.repository_name
    )


def test_the_events_of_many_partitions_are_those_that_dagster_stores_one_by_one(tmp_path, monkeypatch):
    days = dg.DailyPartitionsDefinition("2016-01-01", "2016-01-31")

    @dg.multi_asset(
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        specs=[dg.AssetSpec("one"), dg.AssetSpec("other")],
        check_specs=[dg.AssetCheckSpec("fine", asset="one")],
    )
    def things():
        yield dg.MaterializeResult("one", check_results=[dg.AssetCheckResult(passed=True)])
        yield dg.MaterializeResult("other", metadata={"rows": 1})

    tags = {"dagster/asset_partition_range_start": "2016-01-01", "dagster/asset_partition_range_end": "2016-01-30"}
    told = []
    for size in ("0", "7", "1000"):
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", size)
        instance = local_instance(tmp_path / size, PROJECT)
        run_id = dg.materialize([things], instance=instance, tags=tags).run_id
        reader = dg.DagsterInstance.local_temp(str(tmp_path / size))
        told.append({name: _told(reader, dg.AssetKey(name), run_id) for name in ("one", "other")})
    assert told[0] == told[1] == told[2]
    assert len(told[0]["one"][0]) == 30


def test_a_check_is_planned_for_more_days_than_one_statement_takes(tmp_path):
    days = dg.DailyPartitionsDefinition("2001-01-01", "2016-01-01")

    @dg.asset(
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[dg.AssetCheckSpec("fine", asset="one", partitions_def=days)],
    )
    def one():
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    keys = days.get_partition_keys()
    tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
    instance = local_instance(tmp_path, PROJECT)
    job = dg.Definitions(assets=[one], jobs=[dg.define_asset_job("job", [one])]).resolve_job_def("job")
    run = instance.create_run_for_job(job, tags=tags, asset_selection=frozenset({dg.AssetKey("one")}))
    reader = dg.DagsterInstance.local_temp(str(tmp_path))
    check = dg.AssetCheckKey(dg.AssetKey("one"), "fine")
    records = reader.event_log_storage.get_asset_check_execution_history(check, limit=10_000)
    assert {(record.run_id, record.partition) for record in records} == {(run.run_id, key) for key in keys}
    assert len(records) == len(keys) == 5478


def _told(instance: dg.DagsterInstance, key: dg.AssetKey, run_id: str) -> tuple[object, ...]:
    """What a plain instance reads of an asset and its run: the partitions, the newest of them, and all events."""
    [asset] = instance.get_asset_records([key])
    assert asset.asset_entry.last_run_id == run_id
    newest, made = asset.asset_entry.last_materialization, instance.fetch_materializations(key, limit=100).records
    assert newest.dagster_event == made[0].event_log_entry.dagster_event
    events = [entry.dagster_event for entry in instance.all_logs(run_id)]
    return (
        sorted(record.partition_key for record in made),
        newest.dagster_event.partition,
        sorted((event.event_type_value, str(event.asset_key), str(event.partition)) for event in events if event),
    )


def test_the_private_methods_that_it_builds_on_are_there():
    signatures = {"_event_to_row": ["self", "event"], "_store_asset_event": ["self", "conn", "event", "event_id"]}
    signatures |= {"_store_asset_check_evaluation_planned": ["self", "event", "event_id"]}
    signatures |= {"_store_asset_event_tags": ["self", "conn", "events", "event_ids"], "index_transaction": ["self"]}
    for name, parameters in signatures.items():
        assert list(inspect.signature(getattr(SqliteEventLogStorage, name)).parameters) == parameters
    assert list(inspect.signature(SqliteEventLogStorage._connect).parameters) == ["self", "shard"]
    assert list(inspect.signature(SqliteEventLogStorage._initdb).parameters) == ["self", "engine", "for_index_shard"]
    assert list(inspect.signature(SqliteEventLogStorage.conn_string_for_shard).parameters) == ["self", "shard_name"]


PROCESSES, ROUNDS = 3, 2


def open_at_once(folder: Path, start: Barrier) -> None:
    for number in range(ROUNDS):
        start.wait(timeout=120)
        local_instance(folder / str(number), PROJECT)


def test_first_processes_at_once_make_one_history(tmp_path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(PROCESSES)
    racing = [context.Process(target=open_at_once, args=(tmp_path, start)) for _ in range(PROCESSES)]
    for process in racing:
        process.start()
    for process in racing:
        process.join()
    assert [process.exitcode for process in racing] == [0] * PROCESSES
    assert [local_instance(tmp_path / str(number), PROJECT).get_runs_count() for number in range(ROUNDS)] == [
        0
    ] * ROUNDS
