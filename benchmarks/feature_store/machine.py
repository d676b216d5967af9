"""The machine on which times were taken, in one line."""

from __future__ import annotations

import os
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
GIB = 1024**3


def machine() -> str:
    """Cores, processor and memory, and the versions of what runs in this process."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return f"{os.cpu_count()} cores of {processor()}, {memory:.0f} GiB, Python {platform.python_version()}"


def processor() -> str:
    """The processor's model; its architecture where the system does not tell."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
