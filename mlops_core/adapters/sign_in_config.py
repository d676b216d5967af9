"""databricks-sdk's configuration, with which signing in takes no longer than any other call may.

The SDK looks for the endpoints of a sign-in with a client that repeats for five minutes whatever the configuration
says, and sets no limit to the time in which an endpoint has to give it a token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

from databricks.sdk._base_client import _BaseClient  # noqa: TID253 - who makes a client imports this module
from databricks.sdk.config import ConfigAttribute  # noqa: TID253
from databricks.sdk.core import Config  # noqa: TID253
from databricks.sdk.oauth import OidcEndpoints, get_workspace_endpoints  # noqa: TID253

from mlops_core.adapters.explained_calls import HOST_FIX, SignInError

T = TypeVar("T")
CALL_S = 60.0  # how long the SDK lets a call take of which the configuration does not say it
UNTIMED = "pat", "external-browser"  # the one asks nobody, the other a person


class SignInConfig(Config):
    """Raises SignInError where the SDK would wait for a sign-in for longer than `http_timeout_seconds`."""

    @classmethod
    def attributes(cls) -> Iterable[ConfigAttribute]:
        return Config.attributes()  # which looks for them in the class itself

    @property
    def oidc_endpoints(self) -> OidcEndpoints | None:
        if not self.host or self.is_account_client or (self.is_azure and self.azure_client_id):
            return super().oidc_endpoints
        client = _BaseClient(
            clock=self.clock,
            http_timeout_seconds=self.http_timeout_seconds,
            retry_timeout_seconds=self.retry_timeout_seconds,
        )
        return get_workspace_endpoints(self.host, client=client)

    def init_auth(self) -> None:
        self._in_time(super().init_auth)

    def authenticate(self) -> dict[str, str]:
        return self._in_time(super().authenticate)

    def _in_time(self, sign_in: Callable[[], T]) -> T:
        if self.auth_type in UNTIMED:
            return sign_in()
        done: Future[T] = Future()
        threading.Thread(target=_settle, args=(done, sign_in), daemon=True).start()  # nothing can end it
        seconds = self.http_timeout_seconds or CALL_S
        try:
            return done.result(seconds)
        except TimeoutError:
            if done.done():
                raise
        raise SignInError(f"Signing in to {self.host} was not answered for {seconds:g} s: {HOST_FIX}.", refused=False)


def _settle(done: Future[T], call: Callable[[], T]) -> None:
    try:
        done.set_result(call())
    except Exception as error:  # noqa: BLE001 - for whoever waits for it
        done.set_exception(error)
