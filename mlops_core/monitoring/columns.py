"""The two monitor tables, in the columns of Databricks data quality monitoring for an inference log.

Each row describes one day of one model version: the day as a whole, or one slice of it. `:table` rows hold the errors,
the other rows describe one column. Columns that Databricks does not have say so in their description.

What Databricks has and these tables do not: rows of all versions together (`model_id` `*`), columns of texts and of
classifications, distinct and frequent values, the Wasserstein distance, and `monitor_version`.
"""

from __future__ import annotations

from collections.abc import Iterable

from my_mlops_stacks.events import TRIPS

LABEL, PREDICTION = TRIPS.label_column, "prediction"

CATEGORICAL = ("pickup_zip", "dropoff_zip")
"""Columns whose values are names: compared by their shares, never by their order."""

ONE_VALUE_A_DAY = ("pickup_weekday", "dropoff_is_weekend")
"""Features that differ between days and hardly within one: no day is like the days of the training."""

NOT_WATCHED = frozenset({TRIPS.event_time, "model_name", "model_version", "prediction_time", "day", *ONE_VALUE_A_DAY})
"""Columns of predictions that are not described each day."""

METRIC_UNITS = {
    "root_mean_squared_error": "USD",
    "mean_average_error": "USD",
    "bias": "USD",
    "mean_squared_error": "USD squared",
    "mean_absolute_percentage_error": "of the fare",
}
"""Units as people read them after a number; what is not here has none."""

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def watched(columns: Iterable[str]) -> list[str]:
    """Those of `columns` that are described each day and compared with the training rows, prediction and label last."""
    known = list(columns)
    features = [name for name in known if name not in {*NOT_WATCHED, PREDICTION, LABEL}]
    return [*features, *(name for name in (PREDICTION, LABEL) if name in known)]


WINDOW_COLUMNS = {
    "window": ("struct<start:timestamp,end:timestamp>", "The day that the row describes"),
    "granularity": ("string", "Length of the window"),
    "model_id": ("string", "Model and version, `name/version`"),
    "slice_key": ("string", "What the rows of the window were sliced by; null for all of them"),
    "slice_value": ("string", "The slice's value of it"),
    "column_name": ("string", "Column that the row is about; `:table` for the predictions as a whole"),
    "data_type": ("string", "The column's type"),
}
DAY_COLUMN = {"day": ("date", "Day of the window, the partition; ours")}

COLUMN_METRICS = {
    "num_nulls": ("bigint", "Rows without a value, or with one that is not a number"),
    "percent_null": ("double", "Their share, in percent"),
    "num_nan": ("bigint", "Those of them that have a value, which is not a number"),
    "num_zeros": ("bigint", "Rows whose value is zero"),
    "percent_zeros": ("double", "Their share, in percent"),
    "avg": ("double", "Mean"),
    "stddev": ("double", "Standard deviation of the sample"),
    "min": ("double", "Smallest value"),
    "max": ("double", "Largest value"),
    "median": ("double", "Median, exact; null for names"),
    "quantiles": ("array<double>", f"Quantiles {', '.join(f'{q:g}' for q in QUANTILES)}, exact; null for names"),
}
TABLE_METRICS = {
    "mean_squared_error": ("double", "MSE in USD squared"),
    "root_mean_squared_error": ("double", "RMSE in USD"),
    "mean_average_error": ("double", "MAE in USD"),
    "mean_absolute_percentage_error": ("double", "Mean of the error's size as a share of the fare"),
    "r2_score": ("double", "Share of the fares' variance that is explained; null when they are all the same"),
    "bias": ("double", "Mean of predicted less actual fare in USD; ours"),
    "labelled_count": ("bigint", "Predictions whose fare has arrived: the errors are of these; ours"),
    "label_coverage": ("double", "Their share, 0 to 1; ours"),
    "last_prediction_time": ("timestamp", "When the newest of the predictions was made, UTC; ours"),
}
PROFILE_COLUMNS = (
    WINDOW_COLUMNS
    | {"log_type": ("string", "`INPUT`: the monitored table"), "count": ("bigint", "Predictions in the window")}
    | COLUMN_METRICS
    | TABLE_METRICS
    | DAY_COLUMN
)

_TEST = "struct<statistic:double,pvalue:double>"
DRIFT_COLUMNS = (
    WINDOW_COLUMNS
    | {
        "window_cmp": ("struct<start:timestamp,end:timestamp>", "The day compared with; null for the baseline"),
        "drift_type": ("string", "`BASELINE`: against the training rows; `CONSECUTIVE`: against the day before"),
        "count": ("bigint", "Rows with a value that were compared, those of nulls included; ours"),
        "count_delta": ("double", "That less the rows compared with"),
        "avg_delta": ("double", "Mean less the mean compared with"),
        "percent_null_delta": ("double", "Percent of nulls less that compared with"),
        "percent_zeros_delta": ("double", "Percent of zeros less that compared with, of numbers"),
        "population_stability_index": ("double", "PSI over the baseline's bins"),
        "js_distance": ("double", "Jensen-Shannon distance in bits, 0 to 1"),
        "tv_distance": ("double", "Total variation distance over the bins, 0 to 1, of categories"),
        "l_infinity_distance": ("double", "Largest difference of a bin's share, 0 to 1, of categories"),
        "ks_test": (_TEST, "Kolmogorov-Smirnov over the bins, of numbers"),
        "chi_squared_test": (_TEST, "Chi-squared over the bins, of categories"),
    }
    | DAY_COLUMN
)
