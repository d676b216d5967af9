"""The monitor tables against the columns that Databricks documents for an inference log of a regression.

From "Data profiling metric tables", Databricks documentation; literals, so that a column that changes here is noticed.
"""

from __future__ import annotations

from mlops_core.monitoring.columns import DRIFT_COLUMNS, profile_columns
from my_mlops_stacks.project import PROJECT

PROFILE_COLUMNS = profile_columns(PROJECT)

WINDOW, TEST = "struct<start:timestamp,end:timestamp>", "struct<statistic:double,pvalue:double>"
KEYS = {
    "window": WINDOW,
    "granularity": "string",
    "model_id": "string",
    "slice_key": "string",
    "slice_value": "string",
    "column_name": "string",
    "data_type": "string",
}
PROFILE = KEYS | {
    "log_type": "string",
    "count": "bigint",
    "num_nulls": "bigint",
    "percent_null": "double",
    "num_nan": "bigint",
    "num_zeros": "bigint",
    "percent_zeros": "double",
    "avg": "double",
    "stddev": "double",
    "min": "double",
    "max": "double",
    "median": "double",
    "quantiles": "array<double>",
    "mean_squared_error": "double",
    "root_mean_squared_error": "double",
    "mean_average_error": "double",
    "mean_absolute_percentage_error": "double",
    "r2_score": "double",
}
DRIFT = KEYS | {
    "window_cmp": WINDOW,
    "drift_type": "string",
    "count_delta": "double",
    "avg_delta": "double",
    "percent_null_delta": "double",
    "percent_zeros_delta": "double",
    "population_stability_index": "double",
    "js_distance": "double",
    "tv_distance": "double",
    "l_infinity_distance": "double",
    "ks_test": TEST,
    "chi_squared_test": TEST,
}


def documented(columns: dict) -> dict[str, str]:
    return {name: kind for name, (kind, text) in columns.items() if not text.endswith("; ours")}


def test_the_columns_are_those_of_databricks_and_ours_say_so():
    assert documented(PROFILE_COLUMNS) == PROFILE
    assert documented(DRIFT_COLUMNS) == DRIFT
    ours = {name for columns in (PROFILE_COLUMNS, DRIFT_COLUMNS) for name in columns} - {*PROFILE, *DRIFT}
    assert ours == {"bias", "labelled_count", "label_coverage", "last_prediction_time", "day"}
