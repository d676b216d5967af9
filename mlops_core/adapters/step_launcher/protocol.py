"""Names and formats of the files on the staging volume, for both sides; the package's docstring explains them.

Standard library only.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MODULE_OF_REMOTE = "mlops_core.adapters.step_launcher.remote.worker"


def run_folder(volume: str, run_id: str) -> str:
    return f"{volume}/runs/{run_id}"


def lease_file(folder_of_run: str) -> str:
    return f"{folder_of_run}/lease"


def worker_folder(folder_of_run: str, name: str, generation: int) -> str:
    return f"{folder_of_run}/workers/{name}-g{generation}"


def attempt_folder(folder_of_run: str, step_key: str, attempt: int) -> str:
    """The folder of one attempt of one step; keys of mapped steps have brackets, which a path should not have."""
    return f"{folder_of_run}/steps/{re.sub(r'[^A-Za-z0-9_.-]', '_', step_key)}/a{attempt}"


def handle_file(folder: str) -> str:
    """Which Databricks run serves a worker's or an attempt's folder; side by side, so that a teardown lists once."""
    folder_of_run, name = re.split("/(?:workers|steps)/", folder)
    return f"{handles_folder(folder_of_run)}/{name.replace('/', '__')}"


def handles_folder(folder_of_run: str) -> str:
    return f"{folder_of_run}/databricks_runs"


def stop_file(folder_of_run: str) -> str:
    return f"{folder_of_run}/stop"


def requests_folder(folder_of_run: str) -> str:
    return f"{folder_of_run}/requests"


def request_file(folder_of_attempt: str) -> str:
    """Not in the attempt's own folder: making that first would cost every step two calls."""
    folder_of_run, _, step, attempt = folder_of_attempt.rsplit("/", 3)
    return f"{requests_folder(folder_of_run)}/{step}__{attempt}"


def handed_over_file(folder_of_attempt: str, folder_of_worker: str) -> str:
    """Gives a request to another worker than the one that it was written for."""
    return f"{request_file(folder_of_attempt)}@{folder_of_worker.rsplit('/', 1)[1]}"


def requested_attempt(request: str) -> str:
    """The folder of the attempt that a file among the requests asks for."""
    folder_of_requests, name = request.rsplit("/", 1)
    step, attempt = name.split("@")[0].rsplit("__", 1)
    return f"{folder_of_requests.rsplit('/', 1)[0]}/steps/{step}/{attempt}"


def begun_file(folder_of_attempt: str) -> str:
    return f"{folder_of_attempt}/begun"


def ended_file(folder_of_attempt: str) -> str:
    return f"{folder_of_attempt}/ended"


def cancel_file(folder_of_attempt: str) -> str:
    return f"{folder_of_attempt}/cancel"


def lost_file(folder_of_attempt: str) -> str:
    return f"{folder_of_attempt}/infrastructure"


def message_file(folder_of_attempt: str, number: int) -> str:
    return f"{folder_of_attempt}/m-{number:05d}.json.gz"


@dataclass(frozen=True)
class Done:
    """How an attempt ended on the cluster.

    `final_event` is the type of the last Dagster event of the step (STEP_SUCCESS, STEP_FAILURE, STEP_UP_FOR_RETRY), or
    None when the step did not get that far; then `error` is a traceback, or one sentence when `mismatch`.
    """

    final_event: str | None
    error: str | None = None
    mismatch: bool = False


@dataclass(frozen=True)
class Message:
    """What one message file says: serialized Dagster events, and what the step wrote to stdout and stderr since."""

    events: tuple[str, ...] = ()
    out: str = ""
    err: str = ""
    done: Done | None = None

    def to_bytes(self) -> bytes:
        return gzip.compress(json.dumps(asdict(self)).encode(), compresslevel=3, mtime=0)

    @classmethod
    def from_bytes(cls, data: bytes) -> Message:
        """Raises ValueError, EOFError or OSError (gzip's) for bytes that are not a whole message."""
        raw = json.loads(gzip.decompress(data))
        done = Done(**raw["done"]) if raw["done"] else None
        return cls(tuple(raw["events"]), raw["out"], raw["err"], done)


def request_bytes(header: Mapping[str, Any], body: bytes) -> bytes:
    return json.dumps(header).encode() + b"\n" + body


def split_request(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header, readable without Dagster, and the pickled body."""
    header, _, body = data.partition(b"\n")
    return json.loads(header), body
