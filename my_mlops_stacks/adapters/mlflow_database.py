"""MLflow's database of this machine: `python -m my_mlops_stacks.adapters.mlflow_database FILE` makes it.

MLflow itself makes its tables at the first use, one after the other: two first uses at once break each other, and one
that is cut off leaves a database that no later one completes.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from uuid import uuid4

from my_mlops_stacks.adapters.plain_paths import plain_path

logger = logging.getLogger(__name__)


def database_uri(file: Path) -> str:
    """MLflow's URI of the database, for this process."""
    return f"sqlite:///{plain_path(file)}"


def make_database(file: Path) -> None:
    """Make the database unless it is there; of several processes at once, one makes it and the others wait.

    It is made beside `file` and appears whole.
    """
    from filelock import FileLock

    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f"{file.name}.lock")):
        if not file.exists():
            logger.info("Creating MLflow's database %s", file)
            unfinished = file.with_name(f"{file.name}.{uuid4().hex}")
            try:
                _create(unfinished)
                unfinished.replace(file)
            finally:
                unfinished.unlink(missing_ok=True)


def _create(file: Path) -> None:
    from mlflow import MlflowClient

    MlflowClient(database_uri(file)).search_experiments(
        max_results=1
    )  # whatever its first call is, it makes all tables


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    make_database(Path(sys.argv[1]))
