"""What a source makes of a path, read by pandas."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from mlops_core.adapters.sources.file_source import files_at
from mlops_core.adapters.sources.landing import Landing
from mlops_core.ingestion.columns import SOURCE_PROBLEM
from mlops_core.ingestion.times import EventTimes
from mlops_core.project import EventTable


def landed_rows(events: EventTable, path: Path | str, times: str = "wall_clock", **options: object) -> pd.DataFrame:
    """All rows of the path as they are landed, with `source_problem`; `options` are those of pandas."""
    files = files_at(events, str(path))
    with TemporaryDirectory() as folder:
        snapshot = Landing(Path(folder), EventTimes(events, times)).snapshot(files)
        rows = pd.read_parquet(snapshot, **options)
    assert list(rows.columns) == [*events.types, SOURCE_PROBLEM]
    return rows
