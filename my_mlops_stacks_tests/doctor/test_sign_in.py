"""The doctor on hosts that are not there or not a workspace, and on ways to sign in."""

from __future__ import annotations

import base64
import json
import os
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from databricks_emulator import Emulator
from mlops_core.cli.doctor import examine
from mlops_core.config import load_target, parsed_host
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.doctor.staging import examined, failures, run_doctor


def test_a_wrong_token_is_said_without_showing_it(workspace: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi0123456789")
    result = run_doctor("--target", "staging")
    assert result.exit_code == 1
    assert "failed  sign-in: The workspace does not let us in: GET /api/" in result.output
    assert "refused the sign-in: 403: Invalid access token" in result.output
    assert "Not checked, because sign-in failed" in result.output
    assert "dapi0123456789" not in result.output


@pytest.mark.parametrize("kind", ["closed port", "unknown name", "silence"])
def test_a_host_that_is_not_there_is_said_within_seconds(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("mlops_core.adapters.doctor.workspace.CALL_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hosts = {"unknown name": "https://adb-1.invalid", "silence": f"http://127.0.0.1:{port}"}
        if kind == "closed port":
            silent.close()
        monkeypatch.setenv("DATABRICKS_HOST", hosts.get(kind, f"http://127.0.0.1:{port}"))
        started = time.monotonic()
        found = examined()
        assert time.monotonic() - started < 10
    assert list(failures(found)) == ["workspace"]
    assert found["compute"][0].said == "Not checked, because workspace failed"


class SignInPage(BaseHTTPRequestHandler):
    """A portal or a proxy before the workspace: whoever calls is led to a page for people; or a site that has none."""

    first = 302

    def do_GET(self) -> None:
        page = b"<html>Sign in</html>" if self.path == "/login" else b""
        self.send_response(200 if page else self.first)
        self.send_header("Location", "/login")
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(("first", "page"), [(302, "/login"), (404, "/api/2.0/preview/scim/v2/Me")])
def test_a_page_in_the_place_of_the_api_is_said(monkeypatch: pytest.MonkeyPatch, first: int, page: str) -> None:
    monkeypatch.setattr(SignInPage, "first", first)
    with ThreadingHTTPServer(("127.0.0.1", 0), SignInPage) as served:
        Thread(target=served.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{served.server_port}"
        monkeypatch.setenv("DATABRICKS_HOST", host)
        found = examined()
        served.shutdown()
    said = f"{host} answers with a web page, not as the API of Databricks does: {host}{page}"
    assert failures(found)["workspace"] == said
    assert "The environment's DATABRICKS_HOST" in str(found["workspace"][0].fix)
    assert found["sign-in"][0].said == "Not checked, because workspace failed"


def test_the_workspace_is_said_with_where_it_was_read(workspace: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    host = os.environ["DATABRICKS_HOST"].rstrip("/")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DATABRICKS_WORKSPACE_ID", raising=False)  # which definitions of other tests may have left
    answers, *_ = examined()["workspace"]  # a team's own host may have more to say
    assert (answers.state, answers.said) == ("ok", f"{host} answers (The environment's DATABRICKS_HOST)")
    monkeypatch.setenv("DATABRICKS_HOST", f"{host}/?o=12345")
    monkeypatch.setenv("DATABRICKS_WORKSPACE_ID", "12345")  # or building the definitions would leave it behind
    answers, *others = examined()["workspace"]
    assert answers.said == f"{host}/?o=12345 answers (The environment's DATABRICKS_HOST)"
    routed = ("warning", f"MLflow asks {host} without saying that workspace 12345 is meant")
    assert routed in [(other.state, other.said) for other in others]


def test_a_host_that_only_the_bundle_says_is_one_that_mlflow_does_not_know(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = os.environ["DATABRICKS_HOST"]
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DATABRICKS_HOST")
    address = parsed_host(host, "databricks.yml: workspace.host")
    target = load_target(PROJECT, "staging").model_copy(update={"workspace": address})
    found = [finding for name, finding in examine(PROJECT, target) if name == "workspace"]
    assert [finding.state for finding in found] == ["ok", "warning"]
    assert found[1].fix == f"set DATABRICKS_HOST to {address.url}, or name a profile in databricks.yml"


def test_the_placeholder_of_a_new_project_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "https://adb-xxxx.xx.azuredatabricks.net")
    said = failures(examined())["workspace"]
    assert said == "The host is the placeholder https://adb-xxxx.xx.azuredatabricks.net"


def test_federation_signs_in_with_a_projected_token(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a pod on Kubernetes does; what the federation policy must say is read from the token."""
    subject = "system:serviceaccount:dagster-staging:my-mlops-stacks"
    claims = {"iss": "https://oidc.example.com/", "sub": subject, "aud": ["databricks"]}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    (tmp_path / "token").write_text(f"e30.{payload}.signature\n")
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "file-oidc")
    monkeypatch.setenv("DATABRICKS_OIDC_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", workspace.identity.client_id)
    found = examined()
    assert failures(found) == {}
    assert found["sign-in"][0].said == "Signed in as pipeline@example.com by file-oidc"
    assert f"issuer https://oidc.example.com/, subject {subject}" in found["variables"][0].said
    assert "signature" not in str(found)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DATABRICKS_AUTH_TYPE": "file-oidc", "DATABRICKS_CLIENT_ID": "1"}, "needs DATABRICKS_OIDC_TOKEN_FILE"),
        ({"DATABRICKS_AUTH_TYPE": "file-oidc", "DATABRICKS_OIDC_TOKEN_FILE": "/none"}, "The token can't be read"),
        ({"DATABRICKS_AUTH_TYPE": "azure-cli", "PATH": "/none"}, "azure-cli needs the program az"),
        ({"DATABRICKS_AUTH_TYPE": "azure-devops-oidc"}, "databricks-sdk below 0.61 does not know azure-devops-oidc"),
        ({"DATABRICKS_AUTH_TYPE": "azure-msi"}, "databricks-sdk below 0.61 does not know azure-msi"),
    ],
)
def test_variables_that_do_not_fit_are_said(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert said in failures(examined())["variables"]


def test_a_secret_that_lives_long_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "dose0123456789")
    warned = [one for one in examined()["variables"] if "DATABRICKS_CLIENT_SECRET" in one.said]
    assert [one.state for one in warned] == ["warning"]
    assert "dose0123456789" not in str(warned)
