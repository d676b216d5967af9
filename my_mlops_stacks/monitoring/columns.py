"""The two monitor tables, in the columns of Databricks data quality monitoring for an inference log.

Each row describes one day of one model version.
"""

from __future__ import annotations

WINDOW_COLUMNS = {
    "window": ("struct<start:timestamp,end:timestamp>", "The day that the row describes"),
    "granularity": ("string", "Length of the window"),
    "model_id": ("string", "Model and version, `name/version`"),
    "column_name": ("string", "Column that the row is about; `:table` for the predictions as a whole"),
}
DAY_COLUMN = {"day": ("date", "Day of the window, the partition")}

PROFILE_COLUMNS = (
    WINDOW_COLUMNS
    | {
        "log_type": ("string", "`INPUT`: the monitored table"),
        "count": ("bigint", "Predictions in the window"),
        "labelled_count": ("bigint", "Those whose fare has arrived; the errors are of these"),
        "root_mean_squared_error": ("double", "RMSE in USD"),
        "mean_absolute_error": ("double", "MAE in USD"),
        "mean_squared_error": ("double", "MSE in USD squared"),
        "r2_score": ("double", "Share of the fares' variance that is explained; null when they are all the same"),
        "bias": ("double", "Mean of predicted less actual fare in USD"),
        "mean_prediction": ("double", "Mean predicted fare in USD"),
        "mean_label": ("double", "Mean fare in USD"),
    }
    | DAY_COLUMN
)

DRIFT_COLUMNS = (
    WINDOW_COLUMNS
    | {
        "drift_type": ("string", "`BASELINE`: against rows that the model was trained on"),
        "count": ("bigint", "Rows in the window"),
        "population_stability_index": ("double", "PSI over the baseline's deciles"),
        "js_distance": ("double", "Jensen-Shannon distance in bits, 0 to 1"),
        "ks_statistic": ("double", "Kolmogorov-Smirnov statistic over the bins, 0 to 1"),
    }
    | DAY_COLUMN
)

DRIFT_MONITORED = (
    "trip_distance",
    "pickup_zip",
    "dropoff_zip",
    "pickup_hour",
    "mean_fare_window_1h_pickup_zip",
    "count_trips_window_1h_pickup_zip",
    "count_trips_window_30m_dropoff_zip",
    "prediction",
)
"""Columns whose days are compared with the baseline: not the weekday and the weekend, which are one value a day."""
