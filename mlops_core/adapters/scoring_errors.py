"""What keeps a version from predicting, in one sentence that names the fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlops_core.adapters.registry_errors import UNMOVED, is_unavailable


class CannotScoreError(RuntimeError):
    """A version that can't predict for the rows that it is asked about."""


@contextmanager
def scorable(who: str, way_out: str) -> Iterator[None]:
    """Explain why a feature store could not score: no specification, no files, or inputs that are gone.

    Args:
        who: the version, as the sentence begins.
        way_out: what to do.

    Raises:
        CannotScoreError: in place of the feature store's or MLflow's error, which is its cause.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (LookupError, ValueError, OSError, MlflowException) as error:
        if is_unavailable(error):
            raise
        raise CannotScoreError(f"{who} can't be scored: {way_out}; {UNMOVED}. {error}") from error
