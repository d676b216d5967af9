"""Keeps the pages that somebody opens from using the Dagster that their browser reaches.

Dagster's webserver executes a GraphQL mutation of a plain GET, whatever `Host`, `Origin` and `Sec-Fetch-*` say: any
page could start jobs. Behind this, a browser is served what Dagster's own pages ask for, and links to them. It is no
sign-in: who reaches the port without a browser may do everything, unless `sign_in` asks who it is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")
OF_ONESELF = ("same-origin", "none")
READING = ("GET", "HEAD", "OPTIONS")
JSON = "application/json"
UNKNOWN = (
    "This Dagster does not know itself as {!r}: set DAGSTER_WEBSERVER_URL to the address by which people reach it,"
    " or add the name to DAGSTER_WEBSERVER_ALLOWED_HOSTS."
)

logger = logging.getLogger(__name__)


class Refusal(NamedTuple):
    status: int
    reason: str


class Known(NamedTuple):
    """How a server is called in its sentences, what it says of a host that is not its own, and which are its own.

    Loopback names and numeric addresses always are, for no name server can hand them to another site (DNS rebinding).
    """

    server: str = "Dagster"
    unknown: str = UNKNOWN
    public: str = ""
    hosts: frozenset[str | None] = frozenset()


class WebserverGuard:
    """ASGI middleware that refuses what another site asks for, with a status and a sentence, which is also logged.

    Known are also `hosts`, and that of `public`, the origin by which people reach Dagster through a proxy, if they do.
    """

    def __init__(self, app: App, public: str = "", hosts: Iterable[str] = ()) -> None:
        self.app = app
        self.known = Known(public=public, hosts=frozenset({urlsplit(public).hostname, *map(str.lower, hosts)}))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        refusal = refusal_of(scope, self.known)
        if refusal is None:
            return await self.app(scope, receive, _unframed(send))
        return await refuse(scope, send, refusal)


def refusal_of(scope: Message, known: Known) -> Refusal | None:
    """Why a request may be that of another site; None when it is not, or no request."""
    if scope["type"] not in ("http", "websocket"):
        return None
    headers = _headers(scope)
    host, origin = (headers.get(name, "").lower() for name in ("host", "origin"))
    if not (needs_no_name_server(host) or _name(host) in known.hosts):
        return Refusal(421, known.unknown.format(host))
    if origin and origin != known.public and origin.partition("://")[2] != host:
        return Refusal(403, f"A page of {origin!r} may not use the {known.server} at {host}.")
    if headers.get("sec-fetch-site", "none") not in OF_ONESELF and not _is_link(scope, headers):
        return Refusal(403, f"A page of another site may link to this {known.server}, but neither use nor show it.")
    return _form_refusal(scope, headers) if scope["type"] == "http" else None


def needs_no_name_server(host: str) -> bool:
    """Whether a lower-case `Host` is a loopback name or a number: none that a name server can hand to another site."""
    name = _name(host)
    return f".{name}".endswith(".localhost") or _is_address(name.strip("[]"))


def public_origin(address: str) -> str:
    """Scheme, host and port of an address, as browsers write them; empty for an empty one.

    Raises:
        ValueError: it is no http address.
    """
    parts = urlsplit(address.lower())
    if address and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError(f"DAGSTER_WEBSERVER_URL is {address!r}: write it as https://name.")
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(default)}" if address else ""


def _headers(scope: Message) -> dict[str, str]:
    """Name -> value; repeated ones are joined, as HTTP reads them, and are then nothing that is allowed."""
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _name(host: str) -> str:
    """Without its port; empty where it is no host."""
    match = HOST.fullmatch(host)
    return match[1] if match else ""


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _is_link(scope: Message, headers: Mapping[str, str]) -> bool:
    """Whether somebody followed a link to a page, which is not shown within another one."""
    opened = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return scope.get("method") == "GET" and opened == ("navigate", "document")


def _form_refusal(scope: Message, headers: Mapping[str, str]) -> Refusal | None:
    """Forms, pictures and scripts of other pages send no JSON by POST without asking first (CORS)."""
    if scope["method"] not in READING:
        is_json = headers.get("content-type", "").partition(";")[0].strip().lower() == JSON
        return None if is_json else Refusal(415, f"Send {scope['method']} with a body of {JSON}.")
    # A browser that opens this address gets GraphiQL, and whatever query it carries is not executed.
    if scope["path"].endswith("/graphql") and "text/html" not in headers.get("accept", ""):
        return Refusal(405, f"Send GraphQL by POST, with a body of {JSON}.")
    return None


def _unframed(send: Send) -> Send:
    """For browsers that do not say where they show a page: no other one shows it, and has somebody click there."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"x-frame-options", b"SAMEORIGIN")]}
        await send(message)

    return sending


async def refuse(scope: Message, send: Send, refusal: Refusal) -> None:
    """Answer with it, and log it."""
    logger.warning("Refused %s of %r: %s", scope.get("method", "a WebSocket"), scope["path"], refusal.reason)
    if scope["type"] == "websocket":  # closed before it is accepted: servers answer with 403
        return await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    return await send({"type": "http.response.body", "body": f"{refusal.reason}\n".encode()})
