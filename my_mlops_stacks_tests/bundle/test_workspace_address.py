"""Where a target's workspace is, as hosts are written; every link and every sign-in goes by it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import pytest
from mlflow.entities import RunInfo

from mlops_core.adapters.databricks_client import take_plain_host, workspace_client
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.config import Target, WorkspaceAddress, link, parsed_host
from mlops_core.defs.resources import build_resources, launcher_settings
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.bundle.conftest import ROOT, TEAM, Load

# What is written -> the host, the workspace's id, and the workspace's page.
HOSTS = {
    "https://adb-12345.6.azuredatabricks.net": ("https://adb-12345.6.azuredatabricks.net", None, None),
    "https://adb-12345.6.azuredatabricks.net/": ("https://adb-12345.6.azuredatabricks.net", None, None),
    "adb-12345.6.azuredatabricks.net": ("https://adb-12345.6.azuredatabricks.net", None, None),
    " https://adb-12345.6.azuredatabricks.net/?o=12345#job/7 ": (
        "https://adb-12345.6.azuredatabricks.net",
        "12345",
        "https://adb-12345.6.azuredatabricks.net",
    ),
    "https://api.databricks.com/?o=12345": (
        "https://api.databricks.com",
        "12345",
        "https://api.databricks.com/?o=12345",
    ),
    "https://api.databricks.com?o=12345&a=abc": (
        "https://api.databricks.com",
        "12345",
        "https://api.databricks.com/?o=12345",
    ),
    "api.databricks.com/browse/folders?workspace_id=12345": (
        "https://api.databricks.com",
        "12345",
        "https://api.databricks.com/?o=12345",
    ),
    "https://api.databricks.com/?w=emea-1": (
        "https://api.databricks.com",
        "emea-1",
        "https://api.databricks.com/?o=emea-1",
    ),
    "https://api.databricks.com/?o=one": ("https://api.databricks.com", None, None),
    "https://fares.example.com:443/": ("https://fares.example.com", None, None),
    "http://127.0.0.1:8080/": ("http://127.0.0.1:8080", None, None),
    "http://localhost:8080": ("http://localhost:8080", None, None),
}


@pytest.mark.parametrize(("written", "expected"), HOSTS.items())
def test_a_host_is_read_however_people_write_it(written: str, expected: tuple[str, str | None, str | None]) -> None:
    host, workspace, page = expected
    found = parsed_host(written, "here")
    assert (found.host, found.workspace_id, found.url) == (host, workspace, page or host)
    assert parsed_host(found.url, "there").host == host


@pytest.mark.parametrize("written", ["https://", "https:///?o=1", "a b", "https://<workspace>", "ftp://a.b"])
def test_what_is_no_host_is_refused(written: str, refusal: Callable[..., str]) -> None:
    sentence = f"is {written!r}, but it should be a workspace's URL, https://<name>."
    assert refusal(f"targets: {{dev: {{workspace: {{host: '{written}'}}}}}}").endswith(sentence)
    assert refusal("", {"DATABRICKS_HOST": written}) == f"The environment's DATABRICKS_HOST {sentence}"


@pytest.mark.parametrize("written", ["http://adb-1.2.azuredatabricks.net", "http://127.0.0.1.example.com/?o=1"])
def test_a_host_that_would_get_tokens_unencrypted_is_refused(written: str, refusal: Callable[..., str]) -> None:
    name = written.removeprefix("http://").partition("/")[0]
    sentence = f"is {written!r}, where tokens would go unencrypted: write https://{name}."
    assert refusal(f"targets: {{dev: {{workspace: {{host: '{written}'}}}}}}").endswith(sentence)
    assert refusal("", {"DATABRICKS_HOST": written}) == f"The environment's DATABRICKS_HOST {sentence}"


LINKS = [
    ("https://api.databricks.com/?o=1", "ml/experiments/2", "https://api.databricks.com/ml/experiments/2?o=1"),
    ("https://api.databricks.com/ml/runs/7?o=1", "artifacts/a", "https://api.databricks.com/ml/runs/7/artifacts/a?o=1"),
    ("http://127.0.0.1:5000", "#/models/m", "http://127.0.0.1:5000/#/models/m"),
    ("http://127.0.0.1:5000/", "#/models/m", "http://127.0.0.1:5000/#/models/m"),
    ("https://mlflow.example.com/?org=a", "#/models/m", "https://mlflow.example.com/?org=a#/models/m"),
    ("http://127.0.0.1:5000/#/runs/7", "artifacts/a.html", "http://127.0.0.1:5000/#/runs/7/artifacts/a.html"),
    ("dagster.example.com/prod/", "assets/a?view=checks", "https://dagster.example.com/prod/assets/a?view=checks"),
    ("https://dagster.example.com?t=1", "assets/a?view=b", "https://dagster.example.com/assets/a?view=b&t=1"),
]


@pytest.mark.parametrize(("base", "page", "expected"), LINKS)
def test_a_page_keeps_the_query_of_its_host(base: str, page: str, expected: str) -> None:
    assert link(base, page) == expected


# ---- where the host is read


@pytest.fixture
def without_hosts(folder: Path) -> Path:
    """The bundle, no target of which names a host."""
    text = (folder / ROOT).read_text()
    (folder / ROOT).write_text(text.replace("      host: https://adb-xxxx.xx.azuredatabricks.net\n", ""))
    return folder


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    file = tmp_path / "databrickscfg"
    file.write_text(
        "[DEFAULT]\nhost = https://default.example.com\n[fares]\nhost = https://api.databricks.com\nworkspace_id = 77\n"
        "token = dapi1\n[empty]\ntoken = dapi2\n"
    )
    return file


def test_the_host_at_the_top_level_is_that_of_every_target(without_hosts: Path, load: Load) -> None:
    address = load("workspace: {host: 'https://top.example.com/'}").workspace
    assert address == WorkspaceAddress("https://top.example.com", f"{TEAM}: workspace.host")
    team = "workspace: {host: top.example.com}\ntargets: {dev: {workspace: {host: own.example.com}}}"
    assert load(team).workspace == WorkspaceAddress("https://own.example.com", f"{TEAM}: targets.dev.workspace.host")
    assert load(team, name="staging").workspace_host == "https://top.example.com"
    assert load(team, name="local").workspace is None


def test_without_a_host_in_the_file_the_environment_says_it(without_hosts: Path, load: Load, refusal: Callable) -> None:
    environ = {"DATABRICKS_HOST": "https://api.databricks.com/?o=5"}
    address = load("", environ).workspace
    assert address == WorkspaceAddress("https://api.databricks.com", "The environment's DATABRICKS_HOST", "5")
    assert refusal("") == (
        f"{ROOT}: targets.dev.workspace.host is empty, but a target of the platform databricks needs a value: write "
        "its URL, name a profile, or set DATABRICKS_HOST."
    )


def test_the_environment_wins_as_a_whole_and_says_what_it_overrules(load: Load) -> None:
    team = "targets: {dev: {workspace: {host: own.example.com, workspace_id: 9, profile: fares}}}"
    address = load(team, {"DATABRICKS_HOST": "https://own.example.com/"}).workspace
    assert (address.workspace_id, address.profile, address.overruled) == (None, None, None)
    assert load(team, {"DATABRICKS_HOST": "other.example.com"}).workspace.overruled == "own.example.com"
    stated = {"DATABRICKS_HOST": "https://api.databricks.com/?o=5", "DATABRICKS_WORKSPACE_ID": "6"}
    assert load(team, stated).workspace.workspace_id == "6"


def test_a_profile_has_the_host(without_hosts: Path, config_file: Path, load: Load, refusal: Callable) -> None:
    environ = {"DATABRICKS_CONFIG_FILE": str(config_file)}
    team = "targets: {dev: {workspace: {profile: fares}}}"
    address = load(team, environ).workspace
    assert (address.host, address.workspace_id, address.profile) == ("https://api.databricks.com", "77", "fares")
    assert address.source == f"The profile fares of {config_file}"
    assert load("", {**environ, "DATABRICKS_CONFIG_PROFILE": "DEFAULT"}).workspace_host == "https://default.example.com"
    assert refusal(team.replace("fares", "empty"), environ) == (
        f"{TEAM}: targets.dev.workspace.profile is 'empty', but {config_file} has no host under that name: run "
        "databricks auth login --profile empty, or set DATABRICKS_HOST."
    )
    assert load(team.replace("fares", "empty"), environ, name="local").workspace is None


def test_a_profile_beside_a_host_is_for_the_sign_in(load: Load) -> None:
    keys = "host: own.example.com, profile: fares, auth_type: azure-cli, azure_tenant_id: t"
    address = load(f"targets: {{dev: {{workspace: {{{keys}}}}}}}").workspace
    assert (address.host, address.profile) == ("https://own.example.com", "fares")
    assert address.sign_in == {"auth_type": "azure-cli", "azure_tenant_id": "t"}


# ---- who goes by it


def registry_of(target: Target) -> ModelRegistry:
    with dg.build_resources({"registry": build_resources(PROJECT, target)["model_registry"]}) as resources:
        return resources.registry


def test_links_name_the_workspace_that_shares_its_host(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "DATABRICKS_HOST"):
        monkeypatch.delenv(name, raising=False)
    target = load("targets: {dev: {workspace: {host: 'api.databricks.com/?o=12345'}, variables: {catalog: fares-dev}}}")
    registry = registry_of(target)
    page = "https://api.databricks.com/explore/data/models/fares-dev/my_mlops_stacks/fare_model/version/3?o=12345"
    assert registry.version_url(ModelVersion(registry.model, 3, "r")) == page
    run = RunInfo("r", "7", "u", "FINISHED", 0, 1, "active")
    assert registry.run_page(run) == "https://api.databricks.com/ml/experiments/7/runs/r?o=12345"


def test_the_profile_is_that_of_mlflow_too(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "DATABRICKS_HOST"):
        monkeypatch.delenv(name, raising=False)
    target = load("targets: {dev: {workspace: {host: own.example.com, profile: fares}}}")
    registry = registry_of(target)
    assert (registry.tracking_uri, registry.registry_uri) == ("databricks://fares", "databricks-uc://fares")
    assert registry.version_url(ModelVersion(registry.model, 3, "r")).startswith("https://own.example.com/explore/data")


def test_a_step_on_databricks_links_to_the_workspace_of_its_host(without_hosts: Path, load: Load) -> None:
    """On the cluster neither DATABRICKS_HOST nor a profile is there."""
    target = load("", {"DATABRICKS_HOST": "https://api.databricks.com/?o=5", "BUNDLE_VAR_schema": "mine"})
    environment = launcher_settings(PROJECT, target).environment
    there = load("", environment)
    assert (there.workspace_host, there.workspace.workspace_id) == ("https://api.databricks.com", "5")
    assert there.schema_name == "mine"


def test_mlflow_finds_a_plain_host_in_the_environment() -> None:
    environ = {"DATABRICKS_HOST": "api.databricks.com/?o=5"}
    take_plain_host(environ)
    take_plain_host(environ)
    assert environ == {"DATABRICKS_HOST": "https://api.databricks.com", "DATABRICKS_WORKSPACE_ID": "5"}


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """A workspace that keeps path and headers of every call."""
    calls: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
            body = b'{"userName": "ada@example.com"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    served = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}", calls
    served.shutdown()


def test_a_call_says_which_workspace_of_a_shared_host_it_is_for(server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi1")
    host, calls = server
    for written in (f"{host}/?o=12345", f"{host}/"):
        client = workspace_client(parsed_host(written, "here"))
        assert client.current_user.me().user_name == "ada@example.com"
    (path, routed), (_, plain) = calls
    assert path == "/api/2.0/preview/scim/v2/Me"
    assert (routed["x-databricks-org-id"], routed["x-databricks-workspace-id"]) == ("12345", "12345")
    assert routed["authorization"] == "Bearer dapi1"
    assert not any("workspace-id" in name or "org-id" in name for name in plain)


def test_a_profile_signs_in(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host, calls = server
    (tmp_path / "cfg").write_text(f"[fares]\nhost = {host}\ntoken = dapi7\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "cfg"))
    workspace_client(WorkspaceAddress(host, "here", profile="fares")).current_user.me()
    assert calls[0][1]["authorization"] == "Bearer dapi7"
