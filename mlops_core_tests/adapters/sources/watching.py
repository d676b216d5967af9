"""Sales in a Delta table or in files, looked at before and after somebody has done something to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from mlops_core.adapters.sources.choice import LocalSources
from mlops_core.adapters.sources.file_source import FileSource
from mlops_core.adapters.sources.given_path import GivenPath
from mlops_core.adapters.sources.local_watch import WatchedHere
from mlops_core.adapters.sources.watched import Look, look
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core.ingestion.arrivals import DaySummaries, SourceState
from mlops_core.ingestion.times import EventTimes
from mlops_core.project import Column, EventTable

SALES = EventTable(
    "sales",
    columns=(
        Column("sale_id", "bigint", "Number of the sale"),
        Column("sold_at", "timestamp", "When it was sold"),
        Column("paid_at", "timestamp", "When it was paid"),
        Column("amount", "double", "What was paid"),
        Column("shop", "string", "Where", nullable=True),
    ),
    event_time="sold_at",
    known_at="paid_at",
    label="amount",
    identity=("sale_id", "sold_at"),
    time_zone="America/New_York",
    longest=timedelta(days=30),
    first_day=date(2000, 1, 1),
    noun="sale",
)
SCHEMA = pa.schema(
    [
        ("sale_id", pa.int64()),
        ("sold_at", pa.timestamp("us")),
        ("paid_at", pa.timestamp("us")),
        ("amount", pa.float64()),
        ("shop", pa.string()),
    ]
)
AS_WRITTEN = EventTimes(SALES, "wall_clock")
FEED = {"delta.enableChangeDataFeed": "true"}


def january(day: int, hour: int = 12) -> datetime:
    return datetime(2024, 1, day, hour)


def sale(number: int, day: int, *, hour: int = 12, amount: float | None = 10.0, shop: str | None = "A") -> dict:
    """A sale in January 2024, paid an hour later once its amount is known."""
    sold = january(day, hour)
    paid = None if amount is None else sold + timedelta(hours=1)
    return {"sale_id": number, "sold_at": sold, "paid_at": paid, "amount": amount, "shop": shop}


def arrow(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


def differing_days(before: list[dict], after: list[dict]) -> dict[date, str]:
    """By Python alone: the days on which the two have other rows, in any order, and how."""
    held, found = (Counter((row["sold_at"].date(), *row.values()) for row in rows) for rows in (before, after))
    days_held, days_found = ({key[0] for key in rows} for rows in (held, found))
    changed = {key[0] for key in (held - found) + (found - held)}
    return {
        day: "removed" if day not in days_found else "added" if day not in days_held else "changed" for day in changed
    }


def kinds(found: Look) -> Mapping[date, str]:
    return {day: each.kind for day, each in found.changed.by_day.items()}


@dataclass(frozen=True)
class Watching:
    """A path that is looked at; tables of the pipeline are in `folder` too."""

    folder: Path
    path: Path
    times: EventTimes = AS_WRITTEN

    @property
    def spark(self) -> LocalSpark:
        return LocalSpark(self.folder / "warehouse", "watching")

    @property
    def source(self) -> FileSource:
        return FileSource(self.spark, GivenPath(str(self.path), "SALES_PATH"), self.folder / "landed", self.times)

    def read_as(self, declared: str) -> Watching:
        return replace(self, times=EventTimes(self.times.events, declared))

    def state(self) -> SourceState:
        """As a sensor sees it."""
        days = date(2024, 1, 1), date(2024, 1, 31)
        given = GivenPath(str(self.path), "SALES_PATH")
        sources = LocalSources(self.spark, self.folder / "state", self.times, *days, given)
        return WatchedHere(sources, {"path": None, "times": None, "rows": 1, "seed": 0, "drift_from": None}).state()

    def look(
        self, since: SourceState | None = None, before: DaySummaries | None = None, last_built: date = date.max
    ) -> Look:
        tables, state = LocalTables(self.spark), self.state()
        events, source = self.times.events, self.source
        return look(events, source, tables, state=state, since=since, before=before, last_built=last_built)

    # What is done to a Delta table

    def write(self, rows: list[dict], **options: object) -> None:
        write_deltalake(self.path, arrow(rows), **options)

    def vacuum(self) -> None:
        self.delta.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)

    @property
    def delta(self) -> DeltaTable:
        return DeltaTable(self.path)
