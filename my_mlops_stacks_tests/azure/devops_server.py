"""A server that answers as Azure DevOps does for what a project's pipelines need, and keeps what it is sent."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "the-token-of-an-administrator"
CHECK_TYPES = {
    "8c6f20a7-a545-4486-9777-f762fafe0d4d": "Approval",
    "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563": "ExclusiveLock",
    "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7": "Task Check",
}
TEAM_IDS = {"Release approvers": "the-approvers", "Code reviewers": "the-reviewers"}
COLLECTION_BUILD = "Microsoft.TeamFoundation.ServiceIdentity;0a0a:Build:0b0b"
IDENTITIES = {
    "mlops Build Service (acme)": "Microsoft.TeamFoundation.ServiceIdentity;0a0a:Build:0c0c",
    "Project Collection Build Service (acme)": COLLECTION_BUILD,
    "mlops-cicd": "Microsoft.VisualStudio.Services.Claims.AadServicePrincipal;tenant\\object",
}
Found = Any


class RequestError(ValueError):
    """A request that Azure DevOps answers with 400."""


@dataclass
class DevOps:
    """The project mlops of the organization acme, in which a person has made what only a person can."""

    resources: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "environment": {},
            "endpoint": {name: f"connection-of-{name}" for name in CONNECTIONS},
            "variablegroup": {"compose-prod": "31"},
            "queue": {"mlops-prod": "41"},
        }
    )
    teams: dict[str, list[str]] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=lambda: dict(IDENTITIES))
    definitions: list[dict] = field(default_factory=list)
    checks: list[dict] = field(default_factory=list)
    policies: list[dict] = field(default_factory=list)
    permissions: dict[str, dict] = field(default_factory=dict)
    rights: dict[str, dict] = field(default_factory=dict)
    writes: list[tuple[str, str, Any]] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(100))

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Found:
        for verb, pattern, handler in ROUTES:
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                if method != "GET":
                    self.writes.append((method, path, body))
                return handler(self, *found.groups(), query=query, body=body)
        return None

    def listed(self, *, kind: str, names: str, query: dict[str, str], body: Any) -> Found:
        """Azure finds environments and queues by the beginning of their names, too."""
        found = self.resources[kind]
        return [{"id": one, "name": name} for name, one in found.items() if name.startswith(query[names])]

    def add_environment(self, *, query: dict[str, str], body: Any) -> Found:
        self.resources["environment"][body["name"]] = str(next(self.ids))
        return {"id": int(self.resources["environment"][body["name"]])}

    def add_team(self, *, query: dict[str, str], body: Any) -> Found:
        """Whoever makes a team is its first member."""
        self.teams[body["name"]] = ["an administrator"]
        return {"id": TEAM_IDS[body["name"]]}

    def listed_teams(self, *, query: dict[str, str], body: Any) -> Found:
        return [{"id": TEAM_IDS[name], "name": name} for name in self.teams]

    def found_identities(self, *, query: dict[str, str], body: Any) -> Found:
        named = [
            (name, one) for name, one in self.identities.items() if query["filterValue"].casefold() in name.casefold()
        ]
        return [{"providerDisplayName": name, "descriptor": one} for name, one in named]

    def members(self, identifier: str, *, query: dict[str, str], body: Any) -> Found:
        return [
            {"identity": {"displayName": member}}
            for name, one in TEAM_IDS.items()
            if one == identifier
            for member in self.teams[name]
        ]

    def put_check(self, identifier: str = "", *, query: dict[str, str], body: Any) -> Found:
        """Refuses what is not of its kind, or names what is not there."""
        if CHECK_TYPES.get(body["type"]["id"]) != body["type"]["name"]:
            raise RequestError("The type of the check is not known.")
        if body["resource"]["id"] not in self.resources[body["resource"]["type"]].values():
            raise RequestError("The resource is not there.")
        known = {TEAM_IDS[name] for name in self.teams}
        if not {one["id"] for one in body["settings"].get("approvers", [])} <= known:
            raise RequestError("An approver is not known.")
        return _put(self.checks, identifier, self.ids, body)

    def checks_of(self, *, query: dict[str, str], body: Any) -> Found:
        wanted = (query["resourceType"], query["resourceId"])
        found = [one for one in self.checks if (one["resource"]["type"], one["resource"]["id"]) == wanted]
        return found if query.get("$expand") == "settings" else [{**one, "settings": None} for one in found]

    def permitted(self, key: str, *, query: dict[str, str], body: Any) -> Found:
        return self.permissions.get(key, {"pipelines": []})

    def permit(self, key: str, *, query: dict[str, str], body: Any) -> Found:
        """What is sent is merged into what is there."""
        before = {one["id"]: one for one in self.permitted(key, query=query, body=None)["pipelines"]}
        if not {one["id"] for one in body["pipelines"]} <= {one["id"] for one in self.definitions}:
            raise RequestError("A pipeline is not there.")
        pipelines = {**before, **{one["id"]: one for one in body["pipelines"]}}
        self.permissions[key] = {"allPipelines": body["allPipelines"], "pipelines": list(pipelines.values())}
        return self.permissions[key]

    def put_policy(self, identifier: str = "", *, query: dict[str, str], body: Any) -> Found:
        return _put(self.policies, identifier, self.ids, body)

    def policies_of(self, *, query: dict[str, str], body: Any) -> Found:
        return [one for one in self.policies if one["type"]["id"] == query["policyType"]]

    def add_definition(self, *, query: dict[str, str], body: Any) -> Found:
        return _put(self.definitions, "", self.ids, body)

    def rights_of(self, *, query: dict[str, str], body: Any) -> Found:
        entry = self.rights.get(query["descriptors"])
        return [{"token": query["token"], "acesDictionary": {query["descriptors"]: entry} if entry else {}}]

    def give_rights(self, *, query: dict[str, str], body: Any) -> Found:
        assert body["token"] == "repoV2/the-project/the-repository"
        assert body["merge"] is False
        self.rights |= {entry["descriptor"]: entry for entry in body["accessControlEntries"]}
        return []


CONNECTIONS = ("mlops-test", "mlops-staging", "mlops-prod", "mlops-prod-plan", "mlops-cicd")
IN, OF = "/acme/mlops/_apis/", "/acme/_apis/"
GIT = "2e9eb7ed-3c0a-47d4-87c1-0ffdf275fd87"
CHECKS, POLICIES = "pipelines/checks/configurations", "policy/configurations"
ROUTES: list[tuple[str, str, Callable[..., Found]]] = [
    ("GET", f"{OF}projects/mlops", lambda there, **_: {"id": "the-project"}),
    ("GET", f"{OF}projects/mlops/teams", DevOps.listed_teams),
    ("POST", f"{OF}projects/mlops/teams", DevOps.add_team),
    ("GET", f"{OF}projects/mlops/teams/([^/]+)/members", DevOps.members),
    ("GET", f"{IN}git/repositories", lambda there, **_: [{"id": "the-repository", "name": "taxi"}]),
    ("GET", f"{IN}distributedtask/environments", partial(DevOps.listed, kind="environment", names="name")),
    ("POST", f"{IN}distributedtask/environments", DevOps.add_environment),
    ("GET", f"{IN}serviceendpoint/endpoints", partial(DevOps.listed, kind="endpoint", names="endpointNames")),
    ("GET", f"{IN}distributedtask/variablegroups", partial(DevOps.listed, kind="variablegroup", names="groupName")),
    ("GET", f"{IN}distributedtask/queues", partial(DevOps.listed, kind="queue", names="queueName")),
    ("GET", f"{IN}{CHECKS}", DevOps.checks_of),
    ("POST", f"{IN}{CHECKS}", DevOps.put_check),
    ("PATCH", f"{IN}{CHECKS}/(\\d+)", DevOps.put_check),
    ("GET", f"{IN}pipelines/pipelinepermissions/(.+)", DevOps.permitted),
    ("PATCH", f"{IN}pipelines/pipelinepermissions/(.+)", DevOps.permit),
    ("GET", f"{IN}{POLICIES}", DevOps.policies_of),
    ("POST", f"{IN}{POLICIES}", DevOps.put_policy),
    ("PUT", f"{IN}{POLICIES}/(\\d+)", DevOps.put_policy),
    ("GET", f"{IN}build/definitions", lambda there, **_: there.definitions),
    ("POST", f"{IN}build/definitions", DevOps.add_definition),
    ("GET", f"{OF}identities", DevOps.found_identities),
    ("GET", f"{OF}accesscontrollists/{GIT}", DevOps.rights_of),
    ("POST", f"{OF}accesscontrolentries/{GIT}", DevOps.give_rights),
]  # fmt: skip


def _put(there: list[dict], identifier: str, ids: Iterator[int], body: Any) -> dict:
    """What is sent in the place of what has the id, or as something new."""
    made = {**body, "id": int(identifier) if identifier else next(ids)}
    there[:] = [one for one in there if str(one["id"]) != identifier] + [made]
    return made


@contextmanager
def served(devops: DevOps) -> Iterator[str]:
    """The address of the organization, while the server answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.devops = devops  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/acme"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self._send(401, {"message": "Who are you?"})
        if not query.get("api-version", "").startswith("7.1"):
            return self._send(400, {"message": "No api-version was supplied."})
        try:
            found = self.server.devops.answer(self.command, unquote(parts.path), query, body)  # type: ignore[attr-defined]
        except RequestError as error:
            return self._send(400, {"message": str(error)})
        if found is None:
            return self._send(404, {"message": f"{self.command} {parts.path} is unknown."})
        return self._send(200, {"count": len(found), "value": found} if isinstance(found, list) else found)

    do_GET = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815

    def _send(self, status: int, body: dict) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: object) -> None:
        """Says nothing on the tests' output."""
