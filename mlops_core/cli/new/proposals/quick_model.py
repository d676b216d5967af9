"""A quick model of some columns: what they tell of the label, on later rows than it was fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_core.cli.new.proposals.labels import Label
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.project import Validation
from mlops_core.tasks import BinaryClassification, Regression

if TYPE_CHECKING:
    import lightgbm
    import numpy as np
    import pandas as pd

MOST_ROWS = 20_000
_TREES, _FEWEST_IN_A_LEAF = 100, 10
LEAST = Validation.min_rows
"""Of fewer rows on either side nothing can be measured, and no candidate is judged."""


@dataclass(frozen=True)
class Measured:
    """Metrics of the best constant and of the quick model on the same later rows, and the gain of each column."""

    constant: dict[str, float]
    model: dict[str, float]
    gain: dict[str, float]
    rows: int


def matrix(profile: Profile, names: list[str]) -> pd.DataFrame:
    """The columns as numbers: names as codes, in the order in which they first come."""
    import pandas as pd

    columns = {}
    for name in names:
        values = profile.frame[name]
        columns[name] = values if profile.is_number(name) else pd.Series(pd.factorize(values)[0]).where(values.notna())
    return pd.DataFrame(columns).astype("float64").set_axis(profile.frame.index)


def target(profile: Profile, label: Label) -> pd.Series:
    """The label as a number; of classes their places."""
    import pandas as pd

    from mlops_core.cli.new.proposals.labels import written

    values = profile.frame[label.column]
    if label.kind != "multiclass":
        return values.astype("float64")
    return (
        values.map(written, na_action="ignore")
        .map({name: place for place, name in enumerate(label.classes)})
        .pipe(pd.to_numeric)
    )


def measured(inputs: pd.DataFrame, label: pd.Series, kind: Label, held_out: pd.Series) -> Measured:
    """Fit on the rows before those held out, at most `MOST_ROWS` of either, and measure on these.

    Args:
        inputs: numbers.
        label: of each row, no null.
        held_out: whether the row is.
    """
    train, test = (_some(inputs[which], label[which]) for which in (~held_out, held_out))
    model = _fitted(*train, kind)
    predicted, base = _answers(model, test[0]), _constant(train[1], kind)
    gain = dict(zip(inputs.columns, model.feature_importance("gain"), strict=True))
    constant = base.repeat(len(test[1]), axis=0) if base.ndim > 1 else base.repeat(len(test[1]))
    truth = test[1].to_numpy(float)
    return Measured(metrics(kind, truth, constant), metrics(kind, truth, predicted), gain, len(truth))


def metrics(label: Label, actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The metrics of the task."""
    import numpy as np

    if label.kind != "multiclass":
        return (BinaryClassification() if label.kind == "binary" else Regression()).measure(actual, predicted)
    from sklearn.metrics import f1_score, log_loss

    places, chosen = np.arange(len(label.classes)), predicted.argmax(axis=1)
    return {
        "log_loss": float(log_loss(actual, predicted, labels=places)),
        "accuracy_score": float((chosen == actual).mean()),
        "f1_macro": float(f1_score(actual, chosen, average="macro", labels=places, zero_division=0)),
    }


def _some(inputs: pd.DataFrame, label: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    chosen = label if len(label) <= MOST_ROWS else label.sample(MOST_ROWS, random_state=0).sort_index()
    return inputs.loc[chosen.index], chosen


def _fitted(inputs: pd.DataFrame, label: pd.Series, kind: Label) -> lightgbm.Booster:
    import lightgbm

    objective = {"regression": "regression", "binary": "binary", "multiclass": "multiclass"}[kind.kind]
    fixed = {"objective": objective, "seed": 0, "deterministic": True, "force_row_wise": True, "verbose": -1}
    sizes = {"num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": _FEWEST_IN_A_LEAF, "num_threads": 1}
    classes = {"num_class": len(kind.classes)} if kind.kind == "multiclass" else {}
    data = lightgbm.Dataset(inputs, label)
    return lightgbm.train(fixed | sizes | classes, data, num_boost_round=_TREES)


def _answers(model: lightgbm.Booster, inputs: pd.DataFrame) -> np.ndarray:
    import numpy as np

    return np.asarray(model.predict(inputs))


def _constant(label: pd.Series, kind: Label) -> np.ndarray:
    """The best constant: the mean, or the share of each class, as one row."""
    import numpy as np

    if kind.kind != "multiclass":
        return np.array([label.mean()])
    shares = np.bincount(label.astype(int), minlength=len(kind.classes)) + 1
    return (shares / shares.sum())[None, :]
