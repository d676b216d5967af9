"""Texts that may come from data or from other people, as they are shown: on a console, in Markdown, as CSV."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that move or hide what a terminal shows, but for line breaks and tabs."""
MARKUP = re.compile(r"[\\`*\[\]|~]|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])")

FORMULA = re.compile(r"[=+@\t\r]|-(?![\d.]+(?:[eE][-+]?\d+)?$)")
"""How a text begins that a spreadsheet would compute; a negative number is none."""


def printable(text: str) -> str:
    """The text with control characters as escapes: it colours nothing, erases nothing, and writes in no other order."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def as_csv(table: pd.DataFrame) -> str:
    """A table as CSV for people, whose spreadsheet computes no text of it."""
    cells = table.map(lambda value: f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value)
    return cells.to_csv(index=False)


def as_markdown(text: str) -> str:
    """One line of Markdown, or a cell of a table, that shows the text as it is: no link, picture or element."""
    return MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
