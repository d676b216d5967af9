"""Errors of calls to Databricks as sentences: what was called, where, and why it failed.

They keep the classes that databricks-sdk and requests give them, so that callers tell a missing file from a refusal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.errors import DatabricksError
    from requests import RequestException, Response

CONFIGURATION = ". Config: "  # after it, the SDK tells how it signs in, by a token for example
UNREADABLE = "unable to parse response"  # after it, the SDK shows the whole request, its token included
LONGEST = 400  # characters of what somebody else says
NO_OAUTH_ANSWER = re.compile(r"unknown: unknown|b['\"]|Not supported yet|server_error|temporarily_unavailable")
PAGE_OF_404 = re.compile(rb"\s*<(?:!doctype\s+)?html", re.IGNORECASE)
PAGE_FIX = (
    "a sign-in page or a proxy answers there, no Databricks API: correct workspace.host of the target in "
    "databricks.yml, or DATABRICKS_HOST"
)
ENDPOINTS = "/oidc/.well-known/oauth-authorization-server"  # what the SDK reads before it signs in
HOST_FIX = "see whether that is the workspace's address, and whether it works"
SIGN_IN_FIX = "see to the credentials of the pipeline's identity (`make doctor` says how it signs in)"


class SignInError(Exception):
    """No token could be had: it was `refused`, or whoever gives it did not answer as it should."""

    def __init__(self, message: str, *, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


class NotDatabricksError(Exception):
    """A page or a text came where Databricks answers with JSON or a file: from a sign-in page, or from a proxy."""


@dataclass(frozen=True)
class _Called:
    method: str
    path: str
    host: str

    def __str__(self) -> str:
        return f"{self.method} {unquote(self.path)} at {self.host}"


def explain_calls(client: WorkspaceClient) -> WorkspaceClient:
    """Make each error of a call that `client` makes a sentence; a page in place of an answer is an error too.

    Its calls raise, besides the errors of the SDK and of requests, `NotDatabricksError` and `SignInError`.
    """
    do, host = client.api_client.do, str(client.config.host)

    def explained(method: str, path: str | None = None, url: str | None = None, **given: Any) -> Any:
        called = _Called(method, path or str(url), host)
        headers = [*(given.pop("response_headers", None) or ()), "content-type"]
        try:
            answer = do(method, path, url, **given, response_headers=headers)
        except Exception as error:
            said = _explained(error, called)
            if said is error:
                raise
            raise said from error
        return _read(answer, called, is_file=given.get("raw", False))

    client.api_client.do = explained  # type: ignore[method-assign, assignment]
    client.api_client._api_client._session.hooks["response"].append(_refuse_page_of_404)
    return client


def _refuse_page_of_404(response: Response, **_: Any) -> None:
    """Only Databricks can say that there is no such file or run; the SDK does not tell it from a proxy's page."""
    if response.status_code == HTTPStatus.NOT_FOUND and PAGE_OF_404.match(response.content):
        url = urlsplit(response.url)
        called = _Called(str(response.request.method), url.path, f"{url.scheme}://{url.netloc}")
        raise _page(called, response.text)


def answered_otherwise(method: str, path: str, host: str, what: str) -> NotDatabricksError:
    return NotDatabricksError(f"{_Called(method, path, host)} was answered with {what}: {PAGE_FIX}.")


def sign_in_error(host: str, error: BaseException) -> BaseException:
    """Why no token could be had: the SDK says ValueError, whether a host is down, is no Databricks, or refuses."""
    from databricks.sdk.errors import DatabricksError
    from requests import RequestException

    cause = error
    while cause.__cause__ is not None and not isinstance(cause, (DatabricksError, RequestException)):
        cause = cause.__cause__
    if isinstance(cause, RequestException):
        return _explained(cause, _Called("GET", ENDPOINTS, host))
    said, is_answer = brief(error), isinstance(cause, DatabricksError)
    fix = HOST_FIX if is_answer else SIGN_IN_FIX
    refused = not is_answer and not NO_OAUTH_ANSWER.match(said)
    return SignInError(f"Signing in to {host} failed: {said}: {fix}.", refused=refused)


def _read(answer: Any, called: _Called, *, is_file: bool) -> Any:
    """The answer, unless a page came for a file: whatever else has a content was read as JSON."""
    if (is_file or called.method == "HEAD") and str(answer.get("content-type")).startswith("text/html"):
        raise _page(called, "")
    if is_file and answer.get("content-length") is None:
        return {**answer, "content-length": 0}  # a proxy sends it in chunks; the SDK reads this as a number, no more
    return answer


def _explained(error: BaseException, called: _Called) -> BaseException:
    from databricks.sdk.errors import DatabricksError
    from requests import RequestException
    from requests.exceptions import InvalidJSONError

    if isinstance(error, TimeoutError):
        error = error.__cause__ or error  # the last of the attempts that the SDK has made
    match error:
        case DatabricksError():
            return _refused(error, called)
        case InvalidJSONError():
            return _page(called, getattr(error, "doc", ""))
        case RequestException():
            return _unanswered(error, called)
        case TypeError():  # the SDK takes whatever it reads for an object
            return answered_otherwise(called.method, called.path, called.host, "JSON that is no object")
        case ValueError() | NotImplementedError():  # the latter where the SDK can't read OAuth's answer
            return sign_in_error(called.host, error)
        case _:
            return error


def _refused(error: DatabricksError, called: _Called) -> DatabricksError:
    """Databricks answers to a token that has expired with 401, or with 403 and a word of it."""
    from databricks.sdk.errors import PermissionDenied, Unauthenticated

    why = ": ".join(filter(None, (error.error_code, brief(error))))
    is_sign_in = isinstance(error, Unauthenticated) or (
        isinstance(error, PermissionDenied) and re.search("token", why, re.IGNORECASE) is not None
    )
    error.args = (f"{called} failed: {why}",)  # also where it becomes a cause: the SDK may have put the token into it
    if is_sign_in:
        return Unauthenticated(f"{called} refused the sign-in: {why}: {SIGN_IN_FIX}.", error_code=error.error_code)
    return error


def _unanswered(error: RequestException, called: _Called) -> RequestException:
    """Nobody answered, or not to the end: it may have been a call for the sake of signing in."""
    if error.request is not None and error.request.url:
        url = urlsplit(str(error.request.url))
        called = _Called(str(error.request.method), url.path, f"{url.scheme}://{url.netloc}")
    error.args = (f"{called} was not answered ({type(error).__name__}: {brief(_innermost(error))})",)
    return error


def _innermost(error: BaseException) -> BaseException:
    """Of an error that wraps others, as those of urllib3 do, the one that says what happened."""
    inner = getattr(error, "reason", None) or (error.args[-1] if error.args else None)
    return _innermost(inner) if isinstance(inner, BaseException) else error


def _page(called: _Called, text: str) -> NotDatabricksError:
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
    shown = _squeezed(title[1] if title else text)[:80]
    what = "an HTML page, or text" + (f' ("{shown}")' if shown else "")
    return answered_otherwise(called.method, called.path, called.host, what)


def brief(error: object) -> str:
    """What an error says, in one line, without what the SDK adds about its configuration and the request."""
    text, unreadable, request = str(error).split(CONFIGURATION)[0].partition(UNREADABLE)
    if unreadable:
        status = re.search(r"^< (\d{3}.*)$", request, re.MULTILINE)
        text += f"status {status[1]}, without an error of Databricks" if status else UNREADABLE
    return _squeezed(text)[:LONGEST].rstrip(".:")


def _squeezed(text: str) -> str:
    return " ".join(text.split())
