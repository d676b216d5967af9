"""What a label of another table adds to the graph and asks of a target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from mlops_core.config import TargetError, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.project import Validation
from mlops_core.tasks import Regression
from mlops_core_tests.fraud.orders import ORDERS
from mlops_core_tests.fraud.project import MODEL, PROJECT, write_bundle


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["fraud", name])


@pytest.mark.parametrize("name", ["local", "dev"])
def test_orders_are_made_of_their_source_and_of_the_labels(tmp_path: Path, name: str) -> None:
    write_bundle(tmp_path)
    definitions = definitions_of(PROJECT, load_target(PROJECT, name, environ={}, folder=tmp_path))
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    assert graph.get(key("orders")).parent_keys == {key("raw_orders"), key("chargebacks")}
    checks = {check.name for check in graph.get_check_keys_for_assets({key("orders")})}
    assert "chargebacks_meet_orders" in checks
    assert "for late ones, of 14 days before." in str(graph.get(key("orders")).description)  # 3 late days, 11 to wait


def test_a_monitoring_that_never_comes_back_for_the_labels_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path, label_delay_days=10)
    sentence = r"label_delay_days is 10, but the labels of orders are known 11 days after them, .*: it should be 11"
    with pytest.raises(TargetError, match=sentence):
        load_target(PROJECT, "local", environ={}, folder=tmp_path)


def test_a_model_of_another_column_of_the_labels_keeps_where_they_come_from() -> None:
    refunds = replace(MODEL, name="refund_model", label="amount_back", task=Regression(), validation=Validation())
    project = replace(PROJECT, models=(refunds,))
    assert (project.events.label_column, project.events.known_at) == ("amount_back", "label_known_at")
    assert project.events.label_source == ORDERS.label_source
    assert project.events.delivered.types == ORDERS.delivered.types
    assert [events.name for events in project.event_tables] == ["chargebacks", "orders"]
