"""The process on the cluster: takes the requests that are for it, several at once, until the run has no more.

With `attempt` among its options it runs that one attempt and ends; the Databricks run is then red when the step is.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mlops_core.adapters.step_launcher.protocol import (
    Done,
    handle_file,
    requested_attempt,
    requests_folder,
    split_request,
    stop_file,
    up_file,
)
from mlops_core.adapters.step_launcher.remote.lease import Lease
from mlops_core.adapters.step_launcher.remote.output import Captures
from mlops_core.adapters.step_launcher.remote.step import StepAttempt
from mlops_core.adapters.step_launcher.remote.volume import is_there

logger = logging.getLogger(__name__)
TICK_S, RESTING_TICK_S = 0.05, 0.2
RESTING_AFTER_S = 3.0  # the next step of a run comes soon, or not so soon
CANCEL_LOOKS_S = 2.0
LEASE_LAPSED = 86
SUCCEEDED = ("STEP_SUCCESS", "STEP_UP_FOR_RETRY")


class Worker:
    """Attempts that run, and those that have run, in one process."""

    def __init__(self, lease: Lease, parallel: int, dbutils: Any) -> None:
        self._lease, self._parallel, self._dbutils = lease, parallel, dbutils
        self._captures = Captures()
        self._captures.install()
        self._steps = ThreadPoolExecutor(parallel, thread_name_prefix="step")
        self._reports = ThreadPoolExecutor(parallel, thread_name_prefix="report")
        self._running: dict[Future[Done], StepAttempt] = {}
        self._known: set[str] = set()
        self._looked_for_cancel = 0.0
        self._unreported: BaseException | None = None

    def run_one(self, attempt: Path) -> Done:
        self._start(attempt)
        while self._running:
            ended = self._tick()
            if ended:
                return ended[0].result()
            time.sleep(TICK_S)
        raise AssertionError("an attempt that was started ends")

    def serve(self, folder: Path, idle_s: float) -> None:
        """Take requests until the host writes `stop`, or there is none for `idle_s` seconds."""
        folder_of_run, busy_at = str(folder.parents[1]), time.monotonic()
        stop, requests = Path(stop_file(folder_of_run)), Path(requests_folder(folder_of_run))
        _say_that_it_is_up(Path(up_file(str(folder))))
        while True:
            if self._unreported is None:
                self._take(requests, str(folder))
            self._note_unreported(self._tick())
            if self._running:
                busy_at = time.monotonic()
            elif self._unreported is not None:
                raise self._unreported
            elif is_there(stop):
                _remove_staged(stop.parent)
                return
            elif time.monotonic() - busy_at > idle_s:
                _say_that_it_left(Path(handle_file(str(folder))))
                return
            time.sleep(TICK_S if time.monotonic() - busy_at < RESTING_AFTER_S else RESTING_TICK_S)

    def _note_unreported(self, ended: list[Future[Done]]) -> None:
        """A step whose end can't be reported is lost with this process, which first lets the others end."""
        errors = [error for future in ended if (error := future.exception()) is not None]
        for error in errors:
            logger.error("The end of a step could not be written: %s", error)
            self._unreported = error

    def _take(self, requests: Path, worker: str) -> None:
        """Start what is asked of this worker, as far as there is room; an attempt that is asked for again runs once."""
        for name in sorted(_names(requests) - self._known):
            if len(self._running) >= self._parallel:
                return
            wanted = _wanted_worker(requests / name)
            if wanted is None:
                continue
            self._known.add(name)
            attempt = requested_attempt(str(requests / name))
            if wanted == worker and attempt and attempt not in self._known:
                self._known.add(attempt)
                self._start(Path(attempt))

    def _start(self, folder: Path) -> None:
        self._lease.renew()
        attempt = StepAttempt(folder, self._captures, self._dbutils)
        self._running[self._reports.submit(attempt.report, self._steps.submit(attempt.run))] = attempt

    def _tick(self) -> list[Future[Done]]:
        """Look after what runs: the lease and cancellations; returns what has ended."""
        if reason := self._lease.lapsed():
            sys.stderr.write(f"{reason}\n")
            sys.stderr.flush()
            os._exit(LEASE_LAPSED)  # threads of steps can't be ended otherwise
        if time.monotonic() - self._looked_for_cancel > CANCEL_LOOKS_S:
            self._looked_for_cancel = time.monotonic()
            for attempt in self._running.values():
                attempt.cancel_when_asked()
        ended = [future for future in self._running if future.done()]
        for future in ended:
            del self._running[future]
        return ended


def _names(requests: Path) -> set[str]:
    try:
        return {path.name for path in requests.iterdir()}
    except OSError:  # not made yet, or a hiccup of the volume
        return set()


def _remove_staged(folder_of_run: Path) -> None:
    """Remove what the host would need a call for each of; what can't be removed now, it removes."""
    for name in ("requests", "steps", "workers"):
        shutil.rmtree(folder_of_run / name, ignore_errors=True)


def _wanted_worker(request: Path) -> str | None:
    """The folder of the worker that a request is for, empty when it is for none; None while it can't be read.

    A file that is half written or foreign is for none, and ends no worker: it may become a request yet.
    """
    try:
        return split_request(request.read_bytes())[0]["worker"] or ""
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _say_that_it_is_up(file: Path) -> None:
    """So that steps which it does not come to, when it dies, are for the next worker."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    except OSError as error:
        logger.warning("%s could not be written: %s", file, error)


def _say_that_it_left(handle: Path) -> None:
    """So that the next step of the run starts another worker at once, not after a silence."""
    try:
        handle.write_text(json.dumps({**json.loads(handle.read_bytes()), "left": True}))
    except (OSError, ValueError, TypeError, RecursionError):
        logger.warning("%s could not be written: a later step waits before it starts another worker.", handle)


def main(options: Mapping[str, str], dbutils: Any) -> None:
    """Run one attempt, or serve a Dagster run.

    Raises:
        RuntimeError: the one attempt failed; its Dagster events say why.
    """
    lease = Lease(Path(options["lease"]), float(options["lease_s"]))
    if "attempt" in options:
        done = Worker(lease, 1, dbutils).run_one(Path(options["attempt"]))
        if done.final_event not in SUCCEEDED:
            raise RuntimeError("The Dagster step failed: its events in Dagster say why.")
        return
    worker = Worker(lease, int(options["parallel"]), dbutils)
    worker.serve(Path(options["folder"]), float(options["idle_s"]))
