"""Runs of tasks: their states, ends and refusals, through the real databricks-sdk."""

from __future__ import annotations

import time
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    PermissionDenied,
    ResourceDoesNotExist,
)
from databricks.sdk.service import compute, jobs

from databricks_emulator import Emulator
from databricks_emulator.tests.asking import (
    CLASSIC,
    MAIN,
    PYTHON_TASK,
    SERVERLESS,
    VOLUME,
    Make,
    client_of,
    is_alive,
    run,
    submit,
    upload,
    wait_for,
)


class TestRuns:
    def test_a_task_runs_to_its_end(self, make: Make) -> None:
        emulator = make(classic_start=0.1)
        code = """
            import os, sys
            given = open("/Volumes/dev/app/staging/in.txt").read()
            print(sys.argv[1:], given, os.environ["DATABRICKS_RUNTIME_VERSION"])
            open("/Volumes/dev/app/staging/out.txt", "w").write("done")
        """
        upload(client_of(emulator), f"{VOLUME}/in.txt", "hello")
        ended, output = run(emulator, code, "a", "b c", cluster=CLASSIC, run_name="mine")
        assert (ended.run_name, ended.state.life_cycle_state.value) == ("mine", "TERMINATED")
        assert ended.state.result_state is jobs.RunResultState.SUCCESS
        assert ended.status.termination_details.code is jobs.TerminationCodeCode.SUCCESS
        assert output.logs == "['a', 'b c'] hello 16.4\n"
        assert client_of(emulator).files.download(f"{VOLUME}/out.txt").contents.read() == b"done"
        task = ended.tasks[0]
        assert task.run_id != ended.run_id
        assert task.setup_duration >= 100
        assert ended.run_page_url.startswith(emulator.url)
        cluster = client_of(emulator).clusters.get(task.cluster_instance.cluster_id)
        assert cluster.termination_reason.code is compute.TerminationReasonCode.JOB_FINISHED
        assert (emulator.cluster_starts, emulator.running_clusters, emulator.active_runs) == (1, [], [])

    def test_a_failure_has_its_trace(self, emulator: Emulator) -> None:
        ended, output = run(emulator, "def fare():\n    return 1 / 0\nprint('before')\nfare()")
        assert (ended.state.life_cycle_state.value, ended.state.result_state.value) == ("INTERNAL_ERROR", "FAILED")
        assert ended.state.state_message.startswith("Task step failed with message: Workload failed")
        assert ended.tasks[0].state.life_cycle_state.value == "TERMINATED"
        assert output.error == "ZeroDivisionError: division by zero"
        assert f'File "{MAIN}", line 2, in fare\n    return 1 / 0' in output.error_trace
        assert "emulated" not in output.error_trace
        assert output.logs.startswith("before\nTraceback")
        with pytest.raises(InvalidParameterValue, match="multiple tasks"):
            client_of(emulator).jobs.get_run_output(ended.run_id)

    @pytest.mark.parametrize(("status", "result"), [("0", "SUCCESS"), ("3", "FAILED")])
    def test_leaving_with_a_status(self, emulator: Emulator, status: str, result: str) -> None:
        assert run(emulator, f"import sys; sys.exit({status})")[0].state.result_state.value == result

    def test_states_on_the_way(self, make: Make) -> None:
        emulator = make(serverless_start=0.2)
        client = client_of(emulator)
        emulator.hold_terminating()
        run_id = submit(emulator, "import time; time.sleep(0.2)")
        seen = []

        def look() -> bool:
            state = client.jobs.get_run(run_id).state
            seen.append((state.life_cycle_state.value, state.result_state))
            return seen[-1][0] == "TERMINATING"

        wait_for(look)
        assert list(dict.fromkeys(seen)) == [("PENDING", None), ("RUNNING", None), ("TERMINATING", None)]
        emulator.hold_terminating(False)
        emulator.wait_until_idle()
        assert client.jobs.get_run(run_id).state.result_state.value == "SUCCESS"

    @pytest.mark.parametrize("words", [("status",), ("state",)])
    def test_a_run_is_told_in_the_words_and_by_the_clock_of_the_workspace(
        self, make: Make, words: tuple[str, ...]
    ) -> None:
        emulator = make(run_words=words, clock_ahead=3600.0)
        asked = time.time()
        ended, _ = run(emulator, "print('done')")
        for told in (ended, ended.tasks[0]):
            assert [word for word in ("status", "state") if getattr(told, word)] == [*words]
            assert 3600 <= told.start_time / 1000 - asked < 3660
            assert told.end_time >= told.start_time
        client = client_of(emulator)
        upload(client, f"{VOLUME}/in.txt", "hello")
        [entry] = client.files.list_directory_contents(VOLUME)
        assert 3600 <= entry.last_modified / 1000 - asked < 3660

    def test_one_token_is_one_run(self, emulator: Emulator) -> None:
        ids = {submit(emulator, "pass", idempotency_token="t" * 64) for _ in range(3)}
        assert len(ids) == len(emulator.runs) == 1
        emulator.wait_until_idle()
        assert submit(emulator, "pass", idempotency_token="t" * 64) in ids
        with pytest.raises(InvalidParameterValue, match="64"):
            submit(emulator, "pass", idempotency_token="t" * 65)

    def test_cancel_ends_the_task_and_what_it_started(self, make: Make) -> None:
        emulator = make(kill_after=0.2)
        code = """
            import signal, subprocess, sys, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
            time.sleep(60)
        """
        client, run_id = client_of(emulator), submit(emulator, code)
        wait_for(lambda: emulator.task_log(emulator.runs[0]))
        child = int(emulator.task_log(emulator.runs[0]))
        client.jobs.cancel_run(run_id)
        emulator.wait_until_idle()
        state = client.jobs.get_run(run_id).state
        assert (state.life_cycle_state.value, state.result_state.value) == ("TERMINATED", "CANCELED")
        assert state.user_cancelled_or_timedout
        wait_for(lambda: not is_alive(child))
        client.jobs.cancel_run(run_id)  # a run that has ended stays as it is

    def test_cancel_while_the_cluster_starts(self, make: Make) -> None:
        emulator = make(classic_start=60)
        run_id = submit(emulator, "pass", cluster=CLASSIC)
        wait_for(lambda: emulator.running_clusters)
        client_of(emulator).jobs.cancel_run(run_id)
        emulator.wait_until_idle()
        assert emulator.running_clusters == []

    def test_timeout(self, emulator: Emulator) -> None:
        ended, _ = run(emulator, "import time; time.sleep(60)", timeout_seconds=1)
        assert ended.state.result_state is jobs.RunResultState.TIMEDOUT

    def test_runs_are_listed(self, emulator: Emulator, client: WorkspaceClient) -> None:
        ids = [submit(emulator, "pass", run_name=str(number)) for number in range(3)]
        emulator.wait_until_idle()
        assert [item.run_id for item in client.jobs.list_runs(limit=2)] == ids[::-1]
        assert list(client.jobs.list_runs(active_only=True)) == []

    def test_unknown_runs(self, client: WorkspaceClient) -> None:
        for call in (client.jobs.get_run, client.jobs.get_run_output):
            with pytest.raises(ResourceDoesNotExist):
                call(1)
        with pytest.raises(InvalidParameterValue, match="does not exist"):
            client.jobs.cancel_run(1)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"tasks": []}, "At least one task"),
            ({"tasks": "step"}, "START_ARRAY"),
            ({"timeout_seconds": "soon"}, "timeout_seconds"),
            ({"run_nmae": "x"}, "Unknown field: run_nmae"),
            ({"environments": []}, "not defined in environments"),
            ({"environments": [{"environment_key": "default"}]}, "must have a spec"),
        ],
    )
    def test_refused_submissions(self, client: WorkspaceClient, change: dict[str, Any], message: str) -> None:
        task = {"task_key": "step", "environment_key": "default", **PYTHON_TASK}
        body = {"tasks": [task], "environments": SERVERLESS, **change}
        with pytest.raises(BadRequest, match=message):
            client.api_client.do("POST", "/api/2.2/jobs/runs/submit", body=body)

    @pytest.mark.parametrize(
        ("task", "message"),
        [
            ({"task_key": None}, "Missing required field: tasks.0..task_key"),
            ({"task_key": "my step"}, "letters, digits"),
            ({"spark_python_task": None}, "exactly one type of task"),
            ({"notebook_task": {"notebook_path": "/Shared/x"}}, "exactly one type of task"),
            ({"spark_python_task": {"python_file": "main.py"}}, "Invalid python file"),
            ({"spark_python_task": {"python_file": "dbfs:/main.py"}}, "DBFS root is disabled"),
            ({"spark_python_task": {"python_file": MAIN, "parameters": ["x" * 10_001]}}, "exceed the limit"),
            ({"environment_key": None}, "must specify a cluster"),
            ({"new_cluster": CLASSIC}, "only one of"),
            ({"environment_key": None, "existing_cluster_id": "none"}, "does not exist"),
            ({"environment_key": None, "new_cluster": {**CLASSIC, "spark_version": "1"}}, "spark version"),
            ({"libraries": [{"pypi": {"package": "pandas"}}]}, "not supported for serverless"),
        ],
    )
    def test_refused_tasks(self, client: WorkspaceClient, task: dict[str, Any], message: str) -> None:
        whole = {"task_key": "step", "environment_key": "default", **PYTHON_TASK, **task}
        given = {name: value for name, value in whole.items() if value is not None}
        with pytest.raises((BadRequest, PermissionDenied), match=message):
            client.api_client.do(
                "POST", "/api/2.2/jobs/runs/submit", body={"tasks": [given], "environments": SERVERLESS}
            )

    def test_libraries_that_cannot_be_had(self, emulator: Emulator) -> None:
        ended, _ = run(emulator, "pass", dependencies=["dagster==0.0.1"])
        assert ended.status.termination_details.code is jobs.TerminationCodeCode.LIBRARY_INSTALLATION_ERROR
        assert "dagster==0.0.1" in ended.state.state_message
        upload(client_of(emulator), f"{VOLUME}/requirements.txt", "# runtime\npandas\nno-such-library>=1  # why\n")
        ended, _ = run(emulator, "pass", dependencies=[f"-r {VOLUME}/requirements.txt"])
        assert "no-such-library" in ended.state.state_message

    def test_a_python_file_that_is_not_there(self, emulator: Emulator) -> None:
        run_id = submit(emulator, "pass")
        emulator.wait_until_idle()
        emulator.storage.tree_path(MAIN).unlink()
        task = emulator.runs[0].submission.request
        again = client_of(emulator).api_client.do("POST", "/api/2.2/jobs/runs/submit", body=dict(task))["run_id"]
        emulator.wait_until_idle()
        assert again != run_id
        assert "Cannot read the python file" in client_of(emulator).jobs.get_run(again).state.state_message

    def test_long_output_is_cut_from_the_front(self, emulator: Emulator) -> None:
        _, output = run(emulator, "for _ in range(6):\n    print('x' * 2**20)\nprint('the end')")
        assert output.logs_truncated
        assert len(output.logs) == 5 * 2**20
        assert output.logs.endswith("the end\n")
