"""The servers of a local run: three of them on the loopback address, on consecutive ports."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from mlops_core.adapters.webserver.guard import needs_no_name_server

LOOPBACK = "127.0.0.1"
MISSING = (
    '<!doctype html><meta charset="utf-8"><title>No page</title><p>%(message)s: the monitoring has not made this page '
    '(yet). <a href="/">All days</a>'
)

logger = logging.getLogger(__name__)


class PortTakenError(RuntimeError):
    """Something else listens on a server's port."""


class Ports(NamedTuple):
    """Of Dagster's UI, of the monitoring's pages and of MLflow."""

    dagster: int
    pages: int
    mlflow: int

    @classmethod
    def beginning_at(cls, first: int) -> Ports:
        return cls(first, first + 1, first + 2)

    @property
    def serving(self) -> int:
        """The port of `make serve`, which runs beside these three or without them."""
        return self.mlflow + 1

    @property
    def addresses(self) -> dict[str, str]:
        """Field -> its address for a browser."""
        return {name: f"http://{LOOPBACK}:{port}" for name, port in self._asdict().items()}

    def require_free(self) -> None:
        """Check that the ports are free.

        Raises:
            PortTakenError: one is not.
        """
        for port in self:
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, port)) == 0:
                    raise PortTakenError(
                        f"Port {port} is taken: end what answers at http://{LOOPBACK}:{port}, or set BUNDLE_VAR_ui_port"
                        f" to the first of {len(self)} free ones, for make run too: its links have the port."
                    )


class _PageHandler(SimpleHTTPRequestHandler):
    error_message_format = MISSING

    def send_head(self) -> Any:
        if needs_no_name_server(self.headers.get("Host", "").lower()):
            return super().send_head()
        self.send_error(421)  # a page of another site that had its name resolve to this machine
        return None

    def list_directory(self, path: Any) -> None:  # noqa: ARG002 - a folder without an index has no page
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)


@contextmanager
def pages_served(folder: Path, port: int) -> Iterator[None]:
    """Serve the files of `folder`, which need not exist yet, to browsers on this machine."""
    handler = partial(_PageHandler, directory=str(folder))
    with ThreadingHTTPServer((LOOPBACK, port), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()  # a thread that serves a closed socket would keep a core busy
