"""The two monitor tables, in the columns of Databricks data quality monitoring for an inference log.

Each row describes one day of one model version: the day as a whole, or one slice of it. `:table` rows hold the task's
metrics, the other rows describe one column. Columns that Databricks does not have say so in their description.

What Databricks has and these tables do not: rows of all versions together (`model_id` `*`), lengths of texts, distinct
and frequent values, the Wasserstein distance, fairness by group, and `monitor_version`.
"""

from __future__ import annotations

from mlops_core.project import Project

PREDICTION = "prediction"
NOT_DESCRIBED = ("date", "timestamp")
"""Types of columns that are not profiled: dates and times never recur."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def categorical(project: Project) -> frozenset[str]:
    """The columns whose values have no order; prediction and label are among them where a class is predicted."""
    classes = (PREDICTION, project.events.label_column) if project.model.task.shape.is_categorical else ()
    return project.categorical | frozenset(classes)


def watched(project: Project) -> list[str]:
    """The columns that are described each day and compared with the training rows, prediction and label last."""
    named = (*(column.name for column in project.inputs), *project.looked_up)
    described = [name for name in named if project.predicted_columns[name][0] not in NOT_DESCRIBED]
    left_out = project.model.not_watched
    return [*(name for name in described if name not in left_out), PREDICTION, project.events.label_column]


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
    "num_nulls": ("bigint", "Rows with a null, or, in numeric columns, with NaN"),
    "percent_null": ("double", "Their share, in percent"),
    "num_nan": ("bigint", "Those of them that are NaN"),
    "num_zeros": ("bigint", "Rows whose value is zero"),
    "percent_zeros": ("double", "Their share, in percent"),
    "avg": ("double", "Mean"),
    "stddev": ("double", "Standard deviation of the sample"),
    "min": ("double", "Smallest value"),
    "max": ("double", "Largest value"),
    "median": ("double", "Median, exact; null for categories"),
    "quantiles": ("array<double>", f"Quantiles {', '.join(f'{q:g}' for q in QUANTILES)}, exact; null for categories"),
}
LABELS_AND_TIMES = {
    "labelled_count": ("bigint", "Predictions whose label has arrived: the metrics are of these; ours"),
    "label_coverage": ("double", "Their share, 0 to 1; ours"),
    "last_prediction_time": ("timestamp", "When the newest of the predictions was made, UTC; ours"),
}


def table_metrics(project: Project) -> dict[str, tuple[str, str]]:
    """The columns that only rows about the predictions as a whole have -> type and meaning."""
    unit = project.events.label_unit
    columns = (metric for metric in project.model.task.monitored if metric.is_column)
    metrics = {metric.name: (metric.type, metric.description(unit)) for metric in columns}
    return metrics | LABELS_AND_TIMES


def profile_columns(project: Project) -> dict[str, tuple[str, str]]:
    """The columns of the profile metrics -> type and meaning."""
    counted = {"log_type": ("string", "`INPUT`: the monitored table"), "count": ("bigint", "Predictions in the window")}
    return WINDOW_COLUMNS | counted | COLUMN_METRICS | table_metrics(project) | DAY_COLUMN


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
