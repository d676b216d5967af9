"""What the tests of a project start with: generated events, accepted by the engines of the pipeline.

A project whose events are delivered otherwise makes an `Accepted` of rows of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.sources.generated_source import GeneratedSource
from mlops_core.adapters.spark import LocalSpark
from mlops_core.project import EventTable, Project

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

FIRST_DAY = date(2026, 1, 1)


@dataclass(frozen=True)
class Accepted:
    """Events of a project that passed its rules, and those that did not.

    Args:
        events: the accepted ones, with their `day`.
        rejected: the others, with `reason`.
    """

    project: Project
    events: DataFrame
    rejected: DataFrame
    first_day: date
    last_day: date

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The accepted events in the order of time."""
        return self.events.toPandas().sort_values(self.project.events.event_time, ignore_index=True)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """What `fit` gets of the labelled events: inputs, features as of the event, time and label, in its order.

        The features are those of pandas' own look-up of the newest row of a key.
        """
        from mlops_core.training.model_inputs import as_declared, model_inputs

        events = self.project.events
        labelled = self.events.where(events.is_labelled)
        rows = model_inputs(self.project, labelled, events.label_column).toPandas()
        for lookup in self.project.lookups:
            rows = self._looked_up(rows, lookup.table_name, list(lookup.keys), self.project.outputs(lookup))
        return as_declared(self.project, rows.sort_values(events.event_time, ignore_index=True))

    def halves(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """`rows`, the earlier half and the later one."""
        middle = len(self.rows) // 2
        return self.rows[:middle].reset_index(drop=True), self.rows[middle:].reset_index(drop=True)

    def reasons(self, change: Mapping[str, Any]) -> set[str]:
        """Why an accepted event with other values of some columns is rejected."""
        from mlops_core.ingestion.accept import accept
        from mlops_core.ingestion.conform import conform

        events = self.project.events.delivered
        changed = self.events.limit(1).drop(*events.computed)
        for name, value in change.items():
            changed = changed.withColumn(name, _literal(value, events.types[name]))
        _, rejected = accept(events, conform(events, changed))
        return {reason for row in rejected.collect() for reason in row["reason"].split("; ")}

    def _looked_up(self, rows: pd.DataFrame, table: str, keys: list[str], outputs: Mapping[str, str]) -> pd.DataFrame:
        import pandas as pd

        from mlops_core.features.tables import compute_features

        made = self.project.table(table)
        features = compute_features(made, self.events, self.first_day, self.last_day).toPandas()
        named = features.rename(columns={**dict(zip(made.entity, keys, strict=True)), **outputs})
        time = self.project.events.event_time
        return pd.merge_asof(
            rows.sort_values(time), named.drop(columns="day").sort_values("ts"), left_on=time, right_on="ts", by=keys
        ).drop(columns="ts")


def accept_generated(project: Project, folder: Path, rows: int, days: int = 14, seed: int = 0) -> Accepted:
    """Generate `rows` events over `days` days into `folder`, and accept them; so too those that tell their label.

    Raises:
        NoSampleError: the project declares no sample.
    """
    from mlops_core.ingestion.accept import accept
    from mlops_core.ingestion.conform import conform
    from mlops_core.ingestion.labelled import labelled

    last_day = FIRST_DAY + timedelta(days=days - 1)
    spark = LocalSpark(folder / "warehouse", "test")

    def judged(events: EventTable) -> tuple[DataFrame, DataFrame]:
        source = GeneratedSource(spark, events, folder / "generated" / events.name, rows, seed, FIRST_DAY, last_day)
        return accept(events, conform(events, source.read()))

    accepted, rejected = judged(project.events.delivered)
    if label := project.events.label_source:
        accepted = labelled(project.events, accepted, judged(label.table)[0])
    return Accepted(project, accepted, rejected, FIRST_DAY, last_day)


def _literal(value: Any, kind: str) -> Any:
    from pyspark.sql import functions as F

    return F.lit(value).cast(kind)
