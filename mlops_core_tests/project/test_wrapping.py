"""What a declaration may say of encoding, weights, sampling and segments: each mistake is one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from mlops_core.project import ByValue, DeclarationError, Encoding, Model, Project, Segments, Training
from mlops_core.project.xgboost import XGBoost
from mlops_core.tasks import Regression
from mlops_core_tests.flights import libraries
from mlops_core_tests.flights.bands import BAND_MODEL
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.project import MODEL, PROJECT
from mlops_core_tests.flights.train import TRAINING


def training(**values: Any) -> Model:
    return replace(MODEL, training=replace(TRAINING, fit=libraries.fit_lightgbm, **values))


def project(**values: Any) -> Project:
    return replace(PROJECT, models=(replace(MODEL, **values),))


def encoded(*categories: str) -> Project:
    return project(training=replace(TRAINING, encoding=Encoding(categories=categories)))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Encoding(min_count=0), "Encoding: min_count must be a whole number from 1 on, not 0"),
        (lambda: Encoding(max_levels=1), "Encoding: max_levels must be a whole number from 2 on, not 1"),
        (lambda: Encoding(categories="carrier"), "Encoding, categories must be a tuple of str"),
        (lambda: encoded("tailnum"), "Encoding, categories: there is no column 'tailnum'; choose from carrier"),
        (lambda: encoded("route_best_24h"), "'route_best_24h' is a double; texts and whole numbers are names"),
        (lambda: encoded("scheduled_departure"), "there is no column 'scheduled_departure'"),
        (lambda: Segments("origin", min_rows=0), "Segments: min_rows must be a whole number from 1 on, not 0"),
        (lambda: replace(MODEL, segments=("origin",)), "segments must be the name of a column, or Segments"),
        (lambda: project(segments="tailnum"), "segments: 'tailnum' is no input .* of the flights; choose from carrier"),
        (lambda: project(segments="hour"), "segments: 'hour' is no input that is a text"),
        (lambda: project(segments="arr_delay"), "segments: 'arr_delay' is no input that is a text"),
        (lambda: training(weights={2: 1.0}), "Training, weights: there is no class 2; choose from 0, 1"),
        (lambda: training(weights={1: 0.0}), "Training, weights: that of 1 must be a number above 0, not 0.0"),
        (lambda: training(weights={1: float("nan")}), "that of 1 must be a number above 0, not nan"),
        (lambda: training(weights={1: -2}), "that of 1 must be a number above 0, not -2"),
        (lambda: training(weights={1: 10**400}), "that of 1 must be a number above 0, not 1000"),
        (lambda: training(weights="even"), "Training, weights must map a class to a number"),
        (lambda: training(sampling={0: 1.5}), "that of 0 must be a share above 0, at most 1, not 1.5"),
        (lambda: training(sampling={"no": 0.5}), "Training, sampling: there is no class 'no'"),
        (lambda: training(sampling=0.1), "Training, sampling must map a class to a number, such as"),
        (
            lambda: replace(MODEL, training=replace(TRAINING, weights={1: 2})),
            "fit takes no weights, which are declared",
        ),
        (
            lambda: replace(training(weights="balanced"), task=Regression()),
            "Training, weights are of the classes of a label, and a Regression has none",
        ),
        (
            lambda: replace(BAND_MODEL, training=replace(TRAINING, sampling={"never": 0.1})),
            "there is no class 'never'; choose from 'early', 'on time', 'late', 'a day late'",
        ),
    ],
)
def test_a_mistake_is_told(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(DeclarationError, match=sentence):
        make()


def test_workers_fit_one_model_of_the_rows_as_they_are() -> None:
    trainer = XGBoost(FLIGHTS, objective="binary:logistic", workers=2)
    fitted_by_workers = Training(inputs=("distance",), hyperparameters=BaseModel, packages=(), trainer=trainer)
    model = replace(MODEL, training=replace(fitted_by_workers, sampling={0: 0.5}), not_watched=(), slices=())
    with pytest.raises(DeclarationError, match="2 workers fit one model of the rows as they are; leave encoding"):
        replace(PROJECT, feature_tables=(), models=(model,))


def test_segments_bring_their_slice() -> None:
    named = project(segments="carrier").model
    assert named.by_segment == Segments("carrier")
    assert [each.name for each in named.slices] == ["origin", "departure_hour", "distance_band", "carrier"]
    assert [each.name for each in project(segments="origin").model.slices] == [each.name for each in MODEL.slices]
    assert isinstance(named.slices[-1], ByValue)


def test_nothing_is_wrapped_unless_it_is_declared() -> None:
    assert not MODEL.is_wrapped
    assert replace(MODEL, training=replace(TRAINING, flavor="pyfunc")).is_wrapped
    assert training(weights={1: 2.0}).is_wrapped
    assert project(segments="origin").model.is_wrapped
