"""Errors of calls to the workspace, and which are transient; imports the SDK lazily."""

from __future__ import annotations

import re

CONFIGURATION = ". Config: "  # after it, the SDK tells how it signs in, by a token for example


class SignInError(Exception):
    """No token could be had; the SDK says ValueError, whether the token endpoint is down or refuses."""


def call_errors() -> tuple[type[Exception], ...]:
    """What a call raises when it was refused, or repeated in vain."""
    from databricks.sdk.errors import DatabricksError
    from requests import RequestException

    return DatabricksError, RequestException, TimeoutError, SignInError


def is_sign_in(error: ValueError) -> bool:
    """Whether a ValueError comes from signing in: the others that a call raises have a class of their own."""
    from requests import RequestException

    return not isinstance(error, RequestException)


def refused_credentials(error: BaseException) -> bool:
    """401, the 403 that Databricks answers to a token that has expired, or no token at all."""
    from databricks.sdk.errors import PermissionDenied, Unauthenticated

    said = str(error).split(CONFIGURATION)[0]
    return isinstance(error, Unauthenticated | SignInError) or (
        isinstance(error, PermissionDenied) and re.search(r"token", said, re.IGNORECASE) is not None
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    from databricks.sdk import errors
    from requests import RequestException

    if type(error) is errors.DatabricksError:
        return True  # a status without a class of its own in the SDK: a gateway's 502 or 408
    passing = (errors.InternalError, errors.DeadlineExceeded, errors.TemporarilyUnavailable, errors.TooManyRequests)
    return isinstance(error, (*passing, RequestException, TimeoutError))
