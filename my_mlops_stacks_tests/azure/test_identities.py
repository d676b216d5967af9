"""How pipelines and the code location sign in: by federation, with nothing that one could steal from a file."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest
from databricks.sdk.core import Config

from my_mlops_stacks_tests.azure.conftest import Tools

PLACE = {"ORGANIZATION": "https://dev.azure.com/acme", "DEVOPS_PROJECT": "mlops"}
WHERE = "--organization https://dev.azure.com/acme --project mlops"
FIELD = f"az devops service-endpoint list {WHERE} --query [?name=='mlops-test']."
ANSWERS = {
    "az ad app create": "the-application",
    "az account show --query tenantId": "the-tenant",
    "az account show --query id": "the-subscription",
    "az devops project show": "the-project",
    f"{FIELD}authorization.parameters.workloadIdentityFederationIssuer": "https://issuer",
    f"{FIELD}authorization.parameters.workloadIdentityFederationSubject": "sc://acme/mlops/mlops-test",
}
HOLDER = f"{FIELD}authorization.parameters.serviceprincipalid"
THERE = {
    HOLDER: "the-application",
    "az ad app list": "the-application",
    "az ad sp list": "the-principal",
    f"{FIELD}id": "the-connection",
    "az ad app federated-credential list": "the-credential",
}


@pytest.fixture
def az(project: Path, tools: Tools):
    """A function from what is there already to the calls of the Azure CLI and what the script printed."""

    def run(answers: dict[str, str]) -> tuple[list[list[str]], str]:
        tools.add("az")
        tools.answer(answers)
        done = tools.run(project / "scripts" / "create_service_connection.sh", "mlops-test", **PLACE)
        assert done.returncode == 0, done.stderr
        return tools.calls(), done.stdout.strip()

    return run


def test_an_identity_is_federated_and_has_no_secret(az) -> None:
    calls, printed = az(ANSWERS)
    made = [" ".join(call[1:5]) for call in calls if "create" in call]
    assert made == [
        "ad app create --display-name",
        "ad sp create --id",
        "devops service-endpoint create --organization",
        "ad app federated-credential create",
    ]
    parameters = json.loads(calls[-1][calls[-1].index("--parameters") + 1])
    assert (parameters["issuer"], parameters["subject"]) == ("https://issuer", "sc://acme/mlops/mlops-test")
    assert parameters["audiences"] == ["api://AzureADTokenExchange"]
    assert printed == "the-application"
    words = {word for call in calls for word in call}
    assert not {"reset", "create-for-rbac", "credential"} & words


def test_an_identity_that_is_there_is_left_as_it_is(az) -> None:
    calls, printed = az(THERE)
    assert [call for call in calls if "create" in call] == []
    assert printed == "the-application"


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (
            {"az ad app list": "one\nanother"},
            "Several applications are called 'mlops-test' (one, another): delete all but one, and run this again.",
        ),
        (
            {"az ad app list": "one\nanother", HOLDER: "a-third"},
            "The service connection 'mlops-test' signs in as a-third, which is no application called 'mlops-test': "
            "delete the connection, and run this again.",
        ),
        (
            {HOLDER: "a-deleted-one"},
            "The service connection 'mlops-test' signs in as a-deleted-one, which is no application called "
            "'mlops-test': delete the connection, and run this again.",
        ),
    ],
)
def test_an_identity_is_one_application(project: Path, tools: Tools, there: dict[str, str], said: str) -> None:
    tools.add("az")
    tools.answer(there)
    done = tools.run(project / "scripts" / "create_service_connection.sh", "mlops-test", **PLACE)
    assert (done.returncode, done.stderr) == (1, f"{said}\n")
    assert [call for call in tools.calls() if "create" in call] == []


def test_of_several_applications_that_of_the_connection_is_the_identity(az) -> None:
    calls, printed = az({**THERE, "az ad app list": "another\nthe-application"})
    assert printed == "the-application"
    assert [call for call in calls if "create" in call] == []


class Workspace(BaseHTTPRequestHandler):
    """The sign-in of a workspace: it exchanges the token of a service account for one of its own."""

    asked: dict[str, list[str]]

    def do_GET(self) -> None:
        self._answer({"authorization_endpoint": "-", "token_endpoint": f"http://{self.headers['Host']}/oidc/v1/token"})

    def do_POST(self) -> None:
        type(self).asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._answer({"access_token": "of-the-workspace", "token_type": "Bearer", "expires_in": 3600})

    def _answer(self, body: dict) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: object) -> None:
        """Says nothing on the tests' output."""


def test_the_code_location_signs_in_with_the_token_of_its_service_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The four variables that docs/mlops-setup.md names, read by the databricks-sdk that is installed."""
    (tmp_path / "token").write_text("of-kubernetes\n")
    server = HTTPServer(("127.0.0.1", 0), Workspace)
    Thread(target=server.serve_forever, daemon=True).start()
    variables = {
        "DATABRICKS_HOST": f"http://127.0.0.1:{server.server_port}",
        "DATABRICKS_CLIENT_ID": "the-application",
        "DATABRICKS_AUTH_TYPE": "file-oidc",
        "DATABRICKS_OIDC_TOKEN_FILE": str(tmp_path / "token"),
    }
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    try:
        assert Config().authenticate() == {"Authorization": "Bearer of-the-workspace"}
    finally:
        server.shutdown()
        server.server_close()
    assert Workspace.asked["subject_token"] == ["of-kubernetes"]
    assert Workspace.asked["client_id"] == ["the-application"]
    assert Workspace.asked["grant_type"] == ["urn:ietf:params:oauth:grant-type:token-exchange"]
