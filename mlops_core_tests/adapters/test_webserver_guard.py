"""Which requests reach Dagster's webserver, and that the real one does nothing of what is refused."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.webserver import DagsterWebserver

from mlops_core.adapters.webserver.__main__ import main, put_guard
from mlops_core.adapters.webserver.guard import App, WebserverGuard, public_origin

Headers = Iterable[tuple[str, str]]
OWN = {"host": "127.0.0.1:3000", "content-type": "application/json"}
LINK = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "accept": "text/html",
}
MUTATION = 'mutation { setConcurrencyLimit(concurrencyKey: "taken", limit: 1) }'
GRAPHQL = f"/graphql?query={quote(MUTATION)}"


def sent(app: App, method: str, address: str, headers: Headers, body: bytes = b"") -> list[dict[str, Any]]:
    """The messages of an ASGI application."""
    path, _, query = address.partition("?")
    scope: dict[str, Any] = {"path": path, "query_string": query.encode()}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers]
    scope |= {"type": "websocket"} if method == "WEBSOCKET" else {"type": "http", "method": method}
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(app(scope, receive, send))
    return messages


def asked(app: App, method: str, address: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str]:
    """Status and text of the answer; 101 for a WebSocket that is accepted."""
    first, *others = sent(app, method, address, headers.items(), body)
    if first["type"] == "websocket.close":
        return 403, first["reason"]
    if first["type"] == "websocket.accept":
        return 101, ""
    return first["status"], b"".join(message.get("body", b"") for message in others).decode()


async def served(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"served"})


GUARDED = WebserverGuard(served, public_origin("https://Dagster.Example.com:443/"), ["dagster-webserver"])


@pytest.mark.parametrize(
    ("host", "known"),
    [
        *(("127.0.0.1:3000", True), ("localhost", True), ("LOCALHOST:80", True), ("a.localhost:3000", True)),
        *(("[::1]:3000", True), ("10.0.0.7:3000", True)),  # a probe of Kubernetes names a pod by its address
        *(("dagster.example.com", True), ("Dagster.Example.com:443", True), ("dagster-webserver:3000", True)),
        *(("evil.example", False), ("evil.example:3000", False), ("127.0.0.1.evil.example", False)),
        *(("10.evil.example", False), ("notlocalhost", False), ("localhost.evil.example", False)),
        *(("evil@127.0.0.1", False), ("127.0.0.1/evil", False), ("2130706433", False), ("", False), ("[evil]", False)),
    ],
)
def test_a_host_is_this_machine_or_named(host: str, known: bool) -> None:
    status, text = asked(GUARDED, "GET", "/", {"host": host})
    assert (status, text) == (200, "served") if known else (status == 421 and "DAGSTER_WEBSERVER_ALLOWED_HOSTS" in text)


@pytest.mark.parametrize("first", ["127.0.0.1", "127.0.0.1:3000", "dagster-webserver:3000"])
def test_two_hosts_are_none(first: str) -> None:
    assert sent(GUARDED, "GET", "/", [("host", first), ("host", "evil.example")])[0]["status"] == 421


@pytest.mark.parametrize("method", ["POST", "GET", "WEBSOCKET"])
@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://dagster.example.com", "host": "10.0.0.7:3000"}, True),
        ({"origin": "https://dagster.example.com", "host": "dagster.example.com"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "http://127.0.0.1:3001", "sec-fetch-site": "same-site"}, False),
        ({"origin": "http://127.0.0.1:3001"}, False),
        ({"origin": "http://localhost:3000"}, False),
        ({"origin": "http://127.0.0.1"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://dagster.example.com.evil.example", "host": "dagster.example.com"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, False),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}, False),
        (LINK | {"sec-fetch-dest": "iframe"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
    ],
)
def test_only_pages_of_its_own_use_it(method: str, headers: dict[str, str], own: bool) -> None:
    status, text = asked(GUARDED, method, "/", OWN | headers)
    assert status == ({"WEBSOCKET": 101}.get(method, 200) if own else 403), text


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 403), ("WEBSOCKET", 403)])
def test_other_sites_link_to_it(method: str, status: int) -> None:
    assert asked(GUARDED, method, "/runs/1", OWN | LINK)[0] == status


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", GRAPHQL, {"accept": "*/*"}, 405),
        ("GET", GRAPHQL, {}, 405),
        ("HEAD", GRAPHQL, {}, 405),
        ("GET", f"/prefix{GRAPHQL}", {}, 405),
        ("GET", "/graphql", {"accept": "text/html,*/*"}, 200),  # GraphiQL, a page
        ("POST", "/graphql", {}, 200),
        ("POST", "/graphql", {"content-type": "Application/JSON; charset=utf-8"}, 200),
        ("POST", "/graphql", {"content-type": "text/plain; application/json"}, 415),  # a form's, to a browser
        ("POST", "/graphql", {"content-type": "application/graphql"}, 415),
        ("POST", "/graphql", {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/graphql", {"content-type": ""}, 415),
        ("POST", "/report_asset_materialization/trips", {"content-type": "text/plain"}, 415),
        ("PUT", "/", {"content-type": "text/plain"}, 415),
        ("OPTIONS", "/", {}, 200),
        ("GET", "/assets/champion", {"accept": "*/*"}, 200),
    ],
)
def test_what_changes_anything_is_json_by_post(method: str, path: str, headers: dict[str, str], status: int) -> None:
    assert asked(GUARDED, method, path, OWN | headers)[0] == status


def test_no_other_page_shows_it() -> None:
    assert (b"x-frame-options", b"SAMEORIGIN") in sent(GUARDED, "GET", "/", OWN.items())[0]["headers"]


def test_a_refusal_is_one_sentence_which_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for method in ("WEBSOCKET", "GET"):
        status, text = asked(GUARDED, method, "/graphql", OWN | {"origin": "http://evil.example"})
        assert (status, text.strip()) == (
            403,
            "A page of 'http://evil.example' may not use the Dagster at 127.0.0.1:3000.",
        )
    asked(GUARDED, "GET", "/a\nb", {"host": "evil.example"})
    [*_, last] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert r"GET of '/a\nb'" in last.getMessage() and "does not know itself as 'evil.example'" in last.getMessage()


@pytest.mark.parametrize("address", ["dagster.example.com", "ftp://dagster", "https://", "//dagster"])
def test_the_public_address_is_one(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DAGSTER_WEBSERVER_URL", address)
    with pytest.raises(SystemExit, match=r"without its guard: DAGSTER_WEBSERVER_URL is '.*': write it as"):
        main()


def test_no_webserver_starts_without_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_webserver.webserver.DagsterWebserver", object)
    with pytest.raises(SystemExit, match="without its guard: This version of dagster-webserver"):
        main()


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture(scope="module")
def dagster(instance: dg.DagsterInstance) -> Iterator[App]:
    """Dagster's own webserver, without a code location, behind the guard."""
    with pytest.MonkeyPatch.context() as patch, WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace:
        patch.setattr(DagsterWebserver, "build_middleware", DagsterWebserver.build_middleware)
        put_guard()
        yield create_app_from_workspace_process_context(workspace)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("method", "address", "headers"),
    [
        ("GET", GRAPHQL, {"sec-fetch-site": "cross-site"}),
        ("GET", GRAPHQL, {}),
        ("GET", GRAPHQL, {"host": "evil.example"}),
        ("GET", GRAPHQL, LINK),
        ("POST", GRAPHQL, {"content-type": "text/plain"}),
        ("POST", GRAPHQL, {"origin": "http://evil.example"}),
        ("POST", "/graphql", {"content-type": "text/plain; application/json"}),
        ("POST", "/report_asset_materialization/taken", {"content-type": "text/plain"}),
        ("POST", "/report_asset_materialization/taken", {"origin": "null"}),
        ("POST", "/report_asset_observation/taken", {"sec-fetch-site": "same-site"}),
    ],
)
def test_dagster_does_nothing_of_what_is_refused(
    dagster: App, instance: dg.DagsterInstance, method: str, address: str, headers: dict[str, str]
) -> None:
    asked(dagster, method, address, OWN | headers, json.dumps({"query": MUTATION}).encode())
    assert not instance.event_log_storage.get_concurrency_keys()
    assert not instance.get_asset_keys()


def test_dagster_does_for_its_own_pages_and_for_programs_what_they_ask(
    dagster: App, instance: dg.DagsterInstance
) -> None:
    body = json.dumps({"query": MUTATION}).encode()
    page = {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-origin"}
    for headers in (OWN, OWN | page):
        status, text = asked(dagster, "POST", "/graphql", headers, body)
        assert (status, json.loads(text)) == (200, {"data": {"setConcurrencyLimit": True}})
        assert instance.event_log_storage.get_concurrency_keys() == {"taken"}
        instance.event_log_storage.delete_concurrency_limit("taken")
    assert asked(dagster, "POST", "/report_asset_materialization/told", OWN, b"{}")[0] == 200
    assert instance.get_asset_keys() == [dg.AssetKey("told")]
    assert "GraphiQL" in asked(dagster, "GET", "/graphql", {"host": "localhost", "accept": "text/html"})[1]
