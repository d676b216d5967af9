"""A service principal signs in with its secret: an identity provider that is down for a while is waited for."""

from __future__ import annotations

import pytest

from mlops_core.adapters.step_launcher.call_errors import SignInError
from mlops_core_tests.adapters.step_launcher.workbench import Workbench

TOKENS = "/oidc/v1/token"


@pytest.fixture
def principal(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    identity = workbench.emulator.identity
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", identity.client_id)
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", identity.client_secret)
    yield workbench
    monkeypatch.undo()


@pytest.mark.parametrize("status", [500, 503])
def test_a_token_endpoint_that_fails_is_asked_again(principal: Workbench, status: int) -> None:
    fault = principal.emulator.fail("POST", TOKENS, status, times=2)
    assert principal.launcher.workspace().user_name() == "pipeline@example.com"
    assert fault.hits == 2


def test_a_token_endpoint_that_stays_down_fails_with_its_cause(principal: Workbench) -> None:
    principal.timing(credentials_s=1.0)
    principal.emulator.fail("POST", TOKENS, 503, times=None)
    with pytest.raises(
        SignInError, match="Signing in to the Databricks workspace failed: .*TEMPORARILY_UNAVAILABLE|unknown"
    ):
        principal.launcher.workspace().user_name()


@pytest.mark.slow
def test_a_token_that_expires_while_the_endpoint_is_down_ends_no_step(principal: Workbench) -> None:
    principal.emulator.fail("POST", TOKENS, 503, skip=1, times=2)
    principal.emulator.fail("GET", "/steps/.*/m-", 401)  # the token has expired, and the next one is refused twice
    result = principal.materialize("numbers")
    assert result.success
    assert len(principal.notes("numbers")) == 1
