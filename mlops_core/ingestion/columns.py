"""The columns of events, accepted and rejected: their types and meanings."""

from __future__ import annotations

from mlops_core.project import EventTable

SOURCE_PROBLEM = "source_problem"
"""A column that a source may add to its rows: why one cannot be taken as it is written, a rule broken; null if it can.

Rules of rows see values only: of a line with too many fields, or an amount of '1,208.00', a source knows more than a
null. A null without it is not known yet. What differs from row to row follows a colon: checks count what stands before.
"""


def accepted_columns(events: EventTable) -> dict[str, tuple[str, str]]:
    """Column of the accepted events -> type and meaning."""
    return events.raw_columns | {"day": ("date", f"Day of `{events.event_time}`, the partition")}


def rejected_columns(events: EventTable) -> dict[str, tuple[str, str]]:
    """Column of the rejected events -> type and meaning."""
    return events.raw_columns | {
        "reason": ("string", f"Every rule that the {events.noun} breaks, separated by '; '"),
        "day": ("date", f"Day of `{events.event_time}`, else of `{events.known_at}`: the partition"),
    }
