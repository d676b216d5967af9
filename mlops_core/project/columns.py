"""A column, by its name, type, meaning and unit; and the error of a declaration that contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

from mlops_core.project.names import require_columns

ColumnType = Literal["boolean", "int", "bigint", "float", "double", "string", "date", "timestamp"]
"""Spark's names of the types that a column of a project can have."""

NUMBERS = ("int", "bigint", "float", "double")
"""Those of them that are numbers."""

CsvFormat = Literal["", "decimal_comma", "decimal_point", "day_first", "month_first", "year_first"]
NUMBER_FORMATS: tuple[CsvFormat, ...] = ("decimal_comma", "decimal_point")
DATE_FORMATS: tuple[CsvFormat, ...] = ("day_first", "month_first", "year_first")
CSV_FORMATS: Mapping[CsvFormat, str] = {
    "decimal_comma": "1.208,50",
    "decimal_point": "1,208.50",
    "day_first": "31.12.2024",
    "month_first": "12/31/2024",
    "year_first": "2024/12/31",
}
"""Format -> an example."""


def csv_formats_of(kind: ColumnType) -> tuple[CsvFormat, ...]:
    """Those in which CSV may write values of a type."""
    return NUMBER_FORMATS if kind in NUMBERS else DATE_FORMATS if kind in ("date", "timestamp") else ()


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
        csv_format: Of `CSV_FORMATS`, how CSV writes it where not as 1208.5 or 2024-12-31. Other sources have types.
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
    csv_format: CsvFormat = ""

    def __post_init__(self) -> None:
        require_columns([self.name], "Column")
        if self.type not in get_args(ColumnType):
            raise DeclarationError(
                f"Column '{self.name}': no type is called {self.type!r}; {choices(get_args(ColumnType))}"
            )
        formats = csv_formats_of(self.type)
        if self.csv_format and self.csv_format not in formats:
            raise DeclarationError(
                f"Column '{self.name}': csv_format is {self.csv_format!r}, and CSV writes a {self.type} in "
                f"{f'none of its own; {choices(formats)}' if formats else 'none: leave it out.'}"
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
