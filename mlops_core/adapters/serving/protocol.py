"""What the pipeline asks of a serving endpoint, wherever it is.

An endpoint serves versions of one registered model, each by its number. Its traffic is the whole of its state: nothing
about a canary is kept elsewhere, so whoever comes next goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mlops_core.deployment.traffic import ALL, EndpointState, Traffic

__all__ = ["ALL", "BusyError", "EndpointError", "EndpointState", "Record", "ServingEndpoint", "Traffic"]

Record = Mapping[str, Any]
"""One row of a request, column -> value as JSON has it: moments and days are text in ISO 8601, null is None."""


def served_name(version: int) -> str:
    """What an endpoint calls a version that it serves: in paths, and in the header `served-model-name` of answers."""
    return f"version-{version}"


class EndpointError(Exception):
    """The endpoint does not do what was asked, and serves what it served before: a sentence with the fix."""


class BusyError(EndpointError):
    """The endpoint is asked for more than it takes, for longer than that is waited for: what it serves may be fine."""


class ServingEndpoint(Protocol):
    """One endpoint, which may not exist yet, for the versions of one registered model. Every call may be repeated."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str:
        """Where requests are posted to."""
        ...

    @property
    def page(self) -> str:
        """Where people look at it."""
        ...

    def state(self) -> EndpointState:
        """What it does now; of one that is not there, `EndpointState()`."""
        ...

    def serve(self, traffic: Traffic) -> EndpointState:
        """Create or change the endpoint so that it serves exactly `traffic`, and wait until it does.

        Raises:
            EndpointError: it could not; what answered before still does.
        """
        ...

    def answer(self, records: Sequence[Record], version: int | None = None) -> list[Any]:
        """The prediction of each record in its order, as the endpoint gives it; of one of its versions when asked for.

        Raises:
            BusyError: it refuses requests for now, because they are too many.
            EndpointError: there is no answer, or not one for each record.
        """
        ...

    def remove(self) -> None:
        """Delete the endpoint; nothing is done when there is none, and one of somebody else's is refused.

        Raises:
            EndpointError: it is somebody else's.
        """
        ...
