"""Versions that host and cluster must share, compared before a step starts. Standard library only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

PYTHON = "python"


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """The version of Python, and of each package that is installed."""
    found = {name: installed for name in packages if (installed := _installed(name))}
    return {PYTHON: ".".join(map(str, sys.version_info[:3])), **found}


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return _without_metadata(package)


def _without_metadata(package: str) -> str | None:
    """A runtime's own pyspark may be on the path without having been installed."""
    if package != "pyspark":
        return None
    try:
        return import_module("pyspark.version").__version__
    except ModuleNotFoundError:
        return None


def mismatch(host: Mapping[str, str], cluster: Mapping[str, str]) -> str | None:
    """One sentence about the first package whose major.minor differs from the host's, or None.

    A package that the host does not have is not compared.
    """
    for name, expected in host.items():
        found = cluster.get(name)
        if found is None:
            return f"{name} {expected} is on the Dagster host but not on the cluster: add it to requirements.txt."
        if _minor(found) != _minor(expected):
            return (
                f"{name} is {found} on the cluster but {expected} on the Dagster host: {_fix(name)} so that major and "
                f"minor version agree."
            )
    return None


def _minor(text: str) -> tuple[str, ...]:
    return tuple(text.split(".")[:2])


def _fix(name: str) -> str:
    if name in (PYTHON, "pyspark"):
        return f"choose a Databricks runtime or environment_version with the host's {name}, or install its {name} here,"
    return f"pin {name} in requirements.txt and install the same on the host,"
