"""What an endpoint of this machine is to serve, in a file of the state folder: a model server follows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from mlops_core.adapters.serving.protocol import EndpointError, Traffic
from mlops_core.outside_json import NotOfThisKindError, of_kind

FILES = "*.json"
"""Those of the endpoints, named after them, in a folder."""

T = TypeVar("T")


@dataclass(frozen=True)
class StoredTraffic:
    """The traffic of a registered model, since when in epoch seconds, and who set it."""

    model: str
    traffic: Traffic
    since: float
    changed_by: str


def read_traffic(file: Path) -> StoredTraffic | None:
    """What the file says; None when there is none.

    Raises:
        EndpointError: somebody else wrote it.
    """
    try:
        return read_json(file, StoredTraffic)
    except NotOfThisKindError as error:
        raise EndpointError(f"{file} does not say what is served ({error}): delete it, and serve again.") from error


def write_traffic(file: Path, stored: StoredTraffic) -> None:
    """Write it whole or not at all."""
    write_json(file, asdict(stored))


def read_json(file: Path, kind: type[T]) -> T | None:
    """What `write_json` wrote into a file; None when there is none.

    Raises:
        NotOfThisKindError: somebody else wrote it.
    """
    try:
        return of_kind(kind, file.read_bytes())
    except FileNotFoundError:
        return None


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{uuid4().hex}")
    draft.write_text(json.dumps(content, indent=2))
    draft.replace(file)
