"""A model for each segment of the events."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_core.project.columns import DeclarationError

SEGMENT_TYPES = ("string", "boolean", "int", "bigint")
"""The types of columns that segments can go by."""


@dataclass(frozen=True)
class Segments:
    """A model for each value of a column, beside the model of all rows; one registered version contains them.

    A segment has a model of its own when it has `min_rows` training rows and, in a classification, every class that
    the training rows have. Other segments, new ones and null are predicted by the model of all rows.

    Args:
        column: An input that is a column of the events.
        min_rows: Training rows that a model of its own needs.
    """

    column: str
    min_rows: int = 500

    def __post_init__(self) -> None:
        if not isinstance(self.min_rows, int) or isinstance(self.min_rows, bool) or self.min_rows < 1:
            raise DeclarationError(f"Segments: min_rows must be a whole number from 1 on, not {self.min_rows!r}.")
