"""Who has signed in before Dagster's real webserver stands on the runs that they launch, and nobody else can."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import retry_run
from dagster._daemon.backfill import execute_backfill_iteration
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.webserver import DagsterWebserver

from mlops_core.adapters.webserver.__main__ import main, put_guard
from mlops_core.adapters.webserver.guard import App
from mlops_core.adapters.webserver.sign_in import SignIn, SignInGuard
from mlops_core_tests.adapters.test_webserver_guard import OWN, asked, sent

SECRET = "0123456789abcdef0123456789abcdef"
ADA = {"x-forwarded-email": "ada@acme.example", "x-sign-in-secret": SECRET}
SETTINGS = {"DAGSTER_SIGN_IN_HEADER": "X-Forwarded-Email", "DAGSTER_SIGN_IN_SECRET": SECRET}
LOCATION = """
import dagster as dg

@dg.op
def decide(): ...

@dg.job
def decide_job():
    decide()

@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
def daily(): ...

defs = dg.Definitions(jobs=[decide_job], assets=[daily])
"""


async def told(scope: Any, _receive: Any, send: Any) -> None:
    """Answers with the headers that reach it."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    headers = [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in scope["headers"]]
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": "\n".join(headers).encode()})


SIGNED_IN = SignInGuard(told, SignIn.of(SETTINGS))


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (ADA, "ada%40acme.example"),
        (ADA | {"x-dagster-signed-in-user": "bob"}, "ada%40acme.example"),
        ({**ADA, "x-forwarded-email": " Lovelace, Ada "}, "Lovelace%2C%20Ada"),
    ],
)
def test_a_name_is_believed_with_the_secret_which_goes_no_further(headers: dict[str, str], name: str) -> None:
    for method in ("GET", "POST"):
        status, text = asked(SIGNED_IN, method, "/graphql", headers)
        assert status == 200
        assert [line for line in text.splitlines() if "signed-in" in line] == [f"x-dagster-signed-in-user: {name}"]
        assert SECRET not in text
    assert asked(SIGNED_IN, "WEBSOCKET", "/graphql", headers)[0] == 101


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-forwarded-email", "ada@acme.example")],
        [("x-sign-in-secret", SECRET)],
        [("x-forwarded-email", "ada@acme.example"), ("x-sign-in-secret", SECRET[:-1])],
        [("x-forwarded-email", "ada@acme.example"), ("x-sign-in-secret", "")],
        [*ADA.items(), ("x-forwarded-email", "bob@acme.example")],
        [*ADA.items(), ("x-sign-in-secret", "x")],
        [("x-forwarded-email", " "), ("x-sign-in-secret", SECRET)],
        [("x-forwarded-email", "a\x1b[2J"), ("x-sign-in-secret", SECRET)],
        [("x-forwarded-email", "a" * 201), ("x-sign-in-secret", SECRET)],
        [("x-dagster-signed-in-user", "ada@acme.example")],
        [("x-forwarded-user", "ada@acme.example"), ("x-sign-in-secret", SECRET)],
    ],
)
def test_whoever_does_not_come_through_the_sign_in_gets_nothing(headers: list[tuple[str, str]]) -> None:
    for method in ("GET", "POST", "WEBSOCKET"):
        assert sent(SIGNED_IN, method, "/graphql", headers)[0].get("status", 401) == 401
    assert sent(SIGNED_IN, "WEBSOCKET", "/graphql", headers)[0]["type"] == "websocket.close"
    assert sent(SIGNED_IN, "POST", "/server_info", headers)[0]["status"] == 401
    assert sent(SIGNED_IN, "GET", "/server_info", headers)[0]["status"] == 200  # a probe of Kubernetes


def test_the_secret_is_in_no_refusal(caplog: pytest.LogCaptureFixture) -> None:
    status, text = asked(SIGNED_IN, "GET", "/", {"x-sign-in-secret": SECRET})
    assert (status, text.strip()) == (401, "This Dagster is reached through its sign-in alone.")
    assert [record.levelno for record in caplog.records] == [logging.WARNING] and SECRET not in caplog.text
    assert SECRET not in repr(SignIn.of(SETTINGS))


def test_without_a_sign_in_nobody_is_known_whatever_a_client_writes() -> None:
    status, text = asked(SignInGuard(told), "POST", "/graphql", ADA | {"x-dagster-signed-in-user": "ada"})
    assert status == 200 and text.endswith("x-dagster-signed-in-user: ") and text.count("signed-in-user") == 1


@pytest.mark.parametrize(
    "half", [{"DAGSTER_SIGN_IN_SECRET": ""}, {"DAGSTER_SIGN_IN_HEADER": ""}, {"DAGSTER_SIGN_IN_SECRET": "short"}]
)
def test_half_a_sign_in_starts_no_webserver(monkeypatch: pytest.MonkeyPatch, half: dict[str, str]) -> None:
    for name, value in (SETTINGS | half).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=r"a sign-in takes DAGSTER_SIGN_IN_HEADER, .*: set both, or neither\.$"):
        main()


class Desk:
    """Dagster's webserver with a code location, and its queue; nothing runs."""

    def __init__(self, instance: dg.DagsterInstance, app: App, workspace: WorkspaceProcessContext) -> None:
        self.instance, self.app, self.workspace = instance, app, workspace

    def ask(self, query: str, variables: dict[str, Any], headers: dict[str, str] = ADA) -> tuple[int, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        status, text = asked(self.app, "POST", "/graphql", OWN | headers, body)
        return status, json.loads(text)["data"] if status == 200 else text

    def launched(self, headers: dict[str, str] = ADA, **tags: str) -> dg.DagsterRun:
        said = [{"key": key, "value": value} for key, value in tags.items()]
        selector = {"repositoryLocationName": "desk", "repositoryName": "__repository__", "jobName": "decide_job"}
        params = {"selector": selector, "mode": "default", "runConfigData": {}, "executionMetadata": {"tags": said}}
        query = (
            "mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename"
            " ... on LaunchRunSuccess { run { runId } } } }"
        )
        status, data = self.ask(query, {"p": params}, headers)
        assert status == 200, data
        return self.run(data["launchRun"]["run"]["runId"])

    def run(self, run_id: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run_id)
        assert found is not None and found.status == dg.DagsterRunStatus.QUEUED
        return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    file = tmp_path_factory.mktemp("desk") / "location.py"
    file.write_text(LOCATION)
    target = PythonFileTarget(str(file), attribute=None, working_directory=str(file.parent), location_name="desk")
    queue = {"run_coordinator": {"module": "mlops_core.cli.run_coordinator", "class": "SignedInRunCoordinator"}}
    with pytest.MonkeyPatch.context() as patch, dg.instance_for_test(overrides=queue) as instance:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        patch.setattr(DagsterWebserver, "build_middleware", DagsterWebserver.build_middleware)
        with WorkspaceProcessContext(instance, target) as workspace:
            put_guard()
            app: Any = create_app_from_workspace_process_context(workspace)
            yield Desk(instance, app, workspace)


def names(run: dg.DagsterRun) -> tuple[str, str]:
    return run.tags.get("user", ""), run.tags.get("approved_in", "")


def test_a_run_is_by_who_has_signed_in_whatever_its_tags_were_to_be(desk: Desk) -> None:
    assert names(desk.launched()) == ("ada@acme.example", "")
    assert names(desk.launched(user="bob@acme.example", approved_in="https://x")) == ("ada@acme.example", "")
    assert names(desk.launched(ADA | {"x-dagster-signed-in-user": "bob"})) == ("ada@acme.example", "")
    assert names(desk.launched(ADA | {"x-forwarded-email": "Zoë"})) == ("Zoë", "")
    before = desk.instance.get_runs_count()
    assert desk.ask("mutation { x }", {}, {"x-forwarded-email": "ada@acme.example"})[0] == 401
    assert desk.instance.get_runs_count() == before


def test_a_re_execution_is_by_who_re_executes(desk: Desk) -> None:
    parent = desk.launched()
    desk.instance.report_run_failed(parent)
    for by_parent in (True, False):
        params = {"parentRunId": parent.run_id, "strategy": "ALL_STEPS", "useParentRunTags": by_parent}
        query = (
            "mutation($p: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $p) { __typename"
            " ... on LaunchRunSuccess { run { runId } } } }"
        )
        _, data = desk.ask(query, {"p": params}, ADA | {"x-forwarded-email": "bob@acme.example"})
        assert names(desk.run(data["launchRunReexecution"]["run"]["runId"])) == ("bob@acme.example", "")


def test_an_automatic_retry_is_by_who_launched_the_run_that_it_repeats(desk: Desk) -> None:
    parent = desk.launched(**{"dagster/retry_strategy": "ALL_STEPS"})
    desk.instance.report_run_failed(parent)
    retry_run(parent, desk.workspace)
    [again] = [each for each in desk.instance.get_runs() if each.parent_run_id == parent.run_id]
    assert names(desk.run(again.run_id)) == ("ada@acme.example", "")


def test_a_backfill_decides_for_nobody(desk: Desk) -> None:
    forged = [{"key": "user", "value": "bob@acme.example"}, {"key": "approved_in", "value": "https://x"}]
    params = {"assetSelection": [{"path": ["daily"]}], "partitionNames": ["a"], "tags": forged}
    query = (
        "mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { __typename"
        " ... on LaunchBackfillSuccess { backfillId } } }"
    )
    _, data = desk.ask(query, {"p": params})
    backfill = data["launchPartitionBackfill"]["backfillId"]
    list(execute_backfill_iteration(desk.workspace, logging.getLogger("daemon")))
    [run] = desk.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))
    assert names(run) == ("", "")
