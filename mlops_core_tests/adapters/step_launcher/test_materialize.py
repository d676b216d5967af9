"""One Dagster run of several steps on the emulated workspace: what a user sees in Dagster, what Databricks did."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import dagster as dg
import pytest
from dagster._core.events import STEP_EVENTS, DagsterEvent
from dagster._core.execution.api import execute_run_iterator

from mlops_core.adapters.step_launcher.cost import PriceTable
from mlops_core.adapters.step_launcher.remote.output import CUT, LIMIT
from mlops_core.adapters.step_launcher.settings import SecretReference
from mlops_core_tests.adapters.step_launcher.workbench import VOLUME, Workbench, sample_job

SECRET = "hunter2-is-long-enough"
ASSETS = (
    "numbers",
    "doubled",
    "checked",
    "left",
    "right",
    "second_time_lucky",
    "asks_for_retry",
    "failing",
    "talkative",
    "tabular",
)


@dataclass(frozen=True)
class Finished:
    """A run that ended, and its log."""

    bench: Workbench
    result: dg.JobExecutionResult
    entries: list[dg.EventLogEntry]
    out: str  # what was printed here
    err: str

    def of(self, step: str, kind: dg.DagsterEventType | None = None) -> list[dg.EventLogEntry]:
        entries = [entry for entry in self.entries if entry.step_key == step]
        return [
            entry
            for entry in entries
            if kind is None or (entry.dagster_event and entry.dagster_event.event_type == kind)
        ]

    def kinds(self, step: str) -> list[str]:
        return [entry.dagster_event.event_type_value for entry in self.of(step) if entry.dagster_event]

    def metadata(self, asset: str) -> dict[str, object]:
        event = self.bench.instance.get_latest_materialization_event(dg.AssetKey(asset))
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}


@pytest.fixture(scope="module")
def finished(shared_workbench: Workbench) -> Iterator[Finished]:
    bench = shared_workbench
    client = bench.launcher._clients.get()
    client.secrets.create_scope("pipeline")
    client.secrets.put_secret("pipeline", "word", string_value=SECRET)
    bench.configure(
        prices=PriceTable({"Standard_D4ds_v5": 1.5}, {"Standard_D4ds_v5": 0.3}, price_per_dbu=0.2),
        secrets=(SecretReference("SAMPLE_SECRET_WORD", "pipeline", "word"),),
    )
    bench.emulator.calls.clear()
    bench.instance.add_dynamic_partitions("cities", ["Ghent"])
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        result = bench.materialize(*ASSETS, "by_city", "secretive", tags={"dagster/partition": "Ghent"})
    yield Finished(bench, result, bench.instance.all_logs(result.run_id), out.getvalue(), err.getvalue())


def test_the_assets_are_written_once_and_the_run_tells_the_truth(finished: Finished) -> None:
    successes = {
        entry.step_key for entry in finished.entries if entry.dagster_event and entry.dagster_event.is_step_success
    }
    assert not finished.result.success  # one asset fails
    assert {"numbers", "doubled", "both", "second_time_lucky", "asks_for_retry", "talkative", "tabular"} <= successes
    assert "failing" not in successes
    for asset in ("numbers", "doubled", "checked", "both", "talkative", "failing"):
        assert len(finished.bench.notes(asset)) == 1, asset


def test_all_steps_share_one_databricks_run_and_one_process(finished: Finished) -> None:
    assert len(finished.bench.emulator.runs) == 1
    assert finished.bench.emulator.cluster_starts == 1
    pids = {finished.metadata(asset)["pid"] for asset in ("numbers", "doubled")}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_metadata_and_logs_come_back(finished: Finished) -> None:
    assert finished.metadata("numbers")["rows"] == 3
    assert [
        entry.user_message for entry in finished.of("numbers") if entry.user_message == "a log line from the cluster"
    ]
    assert len(finished.metadata("tabular")["table"].records) == 10_000
    plot = finished.metadata("tabular")["plot"].removesuffix(")").partition("base64,")[2]
    assert base64.b64decode(plot) == bytes(range(256)) * 40


def test_a_step_tells_what_it_read_of_another_asset(finished: Finished) -> None:
    [read] = finished.bench.instance.fetch_observations(dg.AssetKey("numbers"), limit=2).records
    assert read.asset_observation.metadata["rows_read"].value == 3


def test_what_the_launcher_asks_for_is_imported_before_the_first_step(finished: Finished) -> None:
    assert finished.metadata("numbers")["imported"] is True


def test_what_is_printed_on_the_cluster_is_printed_here(finished: Finished) -> None:
    assert finished.out.count("a printed line from the cluster\n") == 1
    assert finished.err.count("an error line from the cluster\n") == 1


def test_a_dynamic_partition_that_only_the_host_knows_is_materialized(finished: Finished) -> None:
    assert finished.bench.notes("by_city") == ["Ghent"]
    assert finished.bench.instance.get_materialized_partitions(dg.AssetKey("by_city")) == {"Ghent"}


def test_the_first_event_has_the_page_of_the_databricks_run(finished: Finished) -> None:
    run = finished.bench.emulator.runs[0]
    planned = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    events = [entry for entry in finished.of("numbers") if entry.dagster_event]
    first = next(entry for entry in events if entry.dagster_event.event_type != planned)
    assert str(run.run_id) in first.dagster_event.engine_event_data.metadata["databricks_run"].value


def test_checks_inside_and_beside_their_asset(finished: Finished) -> None:
    storage = finished.bench.instance.event_log_storage
    inside, beside = (
        dg.AssetCheckKey(dg.AssetKey("checked"), "is_fine"),
        dg.AssetCheckKey(dg.AssetKey("numbers"), "numbers_are_few"),
    )
    for key, asset, passed in ((inside, "checked", False), (beside, "numbers", True)):
        evaluation = storage.get_asset_check_execution_history(key, limit=1)[0].event.dagster_event.event_specific_data
        row = finished.bench.instance.fetch_materializations(dg.AssetKey(asset), limit=1).records[0]
        assert evaluation.passed is passed
        assert evaluation.target_materialization_data.storage_id == row.storage_id
        assert evaluation.target_materialization_data.run_id == finished.result.run_id


def test_data_versions_of_upstream_assets_travel_along(finished: Finished) -> None:
    upstream = finished.bench.instance.get_latest_materialization_event(dg.AssetKey("numbers"))
    downstream = finished.bench.instance.get_latest_materialization_event(dg.AssetKey("doubled"))
    tags = downstream.asset_materialization.tags
    assert tags["dagster/input_data_version/numbers"] == upstream.asset_materialization.tags["dagster/data_version"]
    row = finished.bench.instance.fetch_materializations(dg.AssetKey("numbers"), limit=1).records[0]
    assert tags["dagster/input_event_pointer/numbers"] == str(row.storage_id)


def test_a_user_error_shows_the_remote_traceback_and_is_not_retried(finished: Finished) -> None:
    failure = finished.of("failing", dg.DagsterEventType.STEP_FAILURE)[0].dagster_event.step_failure_data
    assert "the fare of trip 7 is negative" in failure.error.to_string()
    assert "sample_project/definitions.py" in failure.error.to_string()
    assert "STEP_UP_FOR_RETRY" not in finished.kinds("failing")


def test_retries_are_those_of_the_asset(finished: Finished) -> None:
    assert finished.metadata("second_time_lucky")["retry_number"] == 1
    assert sorted(finished.bench.notes("second_time_lucky")) == ["0", "1"]
    assert finished.kinds("asks_for_retry").count("STEP_UP_FOR_RETRY") == 1
    assert finished.kinds("asks_for_retry")[-1] == "STEP_SUCCESS"


def test_output_is_capped_and_no_row_of_the_log_is_giant(finished: Finished) -> None:
    assert finished.kinds("talkative")[-1] == "STEP_SUCCESS"
    assert finished.out.count(CUT) == 1
    assert LIMIT - 1000 <= finished.out.count("x") < LIMIT + 1000
    longest = max(len(entry.user_message) + len(entry.message) for entry in finished.entries)
    assert longest < 100_000
    uploaded = sum(call.bytes_sent for call in finished.bench.emulator.calls.matching("GET", r"steps/talkative/.*/m-"))
    assert uploaded < 100_000  # a megabyte of the same letter, compressed


def test_materializations_carry_their_cost(finished: Finished) -> None:
    found = finished.metadata("left")
    right = finished.metadata("right")
    assert found["databricks/node_types"] == "2 x Standard_D4ds_v5"
    assert 0.2 <= found["databricks/cluster_seconds"] < 5
    assert 0.2 <= right["databricks/cluster_seconds"] < 5
    hours = found["databricks/cluster_seconds"] / 3600
    assert found["databricks/dbu_estimate"] == pytest.approx(hours * 2 * 1.5, rel=0.05)
    assert found["databricks/cost_estimate"] == pytest.approx(hours * 2 * (1.5 * 0.2 + 0.3), rel=0.05)


def test_a_secret_reaches_the_step_and_nothing_else(finished: Finished) -> None:
    assert finished.bench.notes("secretive") == [SECRET]
    assert "the secret is [secret]" in finished.bench.texts(finished.result)
    assert SECRET not in finished.bench.texts(finished.result)
    assert SECRET not in str([run.submission.request for run in finished.bench.emulator.runs])


def test_nothing_refers_to_dbfs(finished: Finished) -> None:
    assert "dbfs" not in str([run.submission.request for run in finished.bench.emulator.runs])
    assert finished.bench.emulator.calls.count(path="/api/2.0/dbfs") == 0


def test_the_run_leaves_its_total_cost_and_nothing_else(finished: Finished) -> None:
    emulator = finished.bench.emulator
    emulator.wait_until_idle()
    assert emulator.runs[0].outcome.result.value == "SUCCESS"  # the idle worker was asked to leave, not cancelled
    assert not emulator.running_clusters
    assert not finished.bench.left_staged()
    totals = [entry.dagster_event for entry in finished.entries if "done with this run" in entry.message]
    total = totals[0].engine_event_data.metadata
    seconds = emulator.runs[0].moments.terminating - emulator.runs[0].moments.asked
    assert len(totals) == 1
    assert total["databricks/cluster_seconds"].value == pytest.approx(seconds, abs=1)
    assert total["databricks/dbu_estimate"].value == pytest.approx(seconds / 3600 * 2 * 1.5, rel=0.2)


def test_a_second_teardown_finds_nothing(finished: Finished) -> None:
    report = finished.bench.launcher.tear_down(finished.bench.instance, finished.result.dagster_run)
    assert report.databricks_runs == ()


def test_a_run_whose_host_is_lost_when_all_steps_have_ended_runs_none_again(finished: Finished) -> None:
    """As a pod is, while it tears down: what was staged is gone, and the next pod begins with the first step."""
    bench, run = finished.bench, finished.result.dagster_run

    def left() -> tuple[int, int, int]:
        written = bench.emulator.storage.volume_path(f"{VOLUME}/notes").rglob("*")
        events = bench.instance.all_logs(run.run_id, of_type=set(STEP_EVENTS))
        return len(bench.emulator.runs), len(list(written)), len(events)

    before = left()
    bench.instance.report_dagster_event(DagsterEvent("PIPELINE_START", run.job_name), run.run_id)
    job = sample_job().get_subset(asset_selection=run.asset_selection, asset_check_selection=run.asset_check_selection)
    again = bench.instance.get_run_by_id(run.run_id)

    list(execute_run_iterator(job, again, bench.instance, resume_from_failure=True))

    assert bench.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE  # as before
    assert left() == before


def test_a_resource_that_is_a_generator_ends_after_its_step(shared_workbench: Workbench) -> None:
    assert shared_workbench.materialize("connected").success
    assert shared_workbench.notes("connected") == ["open: True, closed before: False"]
    assert len(shared_workbench.notes("session_closed")) == 1
