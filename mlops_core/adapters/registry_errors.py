"""Errors of a model registry, as sentences that name the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_core.adapters.explained_calls import UNREADABLE, brief
from mlops_core.looks_secret import without_secrets

UNAVAILABLE = (
    *("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED"),
    *("REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"),
)
REFUSED, ELSEWHERE = ("UNAUTHENTICATED", "PERMISSION_DENIED"), "ENDPOINT_NOT_FOUND"
PAGE = re.compile(r"not in a valid JSON format|Response body: '\s*<")  # MLflow's words for it
UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")
"""MLflow on SQL answers the second for an unknown alias, Unity Catalog the first."""

UNMOVED = "no alias was moved"
UNAUTHENTICATED, OVERLOADED, SERVER_ERROR = 401, 429, 500


class ModelNotFoundError(LookupError):
    """An alias or a version that the registry does not have."""


class DanglingAliasError(RuntimeError):
    """An alias whose `version` was deleted, as opposed to an unset alias."""

    def __init__(self, message: str, version: int) -> None:
        super().__init__(message)
        self.version = version


class DeletedRunError(LookupError):
    """A version whose training run, and so its metrics, was deleted."""


class DeletedExperimentError(LookupError):
    """The experiment of the training runs was deleted and accepts no run until it is restored."""


class RegistryUnavailableError(RuntimeError):
    """MLflow did not answer, or answered with an error of its own."""


class OvertakenError(RuntimeError):
    """Another run has moved the alias to another version in the meantime."""


@contextmanager
def explained(message: str) -> Iterator[None]:
    """Raise `ModelNotFoundError` with `message` when MLflow does not find what was requested."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code not in UNKNOWN:
            raise
        raise ModelNotFoundError(message) from error


@contextmanager
def registry_answers(
    uri: str, meanwhile: str = UNMOVED, then: str = "re-execute the run from the failed step"
) -> Iterator[None]:
    """Explain MLflow's errors when its server is down, overloaded or broken, lets nobody in, or is another one.

    MLflow itself has repeated the call by then (MLFLOW_HTTP_REQUEST_MAX_RETRIES, 7 times within four minutes).

    Args:
        meanwhile: the state of the aliases.
        then: what to do once it answers again.

    Raises:
        RegistryUnavailableError: in place of MLflow's error, which is its cause.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        yield
    except (MlflowException, RequestException) as error:
        if not is_unavailable(error):
            raise
        said = without_secrets(str(error))
        what, fix = _what_and_fix(error)
        raise RegistryUnavailableError(
            f"MLflow at {without_secrets(uri)} {what}, and {meanwhile}: {fix}, then {then}. MLflow says: {brief(said)}"
        ) from (error if said == str(error) and UNREADABLE not in said else None)  # a cause shows what is left out here


def _what_and_fix(error: BaseException) -> tuple[str, str]:
    if _is_page(error):
        fix = "correct MLFLOW_TRACKING_URI or DATABRICKS_HOST, where a sign-in page or a proxy answers"
        return "answered with a page or a text instead of JSON", fix
    if _is_refused_sign_in(error):
        return "refused the sign-in", "see to the credentials of this host"
    return "did not answer as it should", "see that it is up and that this host may call it"


def _is_page(error: BaseException) -> bool:
    """A page with status 200, or that something is not found or forbidden; with others, a gateway tells an outage."""
    code = getattr(error, "error_code", None)
    passed = "valid JSON format" in str(error)
    return PAGE.search(str(error)) is not None and (passed or code in (*REFUSED, ELSEWHERE))


def _is_refused_sign_in(error: BaseException) -> bool:
    """401, or the 403 with which Databricks answers to a token."""
    from requests import RequestException

    if isinstance(error, RequestException):
        return error.response is not None and error.response.status_code == UNAUTHENTICATED
    code = getattr(error, "error_code", None)
    return code == REFUSED[0] or (code == REFUSED[1] and "token" in str(error).lower())


def is_unavailable(error: BaseException) -> bool:
    """Whether MLflow's server or its artifact store is down, overloaded or broken, lets nobody in, or is another one.

    MLflow's client raises errors of its own, except for artifacts: there it passes on those of `requests`.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    if _is_page(error) or _is_refused_sign_in(error):
        return True
    if isinstance(error, MlflowException):
        return error.error_code in UNAVAILABLE
    if not isinstance(error, RequestException):
        return False
    return error.response is None or error.response.status_code in (OVERLOADED, *range(SERVER_ERROR, 600))
