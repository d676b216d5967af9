"""MLflow of another workspace, named by a profile, in a process whose environment says which workspace is its own."""

from __future__ import annotations

from os import environ
from pathlib import Path

import pytest
from mlflow import MlflowClient

from databricks_emulator.emulator import Emulator
from mlops_core.adapters.databricks_client import profile_alone

ASKED = "/api/2.0/mlflow/experiments/get-by-name"


def test_a_pod_reaches_the_workspace_of_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both exchange the pod's projected token, as docs/promotion.md says."""
    token, profiles = tmp_path / "token", tmp_path / "profiles"
    token.write_text("of-the-pod")
    with Emulator(tmp_path / "prod") as prod, Emulator(tmp_path / "staging") as staging:
        prod.identity.client_id = staging.identity.client_id
        profiles.write_text(
            f"[staging]\nhost = {staging.url}\nauth_type = file-oidc\nclient_id = {staging.identity.client_id}\n"
            f"oidc_token_filepath = {token}\n"
        )
        of_the_pod = {
            "DATABRICKS_HOST": prod.url,
            "DATABRICKS_AUTH_TYPE": "file-oidc",
            "DATABRICKS_CLIENT_ID": prod.identity.client_id,
            "DATABRICKS_OIDC_TOKEN_FILE": str(token),
            "DATABRICKS_CONFIG_FILE": str(profiles),
        }
        for name, value in of_the_pod.items():
            monkeypatch.setenv(name, value)
        for uri in ("databricks", "databricks://staging"):
            with profile_alone(uri, environ):
                assert MlflowClient(uri).get_experiment_by_name("/Shared/none") is None
        assert [workspace.calls.count("GET", ASKED) for workspace in (prod, staging)] == [1, 1]
    assert {name: environ.get(name) for name in of_the_pod} == of_the_pod
