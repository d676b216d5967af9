"""The local MLflow database: `python -m mlops_core.adapters.mlflow_database FILE` creates it.

MLflow itself creates its tables one by one on first use: two concurrent first uses break each other, and an interrupted
one leaves a database that no later one completes.
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
    """MLflow's database existed and is gone."""


def database_uri(file: Path) -> str:
    """MLflow's URI of the database, for this process."""
    return f"sqlite:///{plain_path(file)}"


def make_database(file: Path) -> None:
    """Create the database unless it exists; of several concurrent processes, one creates it and the others wait.

    It is built beside `file` and moved into place when complete.

    Raises:
        LostDatabaseError: model files show that there was one: versions would be numbered from 1 again, and rows of
            `predictions` would be attributed to the wrong models.
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
