"""Orders of fourteen weeks, and the chargebacks that banks report of them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

FIRST, LAST = date(2023, 12, 4), date(2024, 3, 10)


def orders(count: int = 9_000) -> pd.DataFrame:
    """Orders at thirty merchants, with whether they are frauds: more of large ones, and where a thief was that week."""
    random = np.random.default_rng(0)
    days = (LAST - FIRST).days + 1
    at = pd.Timestamp(FIRST) + pd.to_timedelta(np.sort(random.integers(0, days * 86_400, count)), unit="s")
    shop, amount = random.integers(0, 30, count), random.gamma(2, 30, count).round(2)
    robbed = random.random((30, days // 21 + 1)) < 0.3
    share = 0.02 + 0.1 * (amount > 100) + 0.35 * robbed[shop, (at - at[0]).days // 21]
    return pd.DataFrame(
        {
            "order_id": np.arange(count),
            "ordered_at": at.astype("datetime64[us]"),
            "merchant": [f"shop {number}" for number in shop],
            "amount": amount,
            "is_stolen": random.random(count) < share,
        }
    )


def chargebacks(placed: pd.DataFrame) -> pd.DataFrame:
    """Of each fraud one, an hour to nine days after it; of some a second one that takes it back; as of the last day."""
    random = np.random.default_rng(1)
    stolen = placed[placed.is_stolen]
    after = pd.to_timedelta(random.integers(3_600, 9 * 86_400, len(stolen)), unit="s")
    told = stolen[["order_id", "merchant"]].assign(
        reported_at=(stolen.ordered_at + after).astype("datetime64[us]"), is_fraud=1, amount_back=stolen.amount
    )
    back = told.iloc[::20].assign(is_fraud=0, amount_back=np.nan)
    back["reported_at"] += pd.Timedelta(hours=20)
    both = pd.concat([told, back]).sort_values("reported_at", ignore_index=True)
    return both[both.reported_at < pd.Timestamp(LAST) + pd.Timedelta(days=1)]
