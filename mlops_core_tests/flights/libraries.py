"""Late flights by models of several libraries, each of which is its `fit` and its `predict`, and nothing else.

With an encoding they see texts as categories. What predicts stands here alone: it is logged with the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from pydantic import BaseModel

NOT_INPUTS = ("scheduled_departure", "late")
TREES = 20


def inputs(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=[name for name in NOT_INPUTS if name in rows])


def fit_lightgbm(rows: pd.DataFrame, _parameters: BaseModel, weights: np.ndarray | None = None) -> Any:
    import lightgbm

    data = lightgbm.Dataset(inputs(rows), rows["late"], weight=weights)
    return lightgbm.train({"objective": "binary", "seed": 0, "verbose": -1, "num_threads": 1}, data, TREES)


def predict_booster(model: Any, rows: pd.DataFrame) -> np.ndarray:
    return model.predict(inputs(rows))


def fit_xgboost(rows: pd.DataFrame, _parameters: BaseModel) -> Any:
    import xgboost

    data = xgboost.DMatrix(inputs(rows), rows["late"], enable_categorical=True)
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, TREES)


def predict_xgboost(model: Any, rows: pd.DataFrame) -> np.ndarray:
    import xgboost

    return model.predict(xgboost.DMatrix(inputs(rows), enable_categorical=True))


def fit_catboost(rows: pd.DataFrame, _parameters: BaseModel) -> Any:
    from catboost import CatBoostClassifier

    given = as_texts(inputs(rows))
    categories = [name for name in given if given[name].dtype == object]
    model = CatBoostClassifier(iterations=TREES, verbose=False, allow_writing_files=False, thread_count=1)
    return model.fit(given, rows["late"], cat_features=categories)


def as_texts(rows: pd.DataFrame) -> pd.DataFrame:
    """CatBoost takes no missing category."""
    categories = rows.select_dtypes("category")
    return rows.assign(**{name: categories[name].astype(object).fillna("missing") for name in categories})


def predict_catboost(model: Any, rows: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(as_texts(inputs(rows)))[:, 1]


def fit_trees(rows: pd.DataFrame, _parameters: BaseModel, weights: np.ndarray | None = None) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=TREES, random_state=0)
    return model.fit(inputs(rows), rows["late"], sample_weight=weights)


def fit_pipeline(rows: pd.DataFrame, _parameters: BaseModel) -> Any:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    prepared = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
        remainder=make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()),
    )
    return make_pipeline(prepared, LogisticRegression(max_iter=1_000)).fit(inputs(rows), rows["late"])


def predict_estimator(model: Any, rows: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(inputs(rows))[:, 1]


LIBRARIES = {
    "lightgbm": (fit_lightgbm, predict_booster),
    "xgboost": (fit_xgboost, predict_xgboost),
    "catboost": (fit_catboost, predict_catboost),
    "trees of scikit-learn": (fit_trees, predict_estimator),
    "pipeline of scikit-learn": (fit_pipeline, predict_estimator),
}
