"""The model server as a process, or a thread of one, runs it: on loopback, following what it is to serve."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from mlops_core.adapters.local_servers import LOOPBACK
from mlops_core.adapters.serving.scoring_app import scoring_app
from mlops_core.adapters.serving.served_endpoint import ServedEndpoint

if TYPE_CHECKING:
    import uvicorn

FOLLOW_S = 1.0
"""How often the server looks for another champion, and for newer rows of the feature tables."""

logger = logging.getLogger(__name__)


def scoring_server(endpoints: Mapping[str, ServedEndpoint]) -> uvicorn.Server:
    """A server that `run` starts on a given socket, until Ctrl-C."""
    import uvicorn

    config = uvicorn.Config(
        scoring_app(endpoints),
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def listening(port: int) -> socket.socket:
    """A socket on loopback, whose connections wait for the server that is given it; port 0 is any free one.

    Raises:
        OSError: something else listens there.
    """
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((LOOPBACK, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


@contextmanager
def following(endpoints: Mapping[str, ServedEndpoint], look: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Keep versions and features up to date in a thread of its own, whatever goes wrong with one of them.

    `look` may add endpoints, and take them away.
    """
    done = Event()

    def follow() -> None:
        while not done.wait(FOLLOW_S):
            _tried(look, "The server")
            for endpoint in endpoints.values():
                for step in (endpoint.follow, endpoint.tables.refresh):
                    _tried(step, endpoint.name)

    thread = Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _tried(step: Callable[[], None], name: str) -> None:
    try:
        step()
    except Exception:  # the server would go on for ever with what it has, and nobody would know
        logger.exception("%s goes on with what it serves", name)


@contextmanager
def served_meanwhile(endpoints: Mapping[str, ServedEndpoint]) -> Iterator[str]:
    """Serve in a thread of this process; gives the address."""
    with listening(0) as bound:
        server = scoring_server(endpoints)
        thread = Thread(target=server.run, args=([bound],), daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
