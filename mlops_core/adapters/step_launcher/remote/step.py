"""One attempt of one step on the cluster, from its request to its last message."""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import traceback
from collections.abc import Mapping
from concurrent.futures import Future
from importlib import import_module
from pathlib import Path
from typing import Any

from mlops_core.adapters.step_launcher.protocol import (
    Done,
    begun_file,
    cancel_file,
    request_bytes,
    request_file,
    split_request,
)
from mlops_core.adapters.step_launcher.remote.outbox import Outbox
from mlops_core.adapters.step_launcher.remote.output import Capture, Captures
from mlops_core.adapters.step_launcher.remote.volume import is_there, retry_io
from mlops_core.adapters.step_launcher.versions import PYTHON, installed_versions, mismatch
from mlops_core.looks_secret import secret_values

logger = logging.getLogger(__name__)
TRACEBACK_LIMIT = 20_000
IMPORTING = threading.Lock()  # no step of this process imports anything while the first one imports what it was told to


class VersionMismatchError(RuntimeError):
    """Host and cluster can't understand each other; the message is one sentence that names the fix."""


class StepCancelledError(BaseException):
    """Raised within the step's thread when the host cancels its attempt."""


class StepAttempt:
    """`run` takes a thread for the step; `report` waits for its future in another one."""

    def __init__(self, folder: Path, captures: Captures, dbutils: Any) -> None:
        self.folder = folder
        self._captures, self._dbutils, self._capture = captures, dbutils, Capture()
        self._mask, self._cancel = captures.mask, Path(cancel_file(str(folder)))
        self._outbox = Outbox(folder, self._capture, self._mask)
        self._thread: int | None = None
        self._cancelled = False

    def run(self) -> str | None:
        """The type of the step's final event."""
        self._thread = threading.get_ident()
        self._captures.start(self._capture)
        try:
            header, body = split_request(retry_io(Path(request_file(str(self.folder))).read_bytes))
            if not body or retry_io(Path(begun_file(str(self.folder))).exists):  # Databricks may start a process again
                raise RuntimeError("Another process has begun this attempt of the step, which runs once.")
            with IMPORTING:
                self._compare(header["versions"])
                self._set_environment(header)
                for name in header["imports"]:
                    import_module(name)
            self._outbox.open()
            self._forget_body(header)
            if retry_io(self._cancel.exists):  # looked for after `begun` was written: the host looks in the other order
                raise StepCancelledError("cancelled before it began")
            from mlops_core.adapters.step_launcher.dagster_internals import run_pickled_step

            return run_pickled_step(body, self._outbox.add_event)
        finally:
            self._thread = None
            self._captures.stop()

    def report(self, future: Future[str | None]) -> Done:
        """Wait for the end of `run`, and tell the host about it."""
        error = future.exception()
        done = Done(future.result()) if error is None else self._failed(error)
        self._outbox.close(done)
        return done

    def cancel_when_asked(self) -> None:
        """Interrupt the step when the host has written `cancel`; a step inside native code notices when it returns."""
        if self._thread is not None and not self._cancelled and is_there(self._cancel):
            self._cancelled = True
            raised = ctypes.py_object(StepCancelledError)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), raised)

    def _forget_body(self, header: Mapping[str, Any]) -> None:
        """What was taken stays on the volume without the pickled step, whose config may have a secret in it."""
        try:
            retry_io(lambda: Path(request_file(str(self.folder))).write_bytes(request_bytes(header, b"")))
        except OSError as error:
            logger.warning("The request of a step could not be emptied; the teardown removes it: %s", error)

    def _compare(self, host: Mapping[str, str]) -> None:
        cluster = installed_versions(name for name in host if name != PYTHON)
        if sentence := mismatch(host, cluster):
            raise VersionMismatchError(sentence)

    def _set_environment(self, header: Mapping[str, Any]) -> None:
        """Set plain and secret variables; from now on, no secret value leaves this process."""
        os.environ.update(header["environment"])
        self._mask.add(secret_values(os.environ))
        secrets = {
            reference["variable"]: self._secret(reference["scope"], reference["key"]) for reference in header["secrets"]
        }
        self._mask.add(secrets.values())
        os.environ.update(secrets)

    def _secret(self, scope: str, key: str) -> str:
        if self._dbutils is None:
            from databricks.sdk.runtime import dbutils

            self._dbutils = dbutils
        return self._dbutils.secrets.get(scope=scope, key=key)

    def _failed(self, error: BaseException) -> Done:
        if isinstance(error, VersionMismatchError):
            return Done(None, str(error), mismatch=True)
        text = self._mask.text("".join(traceback.format_exception(error)))
        return Done(None, text[-TRACEBACK_LIMIT:])
