"""Ports for the servers of tests, which nothing takes between the choice and the server's start."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
NOT_GIVEN_OUT = range(15_000, 30_000)
"""Below what systems give to outgoing connections (from 32,768 on by Linux, from 49,152 on elsewhere): those of other
tests would take a port there at any moment."""


def free_port(*, consecutive: int = 1) -> int:
    """The first of so many consecutive ports of this machine's loopback address on which nothing listens."""
    drawn = random.Random()  # not seeded: pytest's workers choose at once
    for _ in range(1_000):
        first = drawn.choice(NOT_GIVEN_OUT)
        with ExitStack() as probes:
            try:
                for port in range(first, first + consecutive):
                    probes.enter_context(socket.socket()).bind((LOOPBACK, port))
            except OSError:
                continue
        return first
    raise OSError(f"No {consecutive} free ports in {NOT_GIVEN_OUT}")
