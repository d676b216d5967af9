"""The cost of a step: cluster seconds, and an estimate in DBU and money from a price table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOUR_S = 3600.0
SERVERLESS = "serverless"


@dataclass(frozen=True)
class PriceTable:
    """List prices of one target.

    `dbu_per_hour` and `machine_price_per_hour` are keyed by node type, with `serverless` for serverless compute;
    `price_per_dbu` and `serverless_price_per_dbu` are in `currency`.
    """

    dbu_per_hour: Mapping[str, float] = field(default_factory=dict)
    machine_price_per_hour: Mapping[str, float] = field(default_factory=dict)
    price_per_dbu: float = 0.0
    serverless_price_per_dbu: float = 0.0
    currency: str = ""


@dataclass(frozen=True)
class Nodes:
    """The machines of a cluster by node type, driver included; serverless has one of no type that we know."""

    counts: dict[str, int]

    @classmethod
    def of(cls, new_cluster: Mapping[str, Any], serverless: bool) -> Nodes:
        """The machines that a cluster was asked for; an autoscaling cluster counts with its least workers."""
        if serverless:
            return cls({SERVERLESS: 1})
        worker = new_cluster.get("node_type_id") or "unknown"
        driver = new_cluster.get("driver_node_type_id") or worker
        autoscale = new_cluster.get("autoscale") or {}
        workers = new_cluster.get("num_workers") or autoscale.get("min_workers") or 0
        counts = {driver: 1}
        counts[worker] = counts.get(worker, 0) + workers
        return cls({node: count for node, count in counts.items() if count})


@dataclass(frozen=True)
class Cost:
    """Seconds of a cluster and, when every node type has a price, the estimate."""

    seconds: float
    nodes: Nodes
    dbu: float | None
    money: float | None
    currency: str

    def metadata(self) -> dict[str, Any]:
        """Metadata of a materialization or an event; values are numbers and text."""
        values: dict[str, Any] = {
            "databricks/cluster_seconds": round(self.seconds, 2),
            "databricks/node_types": ", ".join(
                f"{count} x {node}" for node, count in sorted(self.nodes.counts.items())
            ),
        }
        if self.dbu is not None and self.money is not None:
            values["databricks/dbu_estimate"] = round(self.dbu, 6)
            values["databricks/cost_estimate"] = round(self.money, 6)
            values["databricks/cost_currency"] = self.currency
        return values


def estimate(seconds: float, nodes: Nodes, prices: PriceTable | None) -> Cost:
    """The cost of `seconds` of a cluster; without a price for one of its node types, only the seconds."""
    if prices is None or any(node not in prices.dbu_per_hour for node in nodes.counts):
        return Cost(seconds, nodes, None, None, prices.currency if prices else "")
    hours = seconds / HOUR_S
    dbu = hours * sum(count * prices.dbu_per_hour[node] for node, count in nodes.counts.items())
    rate = prices.serverless_price_per_dbu if SERVERLESS in nodes.counts else prices.price_per_dbu
    machines = hours * sum(count * prices.machine_price_per_hour.get(node, 0.0) for node, count in nodes.counts.items())
    return Cost(seconds, nodes, dbu, dbu * rate + machines, prices.currency)
