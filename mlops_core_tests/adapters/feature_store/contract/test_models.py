"""A model that was logged with its look-ups, and what it predicts for rows without features."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.adapters.feature_store.contract import stores
from mlops_core_tests.adapters.feature_store.contract.cases import LABELS, pickups

LABELLED = [(1, 130, 1.0), (1, 200, 2.0), (2, 70, 3.0)]
INPUTS = ["zip", "trips", "mean_fare"]
FEATURES = [[1, np.nan, 7.0], [1, 30, np.nan], [2, 40, 9.0]]
"""The inputs of `LABELLED`, looked up by hand."""


def fitted() -> lightgbm.Booster:
    rows = pd.DataFrame(FEATURES * 20, columns=INPUTS, dtype="float64")
    return lightgbm.train({"verbose": -1, "min_data_in_leaf": 1}, lightgbm.Dataset(rows, [1.0, 2.0, 3.0] * 20), 3)


def logged(store: FeatureStore, model: lightgbm.Booster) -> str:
    look_up = FeatureLookup(**pickups(feature_names=INPUTS[1:]))
    labels = stores.frame(stores.session(store), LABELS, LABELLED)
    training_set = store.create_training_set(
        df=labels, feature_lookups=[look_up], label="fare", exclude_columns=["at", "nothing"]
    )
    return stores.logged(store, training_set, model, "lightgbm")


def test_a_logged_model_looks_its_features_up(store: FeatureStore) -> None:
    model = fitted()
    uri = logged(store, model)
    rows = stores.frame(stores.session(store), LABELS, LABELLED).drop("fare")
    scored = store.score_batch(model_uri=uri, df=rows)
    assert scored.columns == ["zip", "at", *INPUTS[1:], "prediction"]
    if scored.schema["trips"].dataType.typeName() == "void":  # as dbl-tempo joins on Sail 0.7, the model gets no type
        return
    found = scored.orderBy("zip", "at").toPandas()["prediction"]
    np.testing.assert_allclose(found, model.predict(pd.DataFrame(FEATURES, columns=INPUTS, dtype="float64")))


def test_rows_that_cannot_be_scored_are_refused(store: FeatureStore) -> None:
    uri = logged(store, fitted())
    rows = stores.frame(stores.session(store), LABELS, LABELLED).drop("fare")
    for wrong in (rows.drop("zip"), rows.drop("at"), rows.selectExpr("*", "1 AS prediction")):
        with pytest.raises(ValueError):
            store.score_batch(model_uri=uri, df=wrong)
