"""This machine: its Python version, and its libraries compared with requirements.txt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning
from mlops_core.adapters.step_launcher.settings import read_requirements

PYTHONS = ((3, 11), (3, 12))
INSTALL = "install the project again with scripts/setup.sh"


def python() -> Iterator[Finding]:
    text = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in PYTHONS:
        yield ok(f"Python {text}")
    else:
        yield failed(f"Python {text}", "use Python 3.11 or 3.12: make setup PYTHON=/path/to/python")


def libraries(requirements: Path) -> Iterator[Finding]:
    """Each pinned library as it is installed: another version may give other numbers than the cluster does."""
    pins = dict(line.split("==") for line in read_requirements(requirements))
    installed = {name: _installed(name) for name in pins}
    missing = [name for name, found in installed.items() if found is None]
    differing = {name: found for name, found in installed.items() if found not in (None, pins[name])}
    other = [f"{name} {found} (pinned {pins[name]})" for name, found in differing.items()]
    if missing:
        yield failed(f"Not installed: {', '.join(missing)}", INSTALL)
    if other:
        yield warning(f"Not as requirements.txt pins them: {', '.join(other)}", INSTALL)
    if not missing and not other:
        yield ok(f"All {len(pins)} libraries of requirements.txt are installed as they are pinned")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
