"""A service principal signs in with its secret: an identity provider that is down for a while is waited for."""

from __future__ import annotations

import re
import time

import pytest

from mlops_core.adapters.explained_calls import ENDPOINTS, NotDatabricksError, SignInError
from mlops_core.adapters.step_launcher.call_errors import OutageError
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
    with pytest.raises(SignInError, match=f"Signing in to {principal.emulator.url} failed: .*: see to the credentials"):
        principal.launcher.workspace().user_name()


@pytest.mark.parametrize(
    ("status", "page", "error", "said"),
    [
        (
            200,
            "<html><title>Sign in</title></html>",
            NotDatabricksError,
            "HTML page, or text .*: correct workspace.host",
        ),
        (500, "", SignInError, "Signing in to .* failed: .*injected by the emulator: see whether that"),
    ],
)
def test_an_outage_before_the_first_sign_in_is_not_called_a_refusal(
    principal: Workbench, status: int, page: str, error: type[Exception], said: str
) -> None:
    """Every pod begins with it, and databricks-sdk calls whatever happens there a lack of credentials."""
    principal.timing(credentials_s=1.0)
    fault = principal.emulator.fail("GET", ENDPOINTS, status, page=page, times=2)
    assert principal.launcher.workspace().user_name() == "pipeline@example.com"
    assert fault.hits == 2
    principal.emulator.fail("GET", ENDPOINTS, status, page=page, times=None)
    with pytest.raises(error, match=said) as raised:
        principal.launcher.workspace().user_name()
    assert getattr(raised.value, "refused", False) is False


@pytest.mark.parametrize("page", ["", "<html>bad gateway</html>"])
def test_a_token_endpoint_that_worked_and_is_down_is_an_outage(principal: Workbench, page: str) -> None:
    principal.timing(credentials_s=0.3)
    workspace = principal.launcher.workspace()
    assert workspace.exists("/Volumes/a/b/c/d") is False
    principal.emulator.expire_tokens()
    fault = principal.emulator.fail("POST", TOKENS, 503, page=page, times=None, seconds=1.0)
    assert workspace.user_name() == "pipeline@example.com"
    assert fault.hits > 1


@pytest.mark.slow
def test_a_token_that_expires_while_the_endpoint_is_down_ends_no_step(principal: Workbench) -> None:
    principal.emulator.fail("POST", TOKENS, 503, skip=1, times=2)
    principal.emulator.fail("GET", "/steps/.*/m-", 401)  # the token has expired, and the next one is refused twice
    result = principal.materialize("numbers")
    assert result.success
    assert len(principal.notes("numbers")) == 1


def timed(principal: Workbench) -> tuple[str, float]:
    """What a sign-in fails with, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises((SignInError, OutageError)) as raised:
        principal.launcher.workspace().user_name()
    return str(raised.value), time.monotonic() - began


@pytest.mark.parametrize("path", [ENDPOINTS, TOKENS])
def test_a_sign_in_that_nobody_answers_ends_within_the_time_of_an_outage(principal: Workbench, path: str) -> None:
    """databricks-sdk waits for a token without an end, and for the endpoints for five minutes."""
    principal.timing(credentials_s=0.4, outage_s=0.8, call_timeout_s=0.3)
    principal.emulator.fail(path=path, delay=2.0, times=None)
    said, seconds = timed(principal)
    assert re.search(rf"{principal.emulator.url}( was not answered for 0.3 s: see whether|.* Read timed out)", said)
    assert seconds < 2


def test_a_sign_in_whose_connections_are_lost_is_an_outage(principal: Workbench) -> None:
    principal.timing(outage_s=0.4)
    with principal.emulator.unreachable():
        said, seconds = timed(principal)
    assert re.search(rf"not answered as it should .* GET {ENDPOINTS} at .* was not answered \(ConnectionError", said)
    assert seconds < 2
