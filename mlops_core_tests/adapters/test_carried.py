"""A composed model is logged whole: it answers in a process that has neither the machinery nor the project."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_core.adapters.feature_store.model_log import save
from mlops_core.adapters.flavors import description
from mlops_core.project import Encoding, Model, Segments
from mlops_core.training.model_answers import fitted, predictions
from mlops_core_tests.flights import libraries
from mlops_core_tests.flights.project import MODEL
from mlops_core_tests.flights.train import TRAINING, Hyperparameters

ELSEWHERE = """
import sys

class Nothing:
    def find_spec(self, name, *_):
        if name.split(".")[0] in ("mlops_core", "mlops_core_tests", "my_mlops_stacks"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Nothing())
import mlflow.pyfunc
import pandas as pd

for folder in sys.argv[1:]:
    answers = mlflow.pyfunc.load_model(f"{folder}/model").predict(pd.read_pickle(f"{folder}/rows.pickle"))
    pd.Series(answers).to_pickle(f"{folder}/answers.pickle")
"""


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Flights of which some lack an aircraft; whether they are late depends on the carrier."""
    random = np.random.default_rng(0)
    carrier = random.choice(["AA", "B6", "UA"], 1_500)
    since = [date(2000 + year, 1, 1) if year else None for year in random.integers(0, 10, 1_500)]
    return pd.DataFrame(
        {
            "scheduled_departure": pd.date_range("2013-01-01", periods=1_500, freq="h"),
            "carrier": carrier.astype(object),
            "tailnum": pd.Series(random.choice([*(f"N{n}" for n in range(40)), None], 1_500), dtype=object),
            "is_far": pd.Series(random.choice([True, False, None], 1_500), dtype=object),
            "since": pd.Series(since, dtype=object),
            "distance": random.integers(100, 2_900, 1_500).astype(float),
            "late": (random.random(1_500) < np.where(carrier == "UA", 0.7, 0.3)).astype(int),
        }
    )


def declared(library: str, **values: object) -> Model:
    fit, predict = libraries.LIBRARIES[library]
    training = replace(TRAINING, fit=fit, predict=predict, encoding=Encoding())
    return replace(MODEL, training=training, **values)


def kept(model: Model, rows: pd.DataFrame, folder: Path) -> np.ndarray:
    """Fit on the first thousand rows, save as it is logged, with the other rows; what the project says of these."""
    found, later = fitted(model, rows.head(1_000), Hyperparameters()), rows.tail(500)
    later = later.assign(tailnum=later["tailnum"].replace("N7", "new")).drop(columns=["scheduled_departure", "late"])
    answers = predictions(model, found, later)
    told = description(model.training, model.task, found, later, answers, package="mlops_core_tests.flights")
    folder.mkdir()
    save(told["flavor"], told["model"], folder / "model", pip_requirements=["mlflow"])
    later.to_pickle(folder / "rows.pickle")
    return answers


def answered_elsewhere(*folders: Path) -> list[np.ndarray]:
    asked = [sys.executable, "-c", ELSEWHERE, *map(str, folders)]
    run = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [pd.read_pickle(folder / "answers.pickle").to_numpy() for folder in folders]


def test_a_model_of_any_library_is_its_fit_and_predict(rows: pd.DataFrame, tmp_path: Path) -> None:
    known = [name for name in libraries.LIBRARIES if name != "catboost"]
    said = [kept(declared(name), rows, tmp_path / name) for name in known]
    for here, elsewhere in zip(said, answered_elsewhere(*(tmp_path / name for name in known)), strict=True):
        np.testing.assert_allclose(elsewhere, here, rtol=1e-6)
        assert len(np.unique(here)) > 10


def test_catboost_is_its_fit_and_predict(rows: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("catboost")
    here = kept(declared("catboost"), rows, tmp_path / "catboost")
    np.testing.assert_allclose(answered_elsewhere(tmp_path / "catboost")[0], here, rtol=1e-6)


def test_segments_sampling_and_encoding_are_logged_together(rows: pd.DataFrame, tmp_path: Path) -> None:
    model = declared("lightgbm", segments=Segments("carrier", 200))
    model = replace(model, training=replace(model.training, sampling={0: 0.5}, weights="balanced"))
    here = kept(model, rows, tmp_path / "all")
    np.testing.assert_allclose(answered_elsewhere(tmp_path / "all")[0], here)


def test_the_flavor_pyfunc_logs_predict_with_the_model(rows: pd.DataFrame, tmp_path: Path) -> None:
    """Of XGBoost, whose own flavor answers classes where `predict` gives probabilities."""
    fit, predict = libraries.LIBRARIES["trees of scikit-learn"]
    numbers = rows[["scheduled_departure", "distance", "tailnum", "late"]].assign(tailnum=1.0)
    model = replace(MODEL, training=replace(TRAINING, fit=fit, predict=predict, flavor="pyfunc"))
    found = fitted(model, numbers, Hyperparameters())
    answers = predictions(model, found, numbers)
    np.testing.assert_array_equal(answers, found.whole.model.predict_proba(numbers[["distance", "tailnum"]])[:, 1])
    given = numbers.drop(columns=["scheduled_departure", "late"])
    description(model.training, model.task, found, given, answers, package="mlops_core_tests")
