"""Reading and writing on a volume with transient errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
AGAIN_S = 0.1
PATIENCE_S = 120.0  # how long essential operations are retried


def retry_io(act: Callable[[], T]) -> T:
    """Retry `act` on errors of the volume.

    Raises:
        OSError: it still fails after `PATIENCE_S` seconds.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_S)


def is_there(path: Path) -> bool:
    """Whether there is such a file, as far as can be said: `Path.exists` raises an error of the volume."""
    try:
        return path.exists()
    except OSError:
        return False
