"""Names and formats of the files on the staging volume, for both sides; the package's docstring explains them.

Standard library only.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MODULE_OF_REMOTE = "mlops_core.adapters.step_launcher.remote.worker"
LONGEST_NAME = 150  # characters; the name of a file has others behind it, and may have 255
REQUEST = re.compile(r"([\w.=-]+)__(a\d+)(?:@[\w-]+)?", re.ASCII)
DAMAGED_CODE = "is not the code that was staged"
"""In the main file's error, when it has removed a damaged zip: the next attempt stages it again."""

MOST_BYTES = 32 * 2**20
"""Of one message, unpacked; what the host reads of a file."""
MOST_EVENT_CHARACTERS = MOST_BYTES // 4
"""Of the events of one message, as its writer counts them: as JSON in JSON they take up to twice as much."""
MOST_OUTSIDE_OF_TEXT = 2**20
"""Bytes of a message's JSON: between its events there are two. In memory such things are many times as long."""
TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # one that is not closed, to the end: in no time
NO_MESSAGE = (EOFError, ValueError, zlib.error)


class MessageTooLongError(Exception):
    """A message that takes more memory than one of a step needs."""


def run_folder(volume: str, run_id: str) -> str:
    return f"{volume}/runs/{run_id}"


def lease_file(folder_of_run: str) -> str:
    return f"{folder_of_run}/lease"


def worker_folder(folder_of_run: str, name: str, generation: int) -> str:
    return f"{folder_of_run}/workers/{name}-g{generation}"


def up_file(folder_of_worker: str) -> str:
    """In the place of the worker's folder, which holds nothing else."""
    return folder_of_worker


def attempt_folder(folder_of_run: str, step_key: str, attempt: int) -> str:
    """The folder of one attempt of one step."""
    return f"{folder_of_run}/steps/{_name_of(step_key)}/a{attempt}"


def _name_of(step_key: str) -> str:
    """A name of its own for each key: a mapped step's has brackets, which a path should not have, and no limit."""
    name = re.sub(r"[^A-Za-z0-9_.-]", lambda match: f"={ord(match[0]):x}=", step_key)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]}={hashlib.sha256(step_key.encode()).hexdigest()[:16]}"


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


def requested_attempt(request: str) -> str | None:
    """The folder of the attempt that a file among the requests asks for; None for a copy, or what is no request."""
    folder_of_requests, name = request.rsplit("/", 1)
    asks = REQUEST.fullmatch(name)
    return f"{folder_of_requests.rsplit('/', 1)[0]}/steps/{asks[1]}/{asks[2]}" if asks else None


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
        """The message in a file.

        Raises:
            NO_MESSAGE: these bytes are no whole message.
            MessageTooLongError: it has more than `MOST_BYTES`.
        """
        try:
            text = _unzipped(data)
            if len(TEXT.sub(b"", text)) > MOST_OUTSIDE_OF_TEXT:
                raise ValueError("This is JSON, but no message: most of it is no text.")
            raw = json.loads(text)
            if not isinstance(raw["events"], list):
                raise TypeError("events are no list")
            done = Done(**raw["done"]) if raw["done"] else None
            message = cls(tuple(raw["events"]), raw["out"], raw["err"], done)
        except (LookupError, TypeError, RecursionError) as error:
            raise ValueError(f"This is JSON, but no message: {error!r}.") from None
        ending = [text for text in (done.final_event, done.error) if text is not None] if done else []
        if not all(isinstance(text, str) for text in (*message.events, message.out, message.err, *ending)):
            raise ValueError("This is JSON, but no message: it has something else where a text should be.")
        return message


def _unzipped(data: bytes) -> bytes:
    """As gzip.decompress, but no more than `MOST_BYTES`."""
    unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    text = unzip.decompress(data, MOST_BYTES + 1)
    if len(text) > MOST_BYTES or len(data) > MOST_BYTES:
        raise MessageTooLongError(
            f"it has more than {MOST_BYTES // 2**20} MiB: write what is large to a table or a file"
        )
    if not unzip.eof:
        raise EOFError("The end of the message is missing.")
    return text


def request_bytes(header: Mapping[str, Any], body: bytes) -> bytes:
    return json.dumps(header).encode() + b"\n" + body


def split_request(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header, readable without Dagster, and the pickled body."""
    header, _, body = data.partition(b"\n")
    return json.loads(header), body
