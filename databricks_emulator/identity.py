"""Who calls: the tokens that the workspace accepts, its OAuth endpoints, and the current user.

Besides a personal access token, a service principal may sign in with its secret (OAuth M2M) or with a token of another
issuer (workload identity federation); both get access tokens that expire.
"""

from __future__ import annotations

import base64
import secrets
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

from databricks.sdk.service.iam import (
    ComplexValue,
    CurrentUserAPI,
    ListServicePrincipalResponse,
    ServicePrincipal,
    User,
)

from databricks_emulator.api import ApiError, Call, Request, route

USER = "pipeline@example.com"
OIDC = "/oidc/"


class Identity:
    """Issues and checks tokens; `token_seconds` is how long an OAuth access token lives."""

    def __init__(self, url: str, token_seconds: float = 3600.0) -> None:
        self._url, self.token_seconds = url, token_seconds
        self.token = f"dapi{secrets.token_hex(16)}"
        self.client_id = str(uuid.uuid4())
        self.client_secret = f"dose{secrets.token_hex(16)}"
        self.groups = ["users"]  # of the caller
        self.service_principals = [self._principal("The pipeline", self.client_id)]
        self._expiry: dict[str, float] = {}  # of each OAuth token, in seconds of the monotonic clock

    def add_service_principal(self, name: str) -> str:
        """Let a service principal of this name join the workspace; returns its application id."""
        principal = self._principal(name, str(uuid.uuid4()))
        self.service_principals.append(principal)
        return str(principal.application_id)

    @staticmethod
    def _principal(name: str, application_id: str) -> ServicePrincipal:
        return ServicePrincipal(id=application_id, application_id=application_id, display_name=name, active=True)

    def expire(self) -> None:
        """Revoke every token issued so far: a personal access token is replaced, OAuth tokens expire now."""
        self.token = f"dapi{secrets.token_hex(16)}"
        self._expiry = dict.fromkeys(self._expiry, 0.0)

    def check(self, request: Request) -> None:
        """Refuse a request without a valid token, as Databricks does.

        Raises:
            ApiError: 401 without a token or with an expired one, 403 with an unknown one.
        """
        if request.path.startswith(OIDC):
            return
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not token:
            message = "Credential was not sent or was of an unsupported type for this API."
            raise ApiError(401, "401", message)
        if token == self.token:
            return
        if token not in self._expiry:
            raise ApiError(403, "403", "Invalid access token.")
        if time.monotonic() > self._expiry[token]:
            raise ApiError(401, "401", "The access token has expired.")

    @route("GET", f"{OIDC}.well-known/oauth-authorization-server")
    def endpoints(self, call: Call) -> dict[str, str]:
        return {
            "authorization_endpoint": f"{self._url}{OIDC}v1/authorize",
            "token_endpoint": f"{self._url}{OIDC}v1/token",
        }

    @route("POST", f"{OIDC}v1/token")
    def issue(self, call: Call) -> dict[str, Any]:
        form = {name: values[0] for name, values in parse_qs(call.request.body.decode()).items()}
        given = call.request.headers.get("authorization", "")
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        is_federated = form.get("client_id") == self.client_id and "subject_token" in form
        if given != f"Basic {basic}" and form.get("client_secret") != self.client_secret and not is_federated:
            raise ApiError(401, "invalid_client", "Client authentication failed")
        token = f"eyJ{secrets.token_hex(24)}"
        self._expiry[token] = time.monotonic() + self.token_seconds
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(self.token_seconds)}

    @route("GET", "/api/2.0/preview/scim/v2/Me", CurrentUserAPI.me)
    def me(self, call: Call) -> User:
        return User(
            id="1001",
            user_name=USER,
            display_name="The pipeline",
            active=True,
            groups=[ComplexValue(display=group) for group in self.groups],
        )

    @route("GET", "/api/2.0/preview/scim/v2/ServicePrincipals")
    def listed(self, call: Call) -> ListServicePrincipalResponse:
        """All of them, from `startIndex` on, which counts from one."""
        found = self.service_principals[int(call.request.query.get("startIndex", 1)) - 1 :]
        return ListServicePrincipalResponse(resources=found, total_results=len(self.service_principals))
