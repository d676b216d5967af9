"""The Secrets API; a secret is a file, which `dbutils.secrets` of a task reads."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path

from databricks.sdk.service.workspace import (
    ListScopesResponse,
    ListSecretsResponse,
    ScopeBackendType,
    SecretMetadata,
    SecretsAPI,
    SecretScope,
)

from databricks_emulator.api import ApiError, Call, invalid, route
from databricks_emulator.storage import Storage, milliseconds

BASE = "/api/2.0/secrets"
NAME = re.compile(r"[\w.@/-]{1,128}")
LARGEST = 128 * 1024  # bytes


class SecretScopes:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    @route("POST", f"{BASE}/scopes/create", SecretsAPI.create_scope)
    def create_scope(self, call: Call) -> None:
        folder = self._storage.secrets / _name(call["scope"])
        if folder.exists():
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Scope {call['scope']} already exists!")
        folder.mkdir()

    @route("POST", f"{BASE}/scopes/delete", SecretsAPI.delete_scope)
    def delete_scope(self, call: Call) -> None:
        shutil.rmtree(self._scope(call["scope"]))

    @route("GET", f"{BASE}/scopes/list", SecretsAPI.list_scopes)
    def list_scopes(self, call: Call) -> ListScopesResponse:
        names = sorted(folder.name for folder in self._storage.secrets.iterdir())
        return ListScopesResponse([SecretScope(ScopeBackendType.DATABRICKS, name=name) for name in names])

    @route("POST", f"{BASE}/put", SecretsAPI.put_secret)
    def put(self, call: Call) -> None:
        if (call.get("string_value") is None) == (call.get("bytes_value") is None):
            raise invalid("Exactly one of string_value and bytes_value must be given.")
        value = (call.get("string_value") or "").encode() or base64.b64decode(call.get("bytes_value") or "")
        if len(value) > LARGEST:
            raise ApiError(400, "RESOURCE_LIMIT_EXCEEDED", f"The secret has more than {LARGEST} bytes.")
        (self._scope(call["scope"]) / _name(call["key"])).write_bytes(value)

    @route("GET", f"{BASE}/list", SecretsAPI.list_secrets)
    def list(self, call: Call) -> ListSecretsResponse:
        files = sorted(self._scope(call["scope"]).iterdir())
        return ListSecretsResponse([SecretMetadata(file.name, milliseconds(file)) for file in files])

    @route("POST", f"{BASE}/delete", SecretsAPI.delete_secret)
    def delete(self, call: Call) -> None:
        file = self._scope(call["scope"]) / call["key"]
        if not file.exists():
            message = f"Secret does not exist with scope: {call['scope']} and key: {call['key']}"
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)
        file.unlink()

    def _scope(self, name: str) -> Path:
        folder = self._storage.secrets / name
        if not folder.is_dir():
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Scope {name} does not exist!")
        return folder


def _name(name: str) -> str:
    if not NAME.fullmatch(name) or "/" in name:
        raise invalid(f"'{name}' may only have letters, digits, dashes, underscores and periods, at most 128.")
    return name
