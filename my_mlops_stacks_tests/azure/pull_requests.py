"""A server that answers as Azure Repos does for pull requests: it lists the open ones and opens more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

PATH = "/acme/mlops/_apis/git/repositories/taxi/pullrequests"
TOKEN = "the-token-of-the-run"


@dataclass
class PullRequests:
    """The pull requests of the repository taxi of the project mlops of the organization acme."""

    address: str
    requests: list[dict] = field(default_factory=list)
    odd: list[object] = field(default_factory=list)  # answers in the place of the next ones

    @property
    def environment(self) -> dict[str, str]:
        """What a run of a pipeline has in its environment."""
        return {
            "SYSTEM_COLLECTIONURI": f"{self.address}/acme/",
            "SYSTEM_TEAMPROJECT": "mlops",
            "BUILD_REPOSITORY_NAME": "taxi",
            "AZURE_DEVOPS_TOKEN": TOKEN,
        }


@contextmanager
def served() -> Iterator[PullRequests]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state = PullRequests(f"http://127.0.0.1:{server.server_port}")
    server.state = state  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        wanted = {name.removeprefix("searchCriteria."): values[0] for name, values in self._query().items()}
        keys = ("status", "sourceRefName", "targetRefName")
        found = [one for one in self._state.requests if all(one[key] == wanted.get(key, one[key]) for key in keys)]
        self._answer(200, {"count": len(found), "value": found})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        opened = {"pullRequestId": len(self._state.requests) + 1, "status": "active", **body}
        self._state.requests.append(opened)
        self._answer(201, opened)

    @property
    def _state(self) -> PullRequests:
        return self.server.state  # type: ignore[attr-defined]

    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)

    def _answer(self, status: int, body: object) -> None:
        allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
        known = urlsplit(self.path).path == PATH and "api-version" in self._query()
        status = status if allowed and known else (404 if allowed else 401)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        body = self._state.odd.pop(0) if self._state.odd else body
        self.wfile.write(json.dumps(body if status < 400 else {"message": "refused"}).encode())

    def log_message(self, *arguments: object) -> None:
        """Says nothing on the tests' output."""
