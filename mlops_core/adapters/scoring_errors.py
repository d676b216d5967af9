"""Why a version can't score, in one sentence that names the fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlops_core.adapters.registry_errors import UNMOVED, is_unavailable


class CannotScoreError(RuntimeError):
    """A version can't score the given rows."""


@contextmanager
def scorable(who: str, remedy: str) -> Iterator[None]:
    """Explain why scoring failed: no specification, no model files, or missing inputs.

    Args:
        who: the version, as the sentence begins.
        remedy: what to do.

    Raises:
        CannotScoreError: in place of the feature store's or MLflow's error, which is its cause.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (LookupError, ValueError, OSError, MlflowException) as error:
        if is_unavailable(error):
            raise
        raise CannotScoreError(f"{who} can't be scored: {remedy}; {UNMOVED}. {error}") from error
