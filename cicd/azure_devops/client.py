"""The REST API of Azure DevOps."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

API_VERSION = "7.1"
PREVIEW = "7.1-preview.1"
"""Of what has no other version yet: checks, permissions of pipelines, agent pools of a project."""


class AzureDevOpsError(RuntimeError):
    """Azure DevOps did not do what it was asked: one sentence."""


class Answer(dict[str, Any]):
    """An object of an answer, which says what it lacks."""

    def __init__(self, call: str, found: Mapping[str, Any]) -> None:
        super().__init__(found)
        self._call = call

    def __missing__(self, key: str) -> Any:
        raise AzureDevOpsError(f"{self._call} was answered without {key}: see whether Azure DevOps answers there.")


def of_run(environ: Mapping[str, str], *names: str) -> list[str]:
    """The values of variables that every run of a pipeline has.

    Raises:
        AzureDevOpsError: one is missing.
    """
    for name in names:
        if not environ.get(name):
            raise AzureDevOpsError(f"The environment variable {name} is missing: a pipeline's run has it.")
    return [environ[name] for name in names]


@dataclass(frozen=True)
class AzureDevOps:
    """One project of an organization, `https://dev.azure.com/acme`, as whoever the token is of."""

    organization: str
    project: str
    token: str

    @staticmethod
    def of_run(environ: Mapping[str, str]) -> AzureDevOps:
        """The project of a pipeline's run; raises as `of_run`."""
        return AzureDevOps(*of_run(environ, "SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "AZURE_DEVOPS_TOKEN"))

    @property
    def page(self) -> str:
        """The project's address, for people and programs."""
        return f"{self.organization.rstrip('/')}/{urllib.parse.quote(self.project)}"

    def get(self, path: str, version: str = API_VERSION, **query: str) -> Any:
        return self._call("GET", self._of_project(path), {**query, "api-version": version})

    def send(self, method: str, path: str, body: Any, version: str = API_VERSION) -> Any:
        return self._call(method, self._of_project(path), {"api-version": version}, body)

    def of_organization(self, path: str, body: Any = None, **query: str) -> Any:
        """A GET, or with a body a POST, of what belongs to no project."""
        address = f"{self.organization.rstrip('/')}/_apis/{path}"
        return self._call("GET" if body is None else "POST", address, {**query, "api-version": API_VERSION}, body)

    def identities(self, name: str) -> list[dict[str, Any]]:
        """Those that a search for `name` finds."""
        server = self.organization.replace("://dev.azure.com", "://vssps.dev.azure.com").rstrip("/")
        query = {"searchFilter": "General", "filterValue": name, "queryMembership": "None", "api-version": API_VERSION}
        return self._call("GET", f"{server}/_apis/identities", query)["value"]

    def _of_project(self, path: str) -> str:
        return f"{self.page}/_apis/{path}"

    def _call(self, method: str, address: str, query: Mapping[str, str], body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        full = f"{address}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(full, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the address is the caller's own
                found = json.load(answer, object_hook=partial(Answer, f"{method} {address}"))
        except urllib.error.HTTPError as error:
            raise AzureDevOpsError(f"{method} {address} ended with {error.code}: {_message(error)}") from error
        except OSError as error:
            raise AzureDevOpsError(f"{method} {address} failed: {error}") from error
        except ValueError as error:  # the page of a sign-in, which comes with a status of success
            raise AzureDevOpsError(f"{method} {address} is answered by a page: sign in again with az login.") from error
        return found if isinstance(found, Answer) else Answer(f"{method} {address}", {})


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return error.reason
