"""Columns that are known only with the label, as a delay is: the classic mistake is to show them to the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_core.cli.new.ask import Decisions
from mlops_core.cli.new.proposals.labels import Label, has_label
from mlops_core.cli.new.proposals.profile import WHISKER, Profile
from mlops_core.cli.new.proposals.quick_model import target
from mlops_core.cli.new.proposals.roles import Times

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ENOUGH_NULLS = 10
TELLS, MAY_TELL = 0.98, 0.9
"""How much of what can be told of the label a column alone tells before it is taken for one known only with it."""
_ROWS, _VALUES = 10_000, 600_000
"""So many rows tell, and of many columns so many values in all."""
_LEAST_ROWS = 2_000
_LEAVES = 32
_FEWEST_ROWS_OF_A_NUMBER, _NOTHING_LEFT, _NO_FACTOR = 10, 1e-6, 1e-3


def late_columns(
    profile: Profile, label: Label, times: Times, *, late: Sequence[str], in_time: Sequence[str], decide: Decisions
) -> list[str]:
    """The columns known only with the label, those of `late` among them and none of `in_time`, vouched for."""
    roles = (times.event_time, times.known_at, label.column)
    profile.known([*late, *in_time], "--known-late and --known-in-time")
    found = dict.fromkeys(late, "given")
    found |= dict.fromkeys({*label.of, label.source} - {label.column}, "the label is computed of it")
    rows = profile.frame[has_label(profile, label, times)]
    enough = max(_LEAST_ROWS, min(_ROWS, _VALUES // len(profile.types)))
    rows = rows.sample(min(enough, len(rows)), random_state=0).sort_values(times.event_time)
    for name in profile.types:
        if name in roles or name in found or name in in_time:
            continue
        if why := _why_late(profile, name, label, times) or _telling(profile, rows, name, label, decide):
            found[name] = why
    if label.kind == "regression":
        numbers = [name for name in profile.types if profile.is_number(name) and name not in {*roles, *in_time}]
        table = profile.frame[[label.column, *numbers]].dropna().astype("float64").head(_ROWS)
        found |= dict.fromkeys(_summands(table), "the label is a sum of it and others") | found
        found |= dict.fromkeys(_factors(table), "the label is a product of it and others") | found
    for name, why in found.items():
        decide.tell("known late", name, why)
    return list(found)


def _why_late(profile: Profile, name: str, label: Label, times: Times) -> str:
    """What its values say of when it is known; empty when nothing."""
    frame = profile.frame
    if profile.types[name] == "timestamp":
        after = frame[name] > frame[times.event_time]
        return f"it is after the event in {after.mean():.0%} of the rows" if after.mean() > WHISKER else ""
    if times.known_at and profile.is_number(name):
        lasted = (frame[times.known_at] - frame[times.event_time]).dt.total_seconds()
        if min(frame[name].nunique(), lasted.nunique()) > ENOUGH_NULLS and abs(frame[name].corr(lasted)) > 1 - WHISKER:
            return f"it says how long '{times.known_at}' took"
    lacks, unknown = frame[name].isna(), ~has_label(profile, label, times)
    both = int((lacks & unknown).sum())
    if both >= ENOUGH_NULLS and both >= (1 - WHISKER) * lacks.sum() and both >= unknown.sum() / 2:
        return "it is null only where the label is not known"
    return ""


def _factors(rows: pd.DataFrame) -> list[str]:
    """The numbers of which the first is a product, as a price and a count of a revenue; none where it is none."""
    import numpy as np

    above_zero = rows.loc[:, (rows > 0).all()]
    logarithms: pd.DataFrame = np.log(above_zero)  # type: ignore[assignment]
    return _summands(logarithms) if rows.columns[0] in above_zero else []


def _summands(rows: pd.DataFrame) -> list[str]:
    """The numbers of which the first is a sum, each with a factor of its own; none where it is none."""
    import numpy as np

    numbers = list(rows.columns[1:])
    values = rows - rows.mean()
    spread = values.std().replace(0, 1)
    if len(rows) <= _FEWEST_ROWS_OF_A_NUMBER * len(numbers) or not numbers:
        return []
    scaled = (values / spread).to_numpy()
    factors = np.linalg.lstsq(scaled[:, 1:], scaled[:, 0], rcond=None)[0]
    left = float(((scaled[:, 0] - scaled[:, 1:] @ factors) ** 2).mean())
    if left > _NOTHING_LEFT:
        return []
    return [name for name, factor in zip(numbers, factors, strict=True) if abs(factor) > _NO_FACTOR]


def _telling(profile: Profile, rows: pd.DataFrame, name: str, label: Label, decide: Decisions) -> str:
    """Whether it alone gives the label away."""
    if profile.types[name] in ("timestamp", "date") or not len(rows):
        return ""
    told = _told(profile, rows, name, label)
    if told >= TELLS:
        return (
            f"it alone tells the label ({_in_words(label, told)}): vouch for it with --known-in-time if it is no leak"
        )
    if told >= MAY_TELL:
        decide.tell("look at", name, f"it tells much of the label ({_in_words(label, told)}): is it known in time?")
    return ""


def _in_words(label: Label, told: float) -> str:
    return f"R2 {told:.3f}" if label.kind == "regression" else f"{told:.0%} of what can be told"


def _told(profile: Profile, rows: pd.DataFrame, name: str, label: Label) -> float:
    """From 0 to 1, what a tree of this column alone tells of the label of the later half of the rows."""
    from sklearn.metrics import r2_score, roc_auc_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    actual = target(profile, label).loc[rows.index].to_numpy(float)
    half = len(rows) // 2
    values = _numbers(profile, rows[name], actual, half)
    tree = DecisionTreeRegressor if label.kind == "regression" else DecisionTreeClassifier
    model = tree(max_leaf_nodes=_LEAVES, random_state=0).fit(values[:half, None], actual[:half])
    later = actual[half:]
    if label.kind == "regression":
        return max(float(r2_score(later, model.predict(values[half:, None]))), 0.0)
    if label.kind == "binary":
        if len(set(later)) < 2 or len(model.classes_) < 2:  # noqa: PLR2004, both classes
            return 0.0
        return 2 * abs(float(roc_auc_score(later, model.predict_proba(values[half:, None])[:, -1])) - 0.5)
    hits, base = (model.predict(values[half:, None]) == later).mean(), _most_frequent(later)
    return max(float((hits - base) / max(1 - base, 1e-9)), 0.0)


def _most_frequent(labels: np.ndarray) -> float:
    import numpy as np

    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def _numbers(profile: Profile, values: pd.Series, actual: np.ndarray, half: int) -> np.ndarray:
    """The values, names as the mean label of the first half's."""
    import pandas as pd

    if not profile.is_number(str(values.name)):
        means = pd.Series(actual[:half]).groupby(values.iloc[:half].to_numpy()).mean()
        values = values.map(means)
    filled = values.astype("float64")
    return filled.fillna(filled.min() - 1 if filled.notna().any() else 0).to_numpy()
