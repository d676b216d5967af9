"""Tables as people have them, written as files, and what the command makes of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlops_core.cli.new.answers import Answers
from mlops_core.cli.new.ask import Decisions, accept
from mlops_core.cli.new.command import settled

TODAY = date.today()
UNSAID: dict[str, Any] = {
    "toy": False,
    "warehouse": "",
    "time_zone": "UTC",
    "without": (),
    "csv_format": (),
    "identity": (),
    "entity": (),
    "known_late": (),
    "known_in_time": (),
    **dict.fromkeys(
        (
            "kind",
            "event_time",
            "known_at",
            "known_at_sql",
            "known_after",
            "label",
            "label_sql",
            "positive",
            "unit",
            "noun",
            "title",
            "owner",
        ),
        "",
    ),
}


def orders(count: int = 4_000) -> pd.DataFrame:
    """Orders of two months, most of which are delivered; whether one is late depends on distance, shop and week."""
    random = np.random.default_rng(0)
    ordered = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(random.integers(0, 60 * 86_400, count)), unit="s")
    shop, distance = random.integers(0, 12, count), random.gamma(2, 40, count).round(1) + 1
    level = random.normal(0, 1, (9, 12))[(ordered - ordered[0]).days // 7, shop]
    score = (distance - 80) / 60 + level + random.normal(0, 0.7, count)
    took = np.exp(2.5 + score / 4)
    known = random.random(count) > 0.03
    return pd.DataFrame(
        {
            "order_id": np.arange(count) + 7_000_000,
            "ordered_at": ordered.astype("datetime64[us]"),
            "delivered_at": (ordered + pd.to_timedelta(took, unit="h")).astype("datetime64[us]").where(known),
            "shop": np.char.add("shop ", shop.astype(str)),
            "distance": distance,
            "parcels": random.integers(1, 6, count),
            "remark": [f"remark {number}" for number in range(count)],
            "country": "NL",
            "delay": pd.Series(score.round(3)).where(known),
            "late": pd.Series((score > 0.5).astype(float)).where(known),
        }
    )


def written(frame: pd.DataFrame, folder: Path, name: str = "orders.parquet") -> Path:
    """The table as a file of the kind that its name says."""
    file = folder / name
    frame.to_csv(file, index=False) if ".csv" in name else frame.to_parquet(file, index=False)
    return file


def answered(rows: Path | str, folder: Path, **said: Any) -> tuple[Answers, Decisions]:
    """The answers to what was said of these rows with --yes, and how they were decided."""
    decide = Decisions(accept)
    return settled("churn", UNSAID | {"rows": str(rows)} | said, folder, decide), decide


def reason(decide: Decisions, what: str, value: str) -> str:
    """Why something was decided."""
    return next(line.reason for line in decide.lines if line.what == what and value in line.value)
