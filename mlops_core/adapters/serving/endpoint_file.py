"""What an endpoint of this machine is to serve, in a file of the state folder: a model server follows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from mlops_core.adapters.serving.protocol import EndpointError, Traffic


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
        content = read_json(file)
        return StoredTraffic(**content | {"traffic": Traffic(**content["traffic"])}) if content else None
    except (ValueError, TypeError, KeyError) as error:
        raise EndpointError(f"{file} does not say what is served ({error}): delete it, and serve again.") from error


def write_traffic(file: Path, stored: StoredTraffic) -> None:
    """Write it whole or not at all."""
    write_json(file, asdict(stored))


def read_json(file: Path) -> dict[str, Any] | None:
    """The content of a file that `write_json` wrote; None when there is none."""
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return content


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{uuid4().hex}")
    draft.write_text(json.dumps(content, indent=2))
    draft.replace(file)
