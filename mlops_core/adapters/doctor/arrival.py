"""Whether a sensor can see when data arrive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning
from mlops_core.adapters.sources.errors import SourceNotWatchableError, SourceUnansweredError
from mlops_core.adapters.sources.watched import Watched


def versions(watched: Mapping[str, Watched]) -> Iterator[Finding]:
    """The version of each source, by its event table."""
    for events, source in watched.items():
        try:
            state = source.state()
        except SourceNotWatchableError as error:
            said, _, fix = str(error).partition(": ")
            yield failed(said, fix.rstrip("."))
        except SourceUnansweredError as error:
            yield warning(str(error).rstrip("."), "try again, and see whether it works")
        else:
            made = f", made at {state.at:%Y-%m-%d %H:%M} UTC" if state.at else ""
            yield ok(f"The source of {events} is at version {state.version}{made}")
