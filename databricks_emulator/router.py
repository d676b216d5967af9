"""From a request to the handler that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from databricks_emulator.api import ROUTES, ApiError, Call, Request, Response
from databricks_emulator.schema import check_call


@dataclass(frozen=True)
class _Endpoint:
    method: str
    pattern: re.Pattern[str]
    like: Callable[..., Any] | None
    handler: Callable[[Call], Any]


def _pattern(path: str) -> re.Pattern[str]:
    text = re.sub(r"\{(\w+)\.\.\.\}", r"(?P<\1>/?.*)", path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", text))


class Router:
    """The endpoints of several services; those of a service are its methods marked with `route`."""

    def __init__(self, services: Iterable[Any]) -> None:
        self._endpoints = [
            _Endpoint(method, _pattern(path), like, getattr(service, name))
            for service in services
            for name, handler in vars(type(service)).items()
            for method, path, like in getattr(handler, ROUTES, ())
        ]

    def answer(self, request: Request) -> Response:
        """The answer of the endpoint's handler; an error when there is no such endpoint or an argument is wrong."""
        try:
            for endpoint in self._endpoints:
                found = endpoint.method == request.method and endpoint.pattern.fullmatch(request.path)
                if found:
                    return Response.of(endpoint.handler(_call(request, found.groupdict(), endpoint.like)))
            raise ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{request.method} {request.path}'")
        except ApiError as error:
            return Response.error(error)


def _call(request: Request, in_path: dict[str, str], like: Callable[..., Any] | None) -> Call:
    if like is None or request.is_form:
        return Call(request, {**in_path, **request.query})
    return Call(request, check_call(like, {**request.query, **request.json(), **in_path}))
