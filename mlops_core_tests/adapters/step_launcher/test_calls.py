"""Calls of the host that fail: for how long each is repeated, and what the error says in the end."""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, DatabricksError, PermissionDenied, Unauthenticated

from databricks_emulator import Emulator
from mlops_core.adapters.explained_calls import NotDatabricksError
from mlops_core.adapters.step_launcher.call_errors import OutageError
from mlops_core.adapters.step_launcher.compute import Compute, submit_payload
from mlops_core.adapters.step_launcher.failure import explain_refusal
from mlops_core.adapters.step_launcher.patient_calls import ClientSource
from mlops_core.adapters.step_launcher.settings import Timing
from mlops_core.adapters.step_launcher.workspace import Workspace
from mlops_core.config import parsed_host
from mlops_core_tests.adapters.step_launcher.workbench import CLUSTER, VOLUME, make_settings

PAGE = "<!DOCTYPE html>\n<html><head><title>\n Sign in to your account</title></head><body>...</body></html>"
STATE, SUBMIT, FILE = "/api/2.2/jobs/runs/get", "/api/2.2/jobs/runs/submit", f"/api/2.0/fs/files{VOLUME}/there"
PATIENT = Timing(outage_s=0.3, credentials_s=0.2, lease_s=60.0, call_timeout_s=5.0)

Call = Callable[[Workspace], Any]
CALLS: dict[str, Call] = {
    f"GET {FILE}": lambda workspace: workspace.get(f"{VOLUME}/there"),
    f"HEAD {FILE}": lambda workspace: workspace.size(f"{VOLUME}/there"),
    f"PUT {FILE}": lambda workspace: workspace.put(f"{VOLUME}/there", b"content"),
    f"DELETE {FILE}": lambda workspace: workspace.remove(f"{VOLUME}/none"),
    "GET /api/2.0/fs/directories": lambda workspace: [one.name for one in workspace.entries(VOLUME)],
    "POST /api/2.0/workspace/mkdirs": lambda workspace: workspace.put_source("/Workspace/Users/me/main.py", b"pass"),
    f"GET {STATE}": lambda workspace: workspace.state(1).message,
    "GET /api/2.2/jobs/runs/get-output": lambda workspace: workspace.output(1),
    "GET /api/2.0/preview/scim/v2/Me": lambda workspace: workspace.user_name(),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("calls") / "workspace") as emulator:
        emulator.unity_catalog.add_volume(VOLUME.removeprefix("/Volumes/").replace("/", "."))
        emulator.storage.volume_path(f"{VOLUME}/there").write_bytes(b"content")
        yield emulator


@pytest.fixture
def emulator(running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setenv("DATABRICKS_TOKEN", running.token)
    yield running
    running.recover()
    running.calls.clear()


def workspace_of(emulator: Emulator, *, has_answered: bool = True, **timing: float) -> Workspace:
    """What one launch calls, whose process has had an answer before."""
    settings = make_settings(workspace=parsed_host(emulator.url, "here"), timing=replace(PATIENT, **timing))
    clients = ClientSource(settings)
    clients.has_answered = has_answered
    return Workspace(clients, settings, logging.getLogger(__name__))


def outage(workspace: Workspace, call: Call = CALLS[f"GET {STATE}"], error: type[Exception] = OutageError) -> str:
    with pytest.raises(error) as raised:
        call(workspace)
    return str(raised.value)


@pytest.mark.parametrize("called", CALLS)
def test_a_page_in_place_of_any_answer_is_waited_for_and_then_told(emulator: Emulator, called: str) -> None:
    expected = CALLS[called](workspace_of(emulator))
    fault = emulator.fail(page=PAGE, times=1)
    assert CALLS[called](workspace_of(emulator)) == expected
    assert fault.hits == 1
    emulator.fail(page=PAGE, times=None)
    said = outage(workspace_of(emulator), CALLS[called])
    assert called.removesuffix("there") in said
    assert emulator.url in said
    assert "was answered with an HTML page" in said
    assert "correct workspace.host of the target in databricks.yml, or DATABRICKS_HOST." in said


def test_a_host_that_never_was_a_workspace_is_not_waited_for_as_an_outage(emulator: Emulator) -> None:
    emulator.fail(page=PAGE, times=None)
    began = time.monotonic()
    said = outage(workspace_of(emulator, has_answered=False, outage_s=50.0), error=NotDatabricksError)
    assert time.monotonic() - began < 5
    assert '("Sign in to your account"): a sign-in page or a proxy answers there' in said


@pytest.mark.parametrize(
    ("status", "page"), [(429, ""), (500, ""), (503, ""), (504, ""), (429, PAGE), (502, PAGE), (502, "<html>no</html>")]
)
def test_an_outage_names_call_host_moment_cause_and_fix(emulator: Emulator, status: int, page: str) -> None:
    emulator.fail(status=status, page=page, times=None)
    said = outage(workspace_of(emulator))
    attempts = emulator.calls.count("GET", STATE)
    assert re.match(rf"{emulator.url} has not answered as it should for \d s, since \d\d:\d\d:\d\d UTC; ", said)
    assert f"the last of {attempts} attempts: GET {STATE} at {emulator.url} failed: " in said
    assert (f"status {status}" if page else "injected by the emulator") in said
    assert "too many calls" in said if status == 429 else "see whether the workspace, the network" in said
    assert emulator.token not in said
    assert "\n" not in said


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_page_never_passes_for_an_answer_of_databricks(emulator: Emulator, status: int) -> None:
    """A run that Databricks has deleted has ended, and its step may be repeated: a proxy's 404 must not say so."""
    emulator.fail(status=status, page=PAGE, times=None)
    with pytest.raises({401: Unauthenticated, 403: PermissionDenied, 404: OutageError}[status]) as raised:
        workspace_of(emulator).state(1)
    assert f"GET {STATE} at {emulator.url}" in str(raised.value)
    assert emulator.token not in "".join(traceback.format_exception(raised.value))  # the SDK shows the whole request


@pytest.mark.parametrize(
    "call",
    [
        lambda workspace: workspace.get(f"{VOLUME}/there"),
        lambda workspace: workspace.exists(f"{VOLUME}/there"),
        lambda workspace: [one.name for one in workspace.entries(VOLUME)],
    ],
)
def test_no_file_is_missing_because_a_proxy_has_no_page(emulator: Emulator, call: Call) -> None:
    """An attempt whose files are not seen counts as never sent, and the next one would run beside it."""
    expected = call(workspace_of(emulator))
    fault = emulator.fail(status=404, page=PAGE)
    assert call(workspace_of(emulator)) == expected
    assert fault.hits == 1
    emulator.fail(status=404, page=PAGE, times=None)
    assert "was answered with an HTML page" in outage(workspace_of(emulator), call)


@pytest.mark.parametrize("reply", [b"[]", b"3", b'"text"', b"{}"])
def test_json_that_is_no_answer_is_told_as_well(emulator: Emulator, reply: bytes) -> None:
    emulator.fail("POST", SUBMIT, page=reply.decode(), times=None)
    said = outage(workspace_of(emulator), lambda workspace: workspace.submit({}, "token"))
    assert f"POST {SUBMIT} at {emulator.url} was answered with JSON" in said


def test_nobody_is_waited_for_longer_than_an_outage(emulator: Emulator) -> None:
    """Neither where Databricks asks for more time, nor call by call."""
    emulator.fail(status=503, retry_after=60, times=None)
    workspace, began = workspace_of(emulator), time.monotonic()
    outage(workspace)
    for call in CALLS.values():
        with pytest.raises(Exception, match="injected|503|Service Unavailable"):
            call(workspace)
    assert time.monotonic() - began < 2
    assert emulator.calls.count() == 2 + len(CALLS)  # the last attempt comes at the end of the time, then one a call


def test_an_answer_ends_an_outage(emulator: Emulator) -> None:
    """Also a refusal: whoever refuses a call is up."""
    workspace = workspace_of(emulator, outage_s=0.8)
    for _ in range(4):
        emulator.fail(reset=True)
        assert workspace.get(f"{VOLUME}/there") == b"content"
        emulator.fail(status=400)
        with pytest.raises(BadRequest):
            workspace.get(f"{VOLUME}/there")
        time.sleep(0.3)


def test_an_outage_counts_from_its_first_failure_over_several_calls(emulator: Emulator) -> None:
    workspace = workspace_of(emulator).with_patience(0.5)
    emulator.fail("GET", reset=True, times=None)
    began = time.monotonic()
    outage(workspace)
    emulator.fail("HEAD", status=500, times=None)
    with pytest.raises(Exception, match="HEAD"):
        workspace.size(f"{VOLUME}/there")
    assert time.monotonic() - began < 1.2


def test_databricks_is_given_the_time_that_it_asks_for(emulator: Emulator) -> None:
    emulator.fail(status=429, retry_after=1)
    began = time.monotonic()
    assert workspace_of(emulator, outage_s=20.0).get(f"{VOLUME}/there") == b"content"
    assert time.monotonic() - began >= 1
    assert emulator.calls.count() == 2


def test_what_databricks_itself_calls_passing_is_repeated(emulator: Emulator) -> None:
    emulator.fail(status=400, message="ClusterNotReadyException: try again")
    assert workspace_of(emulator).get(f"{VOLUME}/there") == b"content"


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "INVALID_PARAMETER_VALUE"), (403, "PERMISSION_DENIED"), (404, "RESOURCE_DOES_NOT_EXIST")],
)
def test_a_run_that_was_just_submitted_may_be_unknown_for_a_while_and_has_not_ended(
    emulator: Emulator, status: int, code: str
) -> None:
    """One that was taken for deleted would be lost, and its step begun a second time beside it."""
    compute = Compute(kind="job", new_cluster=CLUSTER)
    payload = submit_payload(
        compute, name="fares", main_file="/Workspace/none.py", parameters=[], requirements=(), tags={}
    )
    workspace = workspace_of(emulator, unknown_s=3.0, outage_s=3.0)
    run_id = workspace.submit(payload, f"token-{status}")
    fault = emulator.fail("GET", STATE, status, error_code=code, times=2)
    state = workspace.first_state(run_id)
    assert f"/{run_id}" in state.url
    assert fault.hits == 2
    emulator.fail("GET", STATE, status, error_code=code, times=None)
    with pytest.raises(DatabricksError, match=f"Databricks run {run_id} was submitted, and was unknown for 0.2 s: GET"):
        workspace.with_patience(0.2).first_state(run_id)  # as when a run is being terminated


def test_a_sign_in_that_is_refused_is_never_the_computes_fault(emulator: Emulator) -> None:
    from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns

    emulator.fail("POST", SUBMIT, 403, message="Invalid access token.", times=None)
    workspace = workspace_of(emulator)
    runs = DatabricksRuns(workspace, make_settings(), logging.getLogger(__name__))
    with pytest.raises(Unauthenticated) as raised:
        runs._submit({}, "token")
    said = str(raised.value)
    assert f"POST {SUBMIT} at {emulator.url} refused the sign-in: PERMISSION_DENIED: Invalid access token" in said
    assert "see to the credentials" in said
    assert "compute" not in said


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("User is not authorized to use policy P1", "Grant the pipeline's identity what is missing, or choose"),
        ("Source IP address: 10.0.0.1 is blocked by Databricks IP ACL", "Let this host call the workspace"),
    ],
)
def test_a_refused_submit_says_what_has_to_be_granted(emulator: Emulator, said: str, advice: str) -> None:
    from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns, SubmitRefusedError

    emulator.fail("POST", SUBMIT, 403, message=said)
    runs = DatabricksRuns(workspace_of(emulator), make_settings(), logging.getLogger(__name__))
    with pytest.raises(SubmitRefusedError) as raised:
        runs._submit({}, "token")
    failure = explain_refusal(raised.value, "numbers", Compute())
    assert said in str(failure.description)
    assert advice in str(failure.description)
    assert "Correct the variable" not in str(failure.description)
