"""A column, by its name, type, meaning and unit; and the error of a declaration that contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

from mlops_core.project.names import require_columns

ColumnType = Literal["boolean", "int", "bigint", "float", "double", "string", "date", "timestamp"]
"""Spark's names of the types that a column of a project can have."""

NUMBERS = ("int", "bigint", "float", "double")
"""Those of them that are numbers."""


class DeclarationError(ValueError):
    """A declaration that can't be meant: one sentence with the name and the choices."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: As LightGBM, Delta and Unity Catalog all take it.
        type: Spark's name of the type.
        meaning: One sentence for people, without the unit.
        unit: What the numbers are in, such as "EUR" or "min".
        nullable: Whether an event may lack it. Label and `known_at` are unknown at first in any case.
        known_late: Whether it is known only with the label, as a delay is: no model may see it of its own event. While
            nothing is said, the leak check looks at when it is null; False vouches for it.
        categorical: Whether its numbers are names, such as the code of a region: compared by their shares, never by
            their order. Texts are in any case.
        computed_by: Of a column that no source has: SQL over those that it has, such as "arrival_delay > 15".
    """

    name: str
    type: ColumnType
    meaning: str
    unit: str | None = None
    _: KW_ONLY
    nullable: bool = False
    known_late: bool | None = None
    categorical: bool = False
    computed_by: str = ""

    def __post_init__(self) -> None:
        require_columns([self.name], "Column")
        if self.type not in get_args(ColumnType):
            raise DeclarationError(
                f"Column '{self.name}': no type is called {self.type!r}; {choices(get_args(ColumnType))}"
            )

    @property
    def is_categorical(self) -> bool:
        return self.categorical or self.type in ("string", "boolean")

    @property
    def text(self) -> str:
        """The meaning, with the unit."""
        return f"{self.meaning}, in {self.unit}" if self.unit else self.meaning


def choices(names: Iterable[str]) -> str:
    """The end of a sentence that tells what could have been meant."""
    return f"choose from {', '.join(names)}."


def require_known(names: Iterable[str], known: Iterable[str], place: str) -> None:
    """Refuse a name that is none of `known`.

    Raises:
        DeclarationError: `place` says where it is written.
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise DeclarationError(f"{place}: there is no column '{name}'; {choices(known)}")
