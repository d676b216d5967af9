"""Findings, and running checks that depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """The result of a check, in a sentence; `fix` is the remedy, empty when none is needed."""

    state: State
    said: str
    fix: str = ""


@dataclass(frozen=True)
class Check:
    """`look` is the check; it is skipped when one of the checks named in `needs` failed."""

    name: str
    look: Callable[[], Iterable[Finding]]
    needs: tuple[str, ...] = ()


def ok(said: str) -> Finding:
    return Finding("ok", said)


def warning(said: str, fix: str) -> Finding:
    return Finding("warning", said, fix)


def failed(said: str, fix: str) -> Finding:
    return Finding("failed", said, fix)


def diagnose(checks: Iterable[Check]) -> Iterator[tuple[str, Finding]]:
    """The findings of every check under its name, in their order; a failed one does not end the others."""
    causes: dict[str, str] = {}  # skipped check -> the check that failed first
    for check in checks:
        cause = next((causes[name] for name in check.needs if name in causes), None)
        if cause:
            causes[check.name] = cause
            yield check.name, warning(f"Not checked, because {cause} failed", f"see to {cause} first")
            continue
        for finding in check.look():
            if finding.state == "failed":
                causes[check.name] = check.name
            yield check.name, finding
