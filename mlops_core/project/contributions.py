"""What a project's function says of why a row is predicted as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

BASE_VALUE = "base_value"
"""The column of what is predicted before any input is looked at."""

Contributions = Callable[[Any, "pd.DataFrame"], "pd.DataFrame"]
"""From a model and rows to a column for each input that adds something, and `base_value`; a row for each row."""
