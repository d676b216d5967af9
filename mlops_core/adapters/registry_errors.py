"""Errors of a model registry, as sentences that name the fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

UNAVAILABLE = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED")
UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")
"""MLflow on SQL answers the second for an unknown alias, Unity Catalog the first."""

UNMOVED = "no alias was moved"
OVERLOADED, SERVER_ERROR = 429, 500


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
    """Explain MLflow's errors when its server is down, overloaded or broken.

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
        raise RegistryUnavailableError(
            f"MLflow at {uri} did not answer as it should, and {meanwhile}: see that it is up and that this "
            f"host may call it, then {then}. MLflow says: {error}"
        ) from error


def is_unavailable(error: BaseException) -> bool:
    """Whether MLflow's server or its artifact store is down, overloaded or broken.

    MLflow's client raises errors of its own, except for artifacts: there it passes on those of `requests`.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    if isinstance(error, MlflowException):
        return error.error_code in UNAVAILABLE
    if not isinstance(error, RequestException):
        return False
    return error.response is None or error.response.status_code in (OVERLOADED, *range(SERVER_ERROR, 600))
