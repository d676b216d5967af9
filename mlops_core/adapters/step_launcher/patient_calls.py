"""Calls to the workspace, repeated while what fails may pass.

There is one policy of repeating: databricks-sdk makes each call once. A failure counts from the first one to the next
answer, over all calls of a launch: an outage is waited for `outage_s` seconds, whichever calls it meets.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn, TypeVar

from tenacity import RetryCallState, Retrying, wait_random_exponential

from mlops_core.adapters.databricks_client import workspace_client
from mlops_core.adapters.explained_calls import NotDatabricksError, SignInError
from mlops_core.adapters.step_launcher.call_errors import (
    WOULD_REPEAT,
    OutageError,
    is_refused_sign_in,
    is_transient,
)
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.looks_secret import without_secrets

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

T = TypeVar("T")
SOON = wait_random_exponential(multiplier=0.2, max=5)
THINNED = wait_random_exponential(multiplier=1, max=5)  # many hosts that were refused at once come back apart
PART_OF_UPLOAD_S = 5  # the parts of a large file go to the cloud's storage, and the SDK repeats them by another clock
UNCLEAR = (NotDatabricksError, SignInError)  # an outage where it has worked before, else more likely a wrong address
CROWDED = "too many calls reach the workspace: let fewer runs run at once"
UNWELL = "see whether the workspace, the network and the proxy work"
THEN = "a run that failed can be re-executed from the failed step"


class SingleAttempts:
    """A clock of databricks-sdk that raises the error before whose next attempt the SDK would sleep."""

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        error = sys.exception()
        if error is None:
            raise RuntimeError("databricks-sdk sleeps without an error: it repeats calls another way than expected.")
        setattr(error, WOULD_REPEAT, seconds)
        raise error


class ClientSource:
    """One WorkspaceClient for a process, made again when its credentials were refused.

    `has_answered` says whether a Databricks workspace has ever answered, be it with an error.
    """

    def __init__(self, settings: LauncherSettings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._client: WorkspaceClient | None = None
        self._user: str | None = None
        self.has_answered = False

    def get(self) -> WorkspaceClient:
        with self._lock:
            if self._client is None:
                self._client = self._build()
            return self._client

    def user_name(self, ask: Callable[[], str]) -> str:
        """Who signs in, asked once."""
        if self._user is None:
            self._user = ask()
        return self._user

    def forget(self) -> None:
        with self._lock:
            self._client = None

    @property
    def host(self) -> str:
        if self._client is not None:
            return str(self._client.config.host)
        return self._settings.workspace.host if self._settings.workspace else "The Databricks workspace"

    def _build(self) -> WorkspaceClient:
        return workspace_client(
            self._settings.workspace,
            clock=SingleAttempts(),
            http_timeout_seconds=self._settings.timing.call_timeout_s,
            retry_timeout_seconds=PART_OF_UPLOAD_S,
            product="my-mlops-stacks-step-launcher",
            product_version="1.0.0",
        )


class PatientCalls:
    """Makes the calls of one launch; each is repeated until nobody has answered for `patience_s` seconds."""

    def __init__(self, clients: ClientSource, credentials_s: float, patience_s: float, log: logging.Logger) -> None:
        self._clients, self._log = clients, log
        self._credentials_s, self._patience_s = credentials_s, patience_s
        self._failing_since: float | None = None
        self._refused_since: float | None = None

    def make(self, call: Callable[[WorkspaceClient], T]) -> T:
        """What the call gives.

        Raises:
            OutageError: there was no answer for `patience_s` seconds.
            SignInError, databricks.sdk.errors.Unauthenticated: the sign-in was refused for `credentials_s` seconds.
            databricks.sdk.errors.DatabricksError: Databricks refuses the call.
        """
        retrying = Retrying(
            retry=self._may_pass,
            stop=lambda state: self._left_s(state) <= 0,
            wait=self._wait_s,
            before_sleep=self._warn,
            retry_error_callback=self._give_up,
        )
        made: T = retrying(lambda: self._attempt(call))
        return made

    def _attempt(self, call: Callable[[WorkspaceClient], T]) -> T:
        made = call(self._clients.get())
        self._answered()
        return made

    def _answered(self) -> None:
        self._failing_since = self._refused_since = None
        self._clients.has_answered = True

    def _may_pass(self, state: RetryCallState) -> bool:
        error = _error(state)
        if error is None:
            return False
        refused = is_refused_sign_in(error)
        if not refused and not is_transient(error):
            self._answered()
            return False
        self._failing_since = self._since(state)
        if refused:
            self._clients.forget()  # the next client reads the environment and the configuration file again
        if refused or (isinstance(error, UNCLEAR) and not self._clients.has_answered):
            self._refused_since = self._refused_since or time.monotonic()
        else:
            self._refused_since = None
        return True

    def _since(self, state: RetryCallState) -> float:
        """When what fails began to: this call, or one before it."""
        began = state.start_time
        return began if self._failing_since is None else min(self._failing_since, began)

    def _left_s(self, state: RetryCallState) -> float:
        """How long it may still fail; a call for itself may not fail for longer, whatever others are answered."""
        now = time.monotonic()
        left = self._since(state) + self._patience_s - now
        if self._refused_since is not None:
            left = min(left, self._refused_since + self._credentials_s - now)
        return left

    def _wait_s(self, state: RetryCallState) -> float:
        """As long as Databricks asks for, and some more, but not past the moment at which it is given up."""
        from databricks.sdk.errors import TooManyRequests

        error = _error(state)
        more = THINNED if isinstance(error, TooManyRequests) else SOON
        wait_s = (getattr(error, "retry_after_secs", None) or 0) + more(state)
        return min(wait_s, max(self._left_s(state), 0.0))

    def _warn(self, state: RetryCallState) -> None:
        if state.attempt_number in (2, 5) or state.attempt_number % 20 == 0:
            self._log.warning(
                "The Databricks workspace does not answer as it should (%s: %.300s); repeating for up to %.0f s.",
                type(_error(state)).__name__, without_secrets(str(_error(state))), self._patience_s,
            )  # fmt: skip

    def _give_up(self, state: RetryCallState) -> NoReturn:
        from databricks.sdk.errors import TooManyRequests

        error = _error(state)
        if error is None:
            raise AssertionError("A call is given up for its error.")
        if state.attempt_number == 1 or self._refused_since is not None:
            raise error
        seconds = time.monotonic() - self._since(state)
        since = datetime.fromtimestamp(time.time() - seconds, UTC)
        advice = CROWDED if isinstance(error, TooManyRequests) else UNWELL
        fix = "" if isinstance(error, NotDatabricksError) else f": {advice}; {THEN}"
        raise OutageError(
            f"{self._clients.host} has not answered as it should for {seconds:.0f} s, since {since:%H:%M:%S} UTC; the "
            f"last of {state.attempt_number} attempts: {without_secrets(str(error)).rstrip('.')}{fix}."
        ) from error


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
