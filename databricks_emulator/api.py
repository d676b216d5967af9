"""What a handler of the emulated REST API gets and gives, and how it says which endpoint it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ROUTES = "__emulated_routes__"


class ApiError(Exception):
    """An answer in Databricks' error form: `{"error_code": ..., "message": ...}` with an HTTP status."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error_code, self.message = status, error_code, message


def invalid(message: str) -> ApiError:
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


@dataclass(frozen=True)
class Request:
    """One HTTP request; `path` is unquoted and has no query, header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ApiError: it is something else.
        """
        try:
            content = json.loads(self.body or b"{}")
        except ValueError as error:
            raise ApiError(400, "MALFORMED_REQUEST", f"Could not parse request object: {error}") from error
        if not isinstance(content, dict):
            raise ApiError(400, "MALFORMED_REQUEST", "Could not parse request object: Expected 'START_OBJECT'")
        return content

    @property
    def is_form(self) -> bool:
        return self.headers.get("content-type", "").startswith("multipart/form-data")


@dataclass(frozen=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Any) -> Response:
        """What a handler returned: a Response, a mapping, a dataclass of the SDK, or None for an empty answer."""
        if isinstance(answer, Response):
            return answer
        content = {} if answer is None else answer if isinstance(answer, Mapping) else answer.as_dict()
        return cls(body=json.dumps(content).encode(), headers={"Content-Type": "application/json"})

    @classmethod
    def error(cls, error: ApiError, headers: Mapping[str, str] | None = None) -> Response:
        content = {"error_code": error.error_code, "message": error.message}
        headers = {"Content-Type": "application/json", **(headers or {})}
        return cls(error.status, json.dumps(content).encode(), headers)


@dataclass(frozen=True)
class Call:
    """A request together with its checked arguments: of the path, of the query, and of the JSON body."""

    request: Request
    arguments: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.arguments.get(name, default)


Handler = Callable[[Any, Call], Any]


def route(method: str, path: str, like: Callable[..., Any] | None = None) -> Callable[[Handler], Handler]:
    """Mark a method as the handler of an endpoint.

    `path` has parts `{name}` for one segment and `{name...}` for the rest. `like` is the SDK's method that calls this
    endpoint: its signature says which arguments there are and of what type; without it, nothing is checked.
    """

    def mark(handler: Handler) -> Handler:
        handler.__dict__.setdefault(ROUTES, []).append((method, path, like))
        return handler

    return mark
