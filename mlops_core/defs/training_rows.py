"""The rows that a model is trained and evaluated on, and the table versions that they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.names import resources_of
from mlops_core.defs.served_features import with_served
from mlops_core.project import Project

if TYPE_CHECKING:
    import pandas as pd

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@dataclass(frozen=True)
class TrainingRows:
    """The rows to train on and those held out, in the order of time, with their time, the inputs, the features and the
    label; `known` is when the label of each of `rows` was known, `served_share` how many of them have the features that
    served, None where all are looked up.

    Both are samples where there are more events than a training takes: `past_events` and `unseen_events` say how many.
    """

    rows: "pd.DataFrame"
    known: "pd.Series"
    unseen: "pd.DataFrame"
    past_events: int
    unseen_events: int
    on_workers: bool = False
    served_share: float | None = None

    @property
    def training_share(self) -> float | None:
        """Of the events before the held-out days, the share that is fitted; None for all."""
        return self.fitted / self.past_events if self.fitted < self.past_events else None

    @property
    def fitted(self) -> int:
        """How many events are."""
        return self.past_events if self.on_workers else len(self.rows)

    def told(self, nouns: str, start: date) -> str:
        """What is fitted and what is held out, for the log."""
        past, unseen = _counted(self.fitted, self.past_events), _counted(len(self.unseen), self.unseen_events)
        sampled = (self.fitted, len(self.unseen)) != (self.past_events, self.unseen_events)
        share = " (the same share of each day)" if sampled else ""
        return f"Fitting {past} {nouns} before {start}; {unseen} that are held out are measured here{share}"


def _counted(taken: int, events: int) -> str:
    return f"{taken:,}" if taken == events else f"{taken:,} of {events:,}"


def frozen_events(project: Project, context: Context) -> tuple[int, DataFrame]:
    """The events as of one Delta version, and its number: later checks read these rows, whatever arrives meanwhile."""
    tables, name = resources_of(project, context).tables, project.events.name
    tables.read(name)  # says what to do when there is no table yet
    version = tables.version(name)
    return version, tables.read(name, version)


def other_events(project: Project, context: Context) -> dict[str, int]:
    """Table of events that only make features -> its newest version."""
    names = [events.name for events in project.event_tables if events.name != project.events.name]
    return {name: resources_of(project, context).tables.version(name) for name in names}


def feature_versions(project: Project, context: Context) -> dict[str, int]:
    """Feature table -> its newest version, which is the one that look-ups read."""
    tables = resources_of(project, context).tables
    names = dict.fromkeys(lookup.table_name for lookup in project.lookups)
    return {name: tables.version(name) for name in names if tables.exists(name)}


def training_set(
    project: Project, context: Context, rows: DataFrame, *carried: str, exclude: Sequence[str] = ()
) -> Any:
    """The rows' inputs and labels, the columns named in `carried`, and the look-ups of the project."""
    from mlops_core.training.model_inputs import model_inputs

    label = project.events.label_column
    return resources_of(project, context).feature_store.create_training_set(
        df=model_inputs(project, rows, label, *carried),
        feature_lookups=list(project.lookups),
        label=label,
        exclude_columns=exclude,
    )


def features_of(
    project: Project, context: Context, rows: DataFrame, first: date, last: date, *carried: str, as_served: bool
) -> DataFrame:
    """The training set of events of these days; with the features that served where training takes those."""
    if not as_served:
        return training_set(project, context, rows, *carried).load_df()
    beside = [name for name in project.events.identity if name not in (*project.input_columns, *carried)]
    found = training_set(project, context, rows, *carried, *beside).load_df()
    return with_served(project, context, found, first=first, last=last, lookups=project.lookups).drop(*beside)


def rows_for_workers(  # noqa: PLR0917
    project: Project, context: Context, past: DataFrame, first: date, start: date, as_served: bool
) -> DataFrame:
    """The inputs, features and label of all events from `first` to before `start`, for workers to fit."""
    from mlops_core.training.served import WAS_SERVED

    rows = features_of(project, context, past, first, start, as_served=as_served)
    return rows.drop(project.events.event_time, WAS_SERVED)


def looked_up(
    project: Project,
    context: Context,
    past: DataFrame,
    unseen: DataFrame,
    start: date,
    *,
    on_workers: bool = False,
    as_served: bool = False,
) -> TrainingRows:
    """The rows to train on and those held out since `start`, of many a sample: looked up together, for a look-up opens
    every file of its tables, whatever rows it is for.

    Args:
        on_workers: whether Spark's workers fit the model, of all rows: those here are what it is compared by.
        as_served: whether events that were predicted have the features that served them.

    Raises:
        TooFewRowsError: there are too few to train on.
    """
    import pandas as pd

    from mlops_core.training.baselines import COMPARISON_ROWS
    from mlops_core.training.model_inputs import as_declared
    from mlops_core.training.sampling import at_most, rows_by_day
    from mlops_core.training.served import WAS_SERVED
    from mlops_core.training.split import in_order_of_time, require_enough

    events, model, days = project.events, project.model, rows_by_day(past.unionByName(unseen))
    past_days, unseen_days = ({day: days[day] for day in days if (day < start) == is_past} for is_past in (True, False))
    require_enough(events, sum(past_days.values()), start)
    past = at_most(events, past, past_days, COMPARISON_ROWS if on_workers else model.training.max_rows)
    unseen = at_most(events, unseen, unseen_days, model.validation.max_rows)
    together = features_of(
        *(project, context, past.unionByName(unseen), min(days), max(days), events.known_at), as_served=as_served
    )
    rows = in_order_of_time(events, together).toPandas()
    served = rows.pop(WAS_SERVED) if as_served else None
    rows = as_declared(project, rows)
    known = rows.pop(events.known_at)
    is_past = rows[events.event_time] < pd.Timestamp(start)
    kept, held_out = (rows[chosen].reset_index(drop=True) for chosen in (is_past, ~is_past))
    counts = sum(past_days.values()), sum(unseen_days.values())
    share = None if served is None else float(served[is_past].mean())
    return TrainingRows(kept, known[is_past].reset_index(drop=True), held_out, *counts, on_workers, share)
