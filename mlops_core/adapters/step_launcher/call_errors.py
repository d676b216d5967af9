"""Errors of calls to the workspace, and which are transient; imports the SDK lazily."""

from __future__ import annotations

from mlops_core.adapters.explained_calls import NotDatabricksError, SignInError

WOULD_REPEAT = "sdk_would_repeat"  # an attribute of errors for which the SDK makes a call again


class OutageError(Exception):
    """The workspace has not answered as it should for as long as that is waited for."""


def call_errors() -> tuple[type[Exception], ...]:
    """What a call raises when it was refused, or repeated in vain."""
    from databricks.sdk.errors import DatabricksError
    from requests import RequestException

    return DatabricksError, RequestException, TimeoutError, SignInError, NotDatabricksError, OutageError


def is_refused_sign_in(error: BaseException) -> bool:
    """Whether a token was refused, or was not given."""
    from databricks.sdk.errors import Unauthenticated

    return isinstance(error, Unauthenticated) or (isinstance(error, SignInError) and error.refused)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: an outage, too many calls, or what the SDK itself would repeat."""
    from databricks.sdk import errors
    from requests import RequestException

    if type(error) is errors.DatabricksError:
        return True  # a status without a class of its own in the SDK: a gateway's 502 or 408
    passing = (errors.InternalError, errors.DeadlineExceeded, errors.TemporarilyUnavailable, errors.TooManyRequests)
    unheard = (RequestException, TimeoutError, NotDatabricksError, SignInError)
    return isinstance(error, (*passing, errors.Aborted, *unheard)) or hasattr(error, WOULD_REPEAT)
