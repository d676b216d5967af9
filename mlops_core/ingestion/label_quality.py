"""Whether the labels of another table meet their events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.ingestion.labelled import KNOWN, is_of, keys_of, same_key, told
from mlops_core.ingestion.quality import MAX_REJECTED_SHARE
from mlops_core.project import EventTable, Label

VALUE, COUNT, IS_OF, KIND = "label_value", "label_count", "label_is_of", "label_kind"
MET, WITHOUT, EARLY, LATE = "met", "without_event", "before_event", "too_late"


@dataclass(frozen=True)
class Meetings:
    """How many labels met an event or why they did not, and how many events have labels that differ."""

    events: EventTable
    label: Label
    labels: Mapping[str, int]
    contradicted: int

    @property
    def problem(self) -> str:
        """What is wrong with labels of which each should have its event, in one sentence; empty for fit ones.

        A label that goes by another key, such as that of a customer, may be of no event.
        """
        counts = {kind: self.labels.get(kind, 0) for kind in (MET, WITHOUT, EARLY, LATE)}
        total = sum(counts.values())
        if self.label.key or not (counts[EARLY] or total - counts[MET] > MAX_REJECTED_SHARE * total):
            return ""
        noun, table = self.events.noun, self.label.table
        return (
            f"{total - counts[MET]:,} of {total:,} {table.nouns} are the label of no {noun}: {counts[WITHOUT]:,} have "
            f"the identity of none, {counts[EARLY]:,} were known before theirs, and {counts[LATE]:,} more than "
            f"{self.label.within} after it: look at identity and times of '{table.name}'"
        )


def meetings(events: EventTable, label: Label, rows: DataFrame, labels: DataFrame) -> Meetings:
    """Count `labels` by whether one of the events in `rows` is theirs."""
    own = rows.select(*dict.fromkeys((*events.identity, events.event_time, *label.keys(events).values())))
    keys, identity = keys_of(events, label), events.identity
    some = (
        told(events, label, labels)
        .groupBy(*keys, KNOWN, F.col(label.column).alias(VALUE))
        .agg(F.count("*").alias(COUNT))
    )
    pairs = some.join(own, same_key(events, label), "left").withColumn(IS_OF, F.expr(is_of(events, label)))
    kind = (
        F.when(F.max(IS_OF), MET)
        .when(F.max(identity[0]).isNull(), WITHOUT)
        .when(F.min(events.event_time) >= F.col(KNOWN), EARLY)
        .otherwise(LATE)
    )
    kinds = pairs.groupBy(*keys, KNOWN, VALUE, COUNT).agg(kind.alias(KIND)).groupBy(KIND).agg(F.sum(COUNT))
    values = pairs.where(IS_OF).groupBy(*identity).agg(F.countDistinct(VALUE).alias(VALUE))
    return Meetings(events, label, {row[0]: row[1] for row in kinds.collect()}, values.where(F.col(VALUE) > 1).count())
