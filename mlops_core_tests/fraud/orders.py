"""Orders, some of which are charged back weeks later: the label is in another table."""

from __future__ import annotations

from datetime import timedelta

from mlops_core.project import Column, EventTable, Label

WITHIN = timedelta(days=10)
CHARGEBACKS = EventTable(
    "chargebacks",
    columns=(
        Column("order_id", "bigint", "The order that is charged back"),
        Column("merchant", "string", "Who sold", nullable=True),
        Column("reported_at", "timestamp", "When the bank reported it"),
        Column("is_fraud", "int", "1 for a fraud, 0 when it was taken back"),
        Column("amount_back", "double", "What is paid back", unit="EUR", nullable=True),
    ),
    event_time="reported_at",
    known_at="reported_at",
    identity=("order_id", "reported_at"),
    time_zone="UTC",
    longest=timedelta(days=1),
    noun="chargeback",
)
ORDERS = EventTable(
    "orders",
    columns=(
        Column("order_id", "bigint", "Number of the order"),
        Column("ordered_at", "timestamp", "When it was placed"),
        Column("merchant", "string", "Who sells"),
        Column("amount", "double", "What is paid", unit="EUR"),
    ),
    event_time="ordered_at",
    known_at="label_known_at",
    label=Label(CHARGEBACKS, "is_fraud", within=WITHIN, absent=0, also=("amount_back",)),
    identity=("order_id",),
    time_zone="UTC",
    longest=timedelta(days=14),
    noun="order",
)
