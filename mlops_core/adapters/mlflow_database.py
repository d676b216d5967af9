"""MLflow's database of this machine: `python -m mlops_core.adapters.mlflow_database FILE` makes it.

MLflow itself makes its tables at the first use, one after the other: two first uses at once break each other, and one
that is cut off leaves a database that no later one completes.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from uuid import uuid4

from mlops_core.adapters.plain_paths import plain_path

logger = logging.getLogger(__name__)


class LostDatabaseError(RuntimeError):
    """MLflow's database was there, and is no more."""


def database_uri(file: Path) -> str:
    """MLflow's URI of the database, for this process."""
    return f"sqlite:///{plain_path(file)}"


def make_database(file: Path) -> None:
    """Make the database unless it is there; of several processes at once, one makes it and the others wait.

    It is made beside `file` and appears whole.

    Raises:
        LostDatabaseError: there was one, for what its models left is still there: versions would be numbered from 1
            again, and the rows of `predictions` would seem to be of other models.
    """
    from filelock import FileLock

    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f"{file.name}.lock")):
        if not file.exists():
            _see_that_it_is_the_first(file)
            logger.info("Creating MLflow's database %s", file)
            unfinished = file.with_name(f"{file.name}.{uuid4().hex}")
            try:
                _create(unfinished)
                unfinished.replace(file)
            finally:
                unfinished.unlink(missing_ok=True)


def _see_that_it_is_the_first(file: Path) -> None:
    state = file.parent.parent
    left = [*file.parent.glob("artifacts/*"), *state.glob("warehouse/*/predictions/_delta_log/*.json")]
    if left:
        raise LostDatabaseError(
            f"MLflow's database {file} is gone, but not what its models left ({left[0]}): put the database back, or "
            f"begin anew without the folder {state} (`make clean` removes it)."
        )


def _create(file: Path) -> None:
    from mlflow import MlflowClient

    MlflowClient(database_uri(file)).search_experiments(max_results=1)  # any first call makes all tables


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    try:
        make_database(Path(sys.argv[1]).absolute())
    except LostDatabaseError as error:
        sys.exit(str(error))
