"""Publishing feature tables to an online store of Databricks, from which an endpoint looks features up by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_core.adapters.sql_names import quoted_path
from mlops_core.adapters.waiting import wait_until

if TYPE_CHECKING:
    from databricks.feature_engineering import FeatureEngineeringClient

AVAILABLE = "AVAILABLE"
STARTING_S = 1_800.0
CHANGES = "delta.enableChangeDataFeed"
ONLINE = "_online"
"""What the name of an online table ends with."""


class OnlineStoreError(RuntimeError):
    """The online store can't take tables: a sentence with the fix."""


def available_store(client: FeatureEngineeringClient, name: str, capacity: str, within_s: float = STARTING_S) -> Any:
    """The store of this name, which is created when there is none, as soon as it takes tables.

    One that exists keeps its capacity.

    Raises:
        OnlineStoreError: it is not available in time.
    """
    if client.get_online_store(name=name) is None:
        client.create_online_store(name=name, capacity=capacity)
    found = wait_until(lambda: client.get_online_store(name=name), _is_available, within_s)
    if not _is_available(found):
        state = getattr(getattr(found, "state", None), "value", "gone")
        raise OnlineStoreError(
            f"The online store {name} is {state} after {within_s / 60:.0f} minutes: look at it in the workspace "
            "(Compute, Lakebase), and launch the job again when it is available; nothing was published."
        )
    return found


def publish(client: FeatureEngineeringClient, session: Any, store: Any, table: str) -> str:
    """Bring the online table of `table`, catalog.schema.table, up to date; returns the online table's name.

    The first time, the table's change data feed is turned on, which the store reads what has changed from.
    """
    path = quoted_path(table)
    held = {row["key"]: row["value"] for row in session.sql(f"SHOW TBLPROPERTIES {path}").collect()}
    if held.get(CHANGES) != "true":
        session.sql(f"ALTER TABLE {path} SET TBLPROPERTIES ({CHANGES} = true)").collect()
    online = f"{table}{ONLINE}"
    client.publish_table(
        online_store=store, source_table_name=table, online_table_name=online, publish_mode="TRIGGERED"
    )
    return online


def _is_available(store: Any) -> bool:
    return store is not None and getattr(store.state, "value", store.state) == AVAILABLE
