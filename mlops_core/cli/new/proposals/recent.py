"""What was known of an entity of late, on the sample: whether the first feature tables would help a quick model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from mlops_core.cli.new.ask import Decisions
from mlops_core.cli.new.proposals.labels import Label
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.cli.new.proposals.quick_model import Measured, measured
from mlops_core.cli.new.proposals.roles import Times

if TYPE_CHECKING:
    import pandas as pd

DAY, WEEK = 24, 168
Window = tuple[str, int]
"""An entity and the length in hours."""
_FREQUENT_KEYS = 200
HARM = 0.002
"""A share of the metric that is no harm: rows that are only a sample tell no more."""


def slide_hours(profile: Profile, entity: str, hours: int) -> int:
    """Hours between two windows: of very many keys, fewer windows."""
    if hours == WEEK:
        return DAY
    return 1 if profile.distinct[entity] <= _FREQUENT_KEYS else 6


def windows_of(
    inputs: pd.DataFrame, recents: dict[Window, pd.DataFrame], label: pd.Series, kind: Label, held_out: pd.Series
) -> tuple[tuple[Window, ...], Measured, Measured]:
    """The windows that help most, those of all entities or of some, and what a model reaches without and with them."""
    base = measured(inputs, label, kind, held_out)
    tried = {}
    for chosen in _subsets(list(recents)):
        wider = inputs.join([recents[window] for window in chosen])
        tried[chosen] = measured(wider, label, kind, held_out)
        if len(chosen) == len(recents) and loss(kind, tried[chosen]) <= loss(kind, base):
            break  # all of them help
    best = min(tried, key=lambda chosen: loss(kind, tried[chosen]), default=())
    if not best or loss(kind, tried[best]) > loss(kind, base) * (1 + HARM):
        return (), base, base
    return best, base, tried[best]


def loss(kind: Label, found: Measured) -> float:
    """The metric in which models are compared; less is better."""
    return found.model["root_mean_squared_error" if kind.kind == "regression" else "log_loss"]


def _subsets(windows: Sequence[Window]) -> list[tuple[Window, ...]]:
    """All of them, those of one length, those of one entity, and each alone; at most ten."""
    entities, lengths = dict.fromkeys(name for name, _ in windows), dict.fromkeys(hours for _, hours in windows)
    groups = [[window for window in windows if window[1] == hours] for hours in lengths]
    groups += [[window for window in windows if window[0] == name] for name in entities]
    groups += [[window] for window in windows]
    return list(dict.fromkeys(map(tuple, [list(windows), *groups])))[:10] if windows else []


def recents_of(
    profile: Profile, times: Times, target: pd.Series, known: pd.Series, entities: Sequence[str]
) -> dict[Window, pd.DataFrame]:
    """Of each entity and length, number and mean label of the rows that were known in the window before each row."""
    return {
        (name, hours): _recent(profile, times, target[known], name, hours)
        for name, hours in product(entities, (DAY, WEEK))
    }


def _recent(profile: Profile, times: Times, label: pd.Series, entity: str, hours: int) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    frame = profile.frame
    codes = pd.Series(pd.factorize(frame[entity])[0], frame.index)
    at = frame[times.event_time] + times.after if times.after is not None else frame[times.known_at]
    first, span = frame[times.event_time].min(), int((at.max() - frame[times.event_time].min()).total_seconds()) + 2
    place = (codes * span + (at - first).dt.total_seconds().fillna(0).clip(lower=0)).loc[label.index].sort_values()
    sums = np.concatenate([[0.0], label.loc[place.index].cumsum()])
    end = (frame[times.event_time].dt.floor(f"{slide_hours(profile, entity, hours)}h") - first).dt.total_seconds()
    begin, end = ((codes * span + each.clip(0, span - 1)).to_numpy() for each in (end - hours * 3600, end))
    low, high = (np.searchsorted(place.to_numpy(), each) for each in (begin, end))
    count = np.where(codes >= 0, high - low, 0)
    mean = (sums[high] - sums[low]) / np.where(count > 0, count, np.nan)
    return pd.DataFrame({f"{entity}|count|{hours}": count, f"{entity}|mean|{hours}": mean}, frame.index)


def tell(
    decide: Decisions, windows: Sequence[Window], tried: bool, *, without: Measured, kind: Label, found: Measured
) -> None:
    """What the feature tables are worth on the sample."""
    metric = "root_mean_squared_error" if kind.kind == "regression" else "log_loss"
    before, after = loss(kind, without), loss(kind, found)
    names = ", ".join(f"{name} over a {'day' if hours == DAY else 'week'}" for name, hours in windows)
    decide.tell(
        "feature tables",
        names or "none",
        f"{metric} of a quick model is {after:.4g} with and {before:.4g} without"
        if windows
        else "there is no entity"
        if not tried
        else f"number and mean label of the last day and week make a quick model worse than {before:.4g} ({metric})",
    )
