"""The pipeline of promotions: what it shows, when it promotes, and who is said to have approved it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cicd.azure_devops.approver import approvers, main
from cicd.azure_devops.client import AzureDevOps
from mlops_core_tests.ports import free_port
from my_mlops_stacks_tests.azure.conftest import Tools
from my_mlops_stacks_tests.azure.graph import jobs, results
from my_mlops_stacks_tests.azure.rules import prod_is_changed_behind_its_environment
from my_mlops_stacks_tests.azure.test_pipelines import named

TYPED = {"version": "12", "reason": "$(rm -rf /)"}
PERSON = {"displayName": "Ada Lovelace", "uniqueName": "ada@acme.example"}
TIMELINE = [
    {"id": "s1", "type": "Stage", "identifier": "show"},
    {"id": "s2", "type": "Stage", "identifier": "promote"},
    {"id": "c1", "type": "Checkpoint", "parentId": "s1"},
    {"id": "c2", "type": "Checkpoint", "parentId": "s2"},
    {"id": "of-show", "type": "Checkpoint.Approval", "parentId": "c1"},
    {"id": "of-promote", "type": "Checkpoint.Approval", "parentId": "c2"},
    {"id": "lock", "type": "Checkpoint.ExclusiveLock", "parentId": "c2"},
]
APPROVALS = {
    "of-show": {"steps": [{"status": "approved", "actualApprover": {"uniqueName": "eve@acme.example"}}]},
    "of-promote": {"steps": [{"status": "approved", "actualApprover": PERSON}, {"status": "skipped"}]},
}
ENVIRONMENT = {
    "SYSTEM_TEAMPROJECT": "mlops",
    "BUILD_BUILDID": "7",
    "SYSTEM_STAGENAME": "promote",
    "AZURE_DEVOPS_TOKEN": "of-the-run",
}


@pytest.fixture
def devops(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureDevOps]:
    """A server that knows a run which was approved, and the environment of its step."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "Bearer of-the-run"
            path = self.path.split("?")[0].removeprefix("/acme/mlops/_apis/")
            approval = path.removeprefix("pipelines/approvals/")
            body = {"records": TIMELINE} if path == "build/builds/7/timeline" else APPROVALS[approval]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    organization = f"http://127.0.0.1:{server.server_port}/acme"
    for name, value in (ENVIRONMENT | {"SYSTEM_COLLECTIONURI": f"{organization}/"}).items():
        monkeypatch.setenv(name, value)
    yield AzureDevOps(organization, "mlops", "of-the-run")
    server.shutdown()


@pytest.mark.parametrize(("flow", "branch"), [("release-branch", "release"), ("trunk", "main")])
def test_it_runs_by_hand_from_the_branch_of_prod(flow: str, branch: str) -> None:
    pipeline = named("my_mlops_stacks-promotion-cd", flow, **TYPED).rendered()
    assert (pipeline["trigger"], pipeline["pr"]) == ("none", "none")
    for other in ("main", "release", "topic"):
        said = results(pipeline, "Manual", other)
        assert set(said.values()) == {"Succeeded" if other == branch else "Skipped"}, other
    assert results(pipeline, "Manual", branch, "show")["promote"] == "Skipped"  # what may not be promoted asks nobody


def test_what_is_shown_is_read_as_an_identity_that_only_reads_and_promoted_behind_the_approval() -> None:
    pipeline = named("my_mlops_stacks-promotion-cd", **TYPED).rendered()
    show, promote = jobs(pipeline)
    assert (show.environment, promote.environment) == (None, "my_mlops_stacks-promotion")
    used = [{step["inputs"]["azureSubscription"] for step in job.steps if "inputs" in step and "task" in step
             and step["task"] == "AzureCLI@2"} for job in (show, promote)]  # fmt: skip
    assert used == [{"mlops-prod-plan"}, {"mlops-prod"}]
    promote.node["environment"] = "elsewhere"
    assert any("promotes without the environment" in said for said in prod_is_changed_behind_its_environment(pipeline))


def test_what_somebody_types_is_a_value_and_no_code() -> None:
    pipeline = named("my_mlops_stacks-promotion-cd", **TYPED, model="fare").rendered()
    steps = [(step, said) for job in jobs(pipeline) for step, said in job.commands() if "promotion.sh" in said]
    assert [said for _, said in steps] == [f"scripts/promotion.sh {act} my_mlops_stacks" for act in ("show", "promote")]
    for step, _ in steps:
        assert (step["env"]["PROMOTED_VERSION"], step["env"]["PROMOTED_MODEL"]) == ("12", "fare")
    assert [step["env"].get("PROMOTION_REASON") for step, _ in steps] == [None, "$(rm -rf /)"]


def test_the_approver_is_who_approved_this_stage(devops: AzureDevOps, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(approvers(devops, "7", "promote")) == ["ada@acme.example"]
    assert main() == 0
    assert capsys.readouterr().out == "ada@acme.example\n"


def test_an_approval_by_nobody_is_none(
    devops: AzureDevOps, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for status in ("pending", "rejected", "skipped"):
        monkeypatch.setitem(APPROVALS, "of-promote", {"steps": [{"status": status, "actualApprover": PERSON}]})
        assert main() == 1
    monkeypatch.setenv("SYSTEM_STAGENAME", "another")
    assert main() == 1
    said = capsys.readouterr()
    assert not said.out and said.err.startswith("Nobody approved this stage: scripts/create_pipelines.sh sets the")
    monkeypatch.delenv("BUILD_BUILDID")
    assert main() == 1 and "BUILD_BUILDID is missing" in capsys.readouterr().err


def asked(project: Path, tools: Tools, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    tools.add("kubectl")
    tools.add("python", folder=project / ".venv" / "bin")
    tools.answer({"python -m cicd.azure_devops.approver": "ada@acme.example"})
    (project / "cicd").mkdir(exist_ok=True)
    said = ENVIRONMENT | {"SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/", "SYSTEM_TEAMPROJECT": "ml ops"}
    said |= {"PROMOTED_VERSION": "12", "PROMOTION_REASON": TYPED["reason"], "AGENT_TEMPDIRECTORY": str(tools.folder)}
    return tools.run(project / "scripts" / "promotion.sh", *arguments, **said | environ)


def test_the_script_shows_and_then_promotes_with_who_approved_and_where(project: Path, tools: Tools) -> None:
    shown = asked(project, tools, "show", "churn", PROMOTED_MODEL="fare")
    summary = f"{tools.folder}/challenger.md"
    assert shown.stdout.strip() == f"##vso[task.uploadsummary]{summary}", shown.stderr
    version = ["--version", "12"]
    (call,) = tools.calls()
    assert call == [
        *("python", "-m", "churn", "challenger", "--target", "prod", *version),
        *("--model", "fare", "--summary", summary),
    ]
    promoted = asked(project, tools, "promote", "churn")
    assert promoted.returncode == 0, promoted.stderr
    assert tools.calls()[-1] == [
        *("kubectl", "exec", "--namespace", "dagster-prod", "deployment/dagster-dagster-webserver", "--"),
        *("python", "-m", "churn", "promote", *version, "--approved-by", "ada@acme.example", "--approved-in"),
        "https://dev.azure.com/acme/ml%20ops/_build/results?buildId=7",
        *("--reason", TYPED["reason"]),
    ]


@pytest.mark.parametrize(
    ("arguments", "environ", "sentence"),
    [
        (["promote", "churn"], {"PROMOTED_VERSION": "12; rm"}, "The version is '12; rm': start the run with"),
        (["promote", "churn"], {"PROMOTED_VERSION": "0"}, "The version is '0': start the run with"),
        (["promote", "chrun"], {}, "The project is 'chrun': name one"),
        (["deploy", "churn"], {}, "'deploy' is neither show nor promote."),
    ],
)
def test_the_script_refuses_what_it_does_not_know(
    project: Path, tools: Tools, arguments: list[str], environ: dict[str, str], sentence: str
) -> None:
    done = asked(project, tools, *arguments, **environ)
    assert done.returncode == 2 and done.stderr.startswith(sentence)
    assert not tools.calls()


def test_the_approver_can_be_asked_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cicd.azure_devops.approver"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": ""},
    )
    assert (done.returncode, done.stdout) == (1, "")
