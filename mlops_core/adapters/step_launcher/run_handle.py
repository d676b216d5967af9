"""The handle of a Databricks run on the volume, and the request to start or find one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.adapters.step_launcher.staging import StagedCode


@dataclass(frozen=True)
class RunHandle:
    """A Databricks run, its page, its machines, and its worker's folder (None for a run of one attempt).

    A worker that takes no more steps has `left`: it says so itself when it was idle, the host when it was lost.
    `ended_for` is the step for whose sake the host cancelled it, with whatever else ran in it.
    """

    run_id: int
    url: str
    nodes: dict[str, int]
    worker: str | None = None
    left: bool = False
    ended_for: str = ""

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
    def from_bytes(cls, data: bytes) -> RunHandle:
        return cls(**json.loads(data))


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
