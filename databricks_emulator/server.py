"""The HTTP side: receives requests, applies faults and latency, checks the token, logs every call."""

from __future__ import annotations

import logging
import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, unquote, urlsplit

from databricks_emulator.api import ApiError, Request, Response
from databricks_emulator.calls import ApiCall, CallLog
from databricks_emulator.faults import Faults
from databricks_emulator.metastore import METASTORE

logger = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends RST, and the client sees a reset


@dataclass(frozen=True)
class Front:
    """What the HTTP side needs of the workspace."""

    answer: Callable[[Request], Response]
    authenticate: Callable[[Request], None]
    faults: Faults
    calls: CallLog
    latency: float


class HttpServer:
    """A threaded server on a free loopback port, from `start` to `stop`."""

    def __init__(self, front: Front) -> None:
        handler = type("Handler", (_Handler,), {"front": front})
        self._server = _Server((LOOPBACK, 0), handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.disconnect()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self._open.add(request)
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def close_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self._open.discard(request)
        super().close_request(request)

    def disconnect(self) -> None:
        """End the connections that clients keep open: a stopped workspace must not answer them."""
        for request in tuple(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        logger.debug("the client of %s went away", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    front: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits for the client's delayed acknowledgement
    wbufsize = -1

    def _respond(self) -> None:
        began, started = time.time(), time.perf_counter()
        request = self._request()
        if request.path.startswith(METASTORE):
            self._send(self.front.answer(request))
            return
        fault = self.front.faults.take(request)
        time.sleep(self.front.latency + (fault.delay if fault else 0.0))
        if fault and fault.reset:
            response = None
        else:
            response = (fault and fault.answer) or self._answer(request)
            response = None if fault and fault.lose_reply else response
        # Logged before it is sent: whoever has the answer finds the call in the log.
        sent = len(response.body) if response and self.command != "HEAD" else 0
        status, seconds = response.status if response else 0, time.perf_counter() - started
        self.front.calls.add(ApiCall(request.method, request.path, status, len(request.body), sent, seconds, began))
        self._send(response)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _respond  # noqa: N815

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(self.command, unquote(parts.path), query, headers, self._body())

    def _body(self) -> bytes:
        """The whole body; clients send an empty stream in chunks."""
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, request: Request) -> Response:
        try:
            self.front.authenticate(request)
            return self.front.answer(request)
        except ApiError as error:
            return Response.error(error)
        except Exception as error:
            logger.exception("the emulator failed to answer %s %s", request.method, request.path)
            return Response.error(ApiError(501, "EMULATOR_BUG", f"the emulator failed: {error!r}"))

    def _send(self, response: Response | None) -> None:
        """Send the answer, or reset the connection when there is none."""
        if response is None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.close_connection = True
            os.close(self.connection.detach())
            return
        body = b"" if self.command == "HEAD" else response.body
        self.send_response(response.status)
        for name, value in {"Content-Length": str(len(body)), **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr: calls are logged in the call log."""
