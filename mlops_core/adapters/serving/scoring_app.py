"""The web application of the model server on this machine: paths, limits, and who may ask."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_core.adapters.serving.answering import JSON, Answer, answer, refused
from mlops_core.adapters.serving.protocol import served_name
from mlops_core.adapters.serving.served_endpoint import NotServedError, ServedEndpoint
from mlops_core.adapters.webserver.guard import Known, refusal_of

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

ENDPOINTS = "/serving-endpoints"
MAX_BYTES = 16 * 1024 * 1024
"""What Databricks takes too."""
PLAIN = "identity"
SERVER = Known("model server", "This model server does not know itself as {!r}: ask it at 127.0.0.1.")
CODES = {403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST", 413: "REQUEST_LIMIT_EXCEEDED"}

logger = logging.getLogger(__name__)


def scoring_app(endpoints: Mapping[str, ServedEndpoint]) -> Starlette:
    """An ASGI application which answers for the endpoints, by their names; where it is made for a single one, for that
    also at `/invocations`. Others may come and go.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.routing import Route

    paths = _Paths(endpoints)
    asked = f"{ENDPOINTS}/{{name}}"
    routes = [
        Route("/", paths.overview),
        Route("/ping", paths.health),
        Route("/health", paths.health),
        Route("/invocations", paths.invocations, methods=["POST"]),
        Route(asked, paths.endpoint),
        Route(f"{asked}/invocations", paths.invocations, methods=["POST"]),
        Route(f"{asked}/served-models/version-{{version:int}}/invocations", paths.invocations, methods=["POST"]),
    ]
    handlers = dict.fromkeys((HTTPException, NotServedError, Exception), _as_json)
    return Starlette(routes=routes, middleware=[Middleware(_Guard)], exception_handlers=handlers)


class _Paths:
    def __init__(self, endpoints: Mapping[str, ServedEndpoint]) -> None:
        self.endpoints = endpoints
        self.only = next(iter(endpoints)) if len(endpoints) == 1 else None

    async def overview(self, request: Request) -> Response:
        endpoints = dict(self.endpoints)  # the thread that follows may change them
        return _told({name: _described(each, str(request.base_url)) for name, each in endpoints.items()})

    async def endpoint(self, request: Request) -> Response:
        return _told(_described(self._named(request), str(request.base_url)))

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        for each in list(self.endpoints.values()):
            each.choose()
        return _told({})

    async def invocations(self, request: Request) -> Response:
        served = self._named(request).choose(request.path_params.get("version"))
        if (encoding := request.headers.get("content-encoding", PLAIN).strip().lower()) != PLAIN:
            why = f"The body is compressed ({encoding[:40]}): send JSON as it is, without Content-Encoding."
            return _response(_refused(415, why), {"accept-encoding": PLAIN})
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MAX_BYTES:
                return _response(_refused(413, "A request has 16 MB at most: send its rows in several."))
        made = await asyncio.to_thread(answer, served, bytes(body))
        return _response(made, {"served-model-name": served_name(served.version.version)})

    def _named(self, request: Request) -> ServedEndpoint:
        name = request.path_params.get("name", self.only)
        found = None if name is None else self.endpoints.get(name)
        if found is None:
            known = ", ".join(f"{ENDPOINTS}/{name}/invocations" for name in list(self.endpoints))
            raise NotServedError(f"Post requests to {known}.")
        return found


def _described(endpoint: ServedEndpoint, address: str) -> dict[str, Any]:
    """What is served, and what a request has: columns with their types, and what is looked up where it is not given."""
    url = f"{address.rstrip('/')}{ENDPOINTS}/{quote(endpoint.name)}/invocations"
    said: dict[str, Any] = {"model": endpoint.registry.model, "url": url, "pid": os.getpid(), "error": endpoint.error}
    if endpoint.loaded is None:
        return said
    traffic = endpoint.loaded.traffic
    spec, types = endpoint.choose(traffic.champion).spec, endpoint.choose(traffic.champion).types
    return said | {
        "served": asdict(traffic),
        "columns": {name: types[name] for name in spec.required_columns},
        "looked_up": {each.name: each.table_name for each in spec.features},
    }


class _Guard:
    """ASGI middleware that lets no page of another site use the models."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = refusal_of(scope, SERVER)
        if refusal is None:
            return await self.app(scope, receive, send)
        logger.warning("Refused %r: %s", scope["path"], refusal.reason)
        return await _response(_refused(refusal.status, refusal.reason))(scope, receive, send)


async def _as_json(request: Request, error: Exception) -> Response:  # noqa: ARG001
    from starlette.exceptions import HTTPException

    if isinstance(error, NotServedError):
        return _response(_refused(404, str(error)))
    if isinstance(error, HTTPException):
        return _response(_refused(error.status_code, f"{error.detail}. GET / says what can be asked."))
    return _response(refused(500, "INTERNAL_ERROR", "The model server failed: its output has the reason."))


def _refused(status: int, sentence: str) -> Answer:
    return refused(status, CODES.get(status, "BAD_REQUEST"), sentence)


def _response(made: Answer, headers: Mapping[str, str] | None = None) -> Response:
    from starlette.responses import Response

    return Response(made.body, made.status, headers, JSON)


def _told(content: Mapping[str, Any]) -> Response:
    return _response(Answer(200, json.dumps(content, indent=2) + "\n"))
