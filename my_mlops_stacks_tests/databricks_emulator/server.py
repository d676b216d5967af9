"""The HTTP side: receives requests, applies faults and latency, checks the token, logs every call."""

from __future__ import annotations

import logging
import os
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, unquote, urlsplit

from my_mlops_stacks_tests.databricks_emulator.api import ApiError, Request, Response
from my_mlops_stacks_tests.databricks_emulator.calls import ApiCall, CallLog
from my_mlops_stacks_tests.databricks_emulator.faults import Faults

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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

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
        fault = self.front.faults.take(request)
        time.sleep(self.front.latency + (fault.delay if fault else 0.0))
        if fault and fault.reset:
            response = None
        elif fault and fault.status:
            response = Response.error(fault.error, fault.headers)
        else:
            response = self._answer(request)
            response = None if fault and fault.lose_reply else response
        sent = self._send(response)
        seconds = time.perf_counter() - started
        status = response.status if response else 0
        self.front.calls.add(ApiCall(request.method, request.path, status, len(request.body), sent, seconds, began))

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _respond

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(self.command, unquote(parts.path), query, headers, self.rfile.read(length))

    def _answer(self, request: Request) -> Response:
        try:
            self.front.authenticate(request)
            return self.front.answer(request)
        except ApiError as error:
            return Response.error(error)
        except Exception as error:  # noqa: BLE001 - without an answer, the client would retry a bug for minutes
            logger.exception("the emulator failed to answer %s %s", request.method, request.path)
            return Response.error(ApiError(501, "EMULATOR_BUG", f"the emulator failed: {error!r}"))

    def _send(self, response: Response | None) -> int:
        """Send the answer, or reset the connection when there is none; returns the bytes of the body."""
        if response is None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.close_connection = True
            os.close(self.connection.detach())
            return 0
        body = b"" if self.command == "HEAD" else response.body
        self.send_response(response.status)
        for name, value in {"Content-Length": str(len(body)), **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        return len(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr: calls are logged in the call log."""
