"""Asset metadata for people: plots and small tables that the Dagster UI renders."""

import base64
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.shown_text import as_markdown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LONGEST_CELL = 100
"""Maximum length of a cell."""
DIGITS = 5
LARGE = 1_000
"""Numbers from here on are written without an exponent."""


def readable(number: float) -> float:
    """The number as people read it: five significant digits, or all before the point."""
    if not math.isfinite(number) or number == 0:
        return number
    return round(number, max(0, DIGITS - 1 - math.floor(math.log10(abs(number)))))


def png(figure: "Figure", trimmed: bool = True) -> bytes:
    """The figure, drawn; trimming its margins draws it twice."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=80, bbox_inches="tight" if trimmed else None)
    return image.getvalue()


def plot(image: bytes) -> dg.MarkdownMetadataValue:
    """A PNG inside Markdown."""
    return dg.MarkdownMetadataValue(f"![plot]({as_data(image)})")


def as_data(image: bytes) -> str:
    """A PNG as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def markdown_table(rows: "pd.DataFrame") -> str:
    """The rows as a Markdown table that says what is in them, whatever it is: one line a row, one cell a value.

    Numbers have four significant digits or all before the point, nested values are written as `name: value`, and a text
    ends after `LONGEST_CELL` characters.
    """
    return "\n".join([*_head(rows), *_lines(rows)])


def markdown_tables(rows: "pd.DataFrame", by: str) -> dict[str, str]:
    """As `markdown_table`, one for each value of the column `by`, which it is given by as text."""
    head = _head(rows)
    found: dict[str, list[str]] = {}
    for value, line in zip(rows[by].astype(str), _lines(rows), strict=True):
        found.setdefault(value, [*head]).append(line)
    return {value: "\n".join(lines) for value, lines in found.items()}


def _head(rows: "pd.DataFrame") -> list[str]:
    return [_line(as_markdown(str(name)) for name in rows.columns), _line("---" for _ in rows.columns)]


def _lines(rows: "pd.DataFrame") -> Iterator[str]:
    return (_line(map(_cell, row)) for row in rows.itertuples(index=False, name=None))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    text = " ".join(_text(value).split())
    return as_markdown(text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…")


def _text(value: Any) -> str:
    """A value for people; nested ones without the names of Python's types."""
    from pandas import isna

    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if hasattr(value, "asDict"):  # a row of Spark
        value = value.asDict()
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_text(name)}: {_text(inner)}' for name, inner in value.items())}}}"
    if hasattr(value, "tolist") and not isinstance(value, float):  # of numpy: a number or an array
        value = value.tolist()
    if isinstance(value, list | tuple | set):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}" if abs(value) < LARGE else f"{value:,.0f}"
    return "null" if isna(value) else str(value)
