"""The columns of trips, accepted and rejected: their types and meanings."""

from __future__ import annotations

from my_mlops_stacks.events import TRIPS

RAW_COLUMNS = {column.name: (column.type, column.text) for column in TRIPS.columns}

SOURCE_PROBLEM = "source_problem"
"""A column that a source may add to its rows: why one cannot be taken as it is written, a rule broken; null if it can.

Rules of rows see values only: of a line with too many fields, or a fare of '1,208.00', a source knows more than a null.
A null without it is not known yet. What differs from row to row follows a colon: checks count what stands before it.
"""

REASON_COLUMN = {"reason": ("string", "Every rule that the trip breaks, separated by '; '")}
DAY_COLUMN = {"day": ("date", "Day of the pickup on the wall clock, the partition")}
DAY_OF_REJECTED = {"day": ("date", "Day of the pickup, else of the drop-off, on the wall clock: the partition")}

TRIP_COLUMNS = RAW_COLUMNS | DAY_COLUMN
REJECTED_COLUMNS = RAW_COLUMNS | REASON_COLUMN | DAY_OF_REJECTED
