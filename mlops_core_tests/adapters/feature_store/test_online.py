"""Publishing to an online store: it is created once and waited for, and the change data feed is turned on once.

No online store runs here: a stand-in keeps what Databricks' client would be told. test_databricks.py holds the
arguments against the real signatures.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlops_core.adapters import waiting
from mlops_core.adapters.feature_store.online import OnlineStoreError, available_store, publish


class Stores:
    """Stores that start for `looks` looks."""

    def __init__(self, looks: int = 0) -> None:
        self.looks, self.made, self.published = looks, dict[str, str](), list[dict[str, Any]]()

    def get_online_store(self, *, name: str) -> Any:
        if name not in self.made:
            return None
        self.looks -= 1
        state = SimpleNamespace(value="AVAILABLE" if self.looks < 0 else "STARTING")
        return SimpleNamespace(name=name, capacity=self.made[name], state=state)

    def create_online_store(self, *, name: str, capacity: str) -> Any:
        assert name not in self.made
        self.made[name] = capacity
        return self.get_online_store(name=name)

    def publish_table(self, **told: Any) -> None:
        self.published.append(told)


class Session:
    """Tables with their properties."""

    def __init__(self) -> None:
        self.properties: dict[str, str] = {}
        self.altered: list[str] = []

    def sql(self, text: str) -> Any:
        if text.startswith("ALTER"):
            self.altered.append(text)
            self.properties["delta.enableChangeDataFeed"] = "true"
        rows = [{"key": key, "value": value} for key, value in self.properties.items()]
        return SimpleNamespace(collect=lambda: rows)


def test_a_store_is_created_once_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.001)
    stores = Stores(looks=3)
    assert available_store(stores, "fares", "CU_2", 5.0).capacity == "CU_2"
    assert available_store(stores, "fares", "CU_4", 5.0).capacity == "CU_2"


def test_a_store_that_does_not_come_is_told_and_nothing_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.001)
    with pytest.raises(
        OnlineStoreError, match="The online store fares is STARTING after 0 minutes: .* nothing was pub"
    ):
        available_store(Stores(looks=1_000), "fares", "CU_1", 0.02)


def test_a_table_is_published_from_its_changes() -> None:
    stores, session, store = Stores(), Session(), object()
    for _ in range(2):
        assert publish(stores, session, store, "a-b.fares.pickups") == "a-b.fares.pickups_online"
    assert session.altered == [
        "ALTER TABLE `a-b`.`fares`.`pickups` SET TBLPROPERTIES (delta.enableChangeDataFeed = true)"
    ]
    told = {"source_table_name": "a-b.fares.pickups", "online_table_name": "a-b.fares.pickups_online"}
    assert stores.published == [{"online_store": store, "publish_mode": "TRIGGERED", **told}] * 2
