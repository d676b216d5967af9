"""What the feature tables are: their keys, and the type and meaning of each column."""

from __future__ import annotations

PRIMARY_KEYS = ("zip", "ts")
TIMESERIES_COLUMN = "ts"

KEY_COLUMNS = {
    "zip": ("int", "US zip code"),
    "ts": ("timestamp", "End of the window, New York wall clock: the row is made of trips that ended before it"),
}
DAY_COLUMN = {"day": ("date", "Day of `ts`, the partition")}

PICKUP_COLUMNS = {
    "mean_fare_window_1h_pickup_zip": ("float", "Mean fare in USD of trips from the zip that ended in the hour before"),
    "count_trips_window_1h_pickup_zip": ("int", "Trips from the zip that ended in the hour before"),
}
DROPOFF_COLUMNS = {
    "count_trips_window_30m_dropoff_zip": ("int", "Trips to the zip that ended in the half hour before"),
    "dropoff_is_weekend": ("int", "1 when the window ends on a Saturday or a Sunday, else 0"),
}

PICKUP_TABLE = KEY_COLUMNS | PICKUP_COLUMNS | DAY_COLUMN
DROPOFF_TABLE = KEY_COLUMNS | DROPOFF_COLUMNS | DAY_COLUMN
