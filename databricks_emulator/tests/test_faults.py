"""Faults on request: errors, lost replies, lost machines, files that show up late."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    DatabricksError,
    InternalError,
    NotFound,
    TemporarilyUnavailable,
)
from databricks.sdk.service import jobs

from databricks_emulator import Emulator
from databricks_emulator.tests.asking import (
    CLASSIC,
    VOLUME,
    Make,
    client_of,
    is_alive,
    run,
    submit,
    upload,
    wait_for,
)


class TestFaults:
    def test_errors_by_rule(self, emulator: Emulator, client: WorkspaceClient) -> None:
        upload(client, f"{VOLUME}/x", "1")
        fault = emulator.fail("GET", "/fs/files/.*/x", 500, times=2, skip=1)
        client.files.download(f"{VOLUME}/x")
        for _ in range(2):
            with pytest.raises(InternalError, match="injected"):
                client.files.download(f"{VOLUME}/x")
        client.files.download(f"{VOLUME}/x")
        assert fault.hits == 2
        emulator.fail(path="scim", status=504, times=None, seconds=0.1, message="slow")
        with pytest.raises(DatabricksError, match="slow"):
            client.current_user.me()
        time.sleep(0.1)
        client.current_user.me()

    def test_throttling_is_retried_by_the_client(self, emulator: Emulator) -> None:
        client = WorkspaceClient(host=emulator.url, token=emulator.token)
        emulator.fail("GET", "scim", 429, retry_after=0)
        assert client.current_user.me().id == "1001"
        assert [call.status for call in emulator.calls.matching("GET", "scim")] == [429, 200]
        emulator.fail("GET", "scim", 503, error_code="TEMPORARILY_UNAVAILABLE")
        with pytest.raises((TemporarilyUnavailable, TimeoutError)):
            client_of(emulator, http_timeout_seconds=1).current_user.me()

    @pytest.mark.parametrize(("how", "was_done"), [("reset", False), ("lose_reply", True)])
    def test_connections_break_before_or_after(self, emulator: Emulator, how: str, was_done: bool) -> None:
        emulator.fail("PUT", **{how: True})
        url, headers = f"{emulator.url}/api/2.0/fs/files{VOLUME}/x", {"Authorization": f"Bearer {emulator.token}"}
        with pytest.raises(requests.ConnectionError):
            requests.put(url, data=b"1", headers=headers, timeout=5)
        assert bool(emulator.staged()) is was_done
        assert emulator.calls.matching("PUT")[0].status == 0

    def test_unreachable_and_slow(self, make: Make) -> None:
        emulator = make(latency=0.05)
        url, headers = f"{emulator.url}/api/2.0/preview/scim/v2/Me", {"Authorization": f"Bearer {emulator.token}"}
        with emulator.unreachable(), pytest.raises(requests.ConnectionError):
            requests.get(url, headers=headers, timeout=5)
        emulator.fail(delay=0.1)
        assert requests.get(url, headers=headers, timeout=5).elapsed.total_seconds() >= 0.15
        assert requests.get(url, headers=headers, timeout=5).elapsed.total_seconds() >= 0.05
        assert emulator.calls.matching(path="scim")[-1].seconds >= 0.05

    def test_a_killed_task(self, emulator: Emulator) -> None:
        run_id = submit(emulator, "import time; print('up', flush=True); time.sleep(60)")
        wait_for(lambda: emulator.task_log(emulator.runs[0]))
        emulator.kill_task(emulator.runs[0])
        emulator.wait_until_idle()
        ended = client_of(emulator).jobs.get_run(run_id)
        output = client_of(emulator).jobs.get_run_output(ended.tasks[0].run_id)
        assert (ended.state.result_state.value, output.logs) == ("FAILED", "up\n")
        assert "kernel is unresponsive" in output.error

    def test_a_lost_cluster(self, emulator: Emulator) -> None:
        run_id = submit(emulator, "import time; time.sleep(60)", cluster=CLASSIC)
        wait_for(lambda: emulator.runs[0].process)
        emulator.lose_cluster(emulator.runs[0])
        emulator.wait_until_idle()
        ended = client_of(emulator).jobs.get_run(run_id)
        assert ended.status.termination_details.type is jobs.TerminationTypeType.CLOUD_FAILURE
        assert "SPOT_INSTANCE_TERMINATION" in ended.state.state_message

    def test_volumes_that_cannot_be_written_for_a_while(self, emulator: Emulator) -> None:
        emulator.make_volumes_unwritable(0.6)
        code = """
            import time
            failures, start = 0, time.monotonic()
            while time.monotonic() - start < 20:
                try:
                    open("/Volumes/dev/app/staging/x", "w").close()
                    break
                except OSError as error:
                    failures, reason = failures + 1, error.strerror
                time.sleep(0.02)
            print(failures > 0 and reason)
        """
        _, output = run(emulator, code)
        assert output.logs.strip() in (os.strerror(5), "False")  # False: the task started after the time was over
        assert emulator.staged() == [f"{VOLUME}/x"]

    def test_files_of_tasks_show_up_late(self, emulator: Emulator, client: WorkspaceClient) -> None:
        emulator.delay_task_files(1.0)
        upload(client, f"{VOLUME}/mine", "1")
        run(emulator, "open('/Volumes/dev/app/staging/theirs', 'w').close()")
        assert [entry.name for entry in client.files.list_directory_contents(VOLUME)] == ["mine"]
        with pytest.raises(NotFound):
            client.files.download(f"{VOLUME}/theirs")
        wait_for(lambda: len(list(client.files.list_directory_contents(VOLUME))) == 2)

    def test_a_cancel_without_effect(self, emulator: Emulator, client: WorkspaceClient) -> None:
        emulator.ignore_cancel()
        run_id = submit(emulator, "import time; time.sleep(0.3)")
        client.jobs.cancel_run(run_id)
        emulator.wait_until_idle()
        assert client.jobs.get_run(run_id).state.result_state.value == "SUCCESS"

    def test_tasks_end_with_the_workspace(self, tmp_path: Path) -> None:
        session = requests.Session()
        with Emulator(tmp_path / "workspace") as emulator:
            url, headers = f"{emulator.url}/api/2.0/preview/scim/v2/Me", {"Authorization": f"Bearer {emulator.token}"}
            session.get(url, headers=headers, timeout=5)
            submit(emulator, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
            wait_for(lambda: emulator.task_log(emulator.runs[0]))
            process = int(emulator.task_log(emulator.runs[0]))
        assert not is_alive(process)
        with pytest.raises(requests.ConnectionError):
            session.get(url, headers=headers, timeout=5)
