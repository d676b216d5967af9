"""The handle of a Databricks run on the volume, and the request to start or find one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.adapters.step_launcher.staging import StagedCode

LARGEST_ID = 2**63 - 1
FOLDER_OF_WORKER = r"/.+/workers/[^/]+-g\d+"
RUN, RUN_ID, WORKER = "databricks_run", "databricks_run_id", "databricks_worker"
"""Metadata of the event with which the host names a step's Databricks run; by it, later steps find their worker."""


@dataclass(frozen=True)
class RunHandle:
    """A Databricks run, its page, its machines, and its worker's folder, or that of the one attempt that it is for.

    A worker that takes no more steps has `left`: it says so itself when it was idle, the host when it was lost.
    `ended_for` is the step for whose sake the host cancelled it, with whatever else ran in it.
    """

    run_id: int
    url: str
    nodes: dict[str, int]
    worker: str | None = None
    left: bool = False
    ended_for: str = ""
    attempt: str | None = None

    @property
    def generation(self) -> int:
        """The worker's; every attempt that has a Databricks run of its own is of the first one."""
        return int(self.worker.rsplit("-g", 1)[1]) if self.worker else 0

    @property
    def file(self) -> str:
        """Where a worker's handle is kept.

        Raises:
            ValueError: it is the handle of one attempt, which is kept under that attempt's name.
        """
        if self.worker is None:
            raise ValueError(f"Databricks run {self.run_id} is no worker.")
        return protocol.handle_file(self.worker)

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def parsed(cls, data: bytes) -> RunHandle | None:
        """A handle, or None for bytes that are none; what only another version of the launcher knows is left out."""
        try:
            told = json.loads(data)
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict):
            return None
        known = {item.name: told[item.name] for item in fields(cls) if item.name in told}
        return cls(**known) if _is_whole(known) else None


def _is_whole(known: Mapping[str, Any]) -> bool:
    """Whether these are the fields of a handle: half-written and foreign files are not."""
    run_id, nodes, worker = known.get("run_id"), known.get("nodes"), known.get("worker")
    return (
        type(run_id) is int
        and 0 < run_id <= LARGEST_ID
        and isinstance(known.get("url"), str)
        and isinstance(nodes, dict)
        and all(isinstance(number, int) for number in nodes.values())
        and (worker is None or re.fullmatch(FOLDER_OF_WORKER, str(worker)) is not None)
        and isinstance(known.get("left", False), bool)
        and isinstance(known.get("ended_for", ""), str)
        and isinstance(known.get("attempt", ""), str | None)
    )


@dataclass(frozen=True)
class RunRequest:
    """What has to be known to start, or to find, the Databricks run of a step."""

    dagster_run_id: str
    job_name: str
    step_key: str
    folder: str  # of the Dagster run
    compute: Compute
    code_digest: str
    stage_code: Callable[[], StagedCode]  # only what starts a Databricks run needs it

    @property
    def worker_name(self) -> str:
        """Steps share a worker when they want the same compute and run the same code."""
        wanted = json.dumps(asdict(self.compute), sort_keys=True, default=str)
        return f"{hashlib.sha256(wanted.encode()).hexdigest()[:8]}-{self.code_digest[:12]}"


def token_of(folder: str) -> str:
    """The idempotency token of what runs in a folder; Databricks takes 64 characters."""
    return hashlib.sha256(folder.encode()).hexdigest()
