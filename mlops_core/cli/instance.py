"""The Dagster instance that a command asks: where the runs of a target are recorded.

`DAGSTER_HOME` names its folder, in a deployment as on a laptop, where the target's state folder is the default.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from mlops_core.adapters.plain_paths import plain_path
from mlops_core.config import Target

FILE = "dagster.yaml"
WHERE = "docs/runbook.md says where to ask"


class NoInstanceError(LookupError):
    """There is no instance here, or it can't be opened."""


@contextmanager
def instance_of(target: Target) -> Iterator[dg.DagsterInstance]:
    """Open the instance, which must be there already.

    Raises:
        NoInstanceError: it is not, or its file, a variable that this names, or its database is not as it should be.
    """
    home = _home(target)
    _check_variables(home)
    try:
        instance = dg.DagsterInstance.from_config(str(plain_path(home)))
    except _errors() as error:
        said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise NoInstanceError(f"The Dagster instance of {home} can't be opened: {said}; {WHERE}.") from error
    with instance:
        yield instance


def _home(target: Target) -> Path:
    named = os.environ.get("DAGSTER_HOME")
    if not named and target.platform != "local":
        raise NoInstanceError(
            f"The runs of {target.name} are recorded by the Dagster that is deployed for it, and DAGSTER_HOME names no "
            f"instance here: {WHERE}."
        )
    home = Path(named) if named else target.state_path / "dagster"
    if not any((home / part).exists() for part in (FILE, "history")):  # else Dagster makes an empty one there
        raise NoInstanceError(
            f"Nothing has run on this machine yet, or elsewhere than in {home}: make run, or set DAGSTER_HOME; for a "
            f"target that is deployed {WHERE}."
        )
    return home.absolute()


def _check_variables(home: Path) -> None:
    import yaml

    file = home / FILE
    try:
        settings = yaml.safe_load(file.read_text()) if file.exists() else None
    except yaml.YAMLError as error:
        raise NoInstanceError(f"{file} is no YAML: {str(error).splitlines()[0]}.") from error
    if missing := sorted({name for name in _variables(settings) if name not in os.environ}):
        raise NoInstanceError(
            f"{file} needs {', '.join(missing)} of the environment, which only the deployed Dagster has: {WHERE}."
        )


def _variables(settings: Any) -> Iterator[str]:
    """Names in `{env: NAME}`, as Dagster reads its file."""
    if isinstance(settings, Mapping):
        if set(settings) == {"env"}:
            yield str(settings["env"])
        for value in settings.values():
            yield from _variables(value)
    elif isinstance(settings, list):
        for value in settings:
            yield from _variables(value)


def _errors() -> tuple[type[Exception], ...]:
    from sqlalchemy.exc import SQLAlchemyError

    postgres = sys.modules.get("dagster_postgres.utils")  # which is there when the instance is in PostgreSQL
    return (dg.DagsterError, OSError, SQLAlchemyError, *([postgres.DagsterPostgresException] if postgres else []))
