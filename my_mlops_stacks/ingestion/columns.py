"""The columns of trips, accepted and rejected: their types and meanings."""

from __future__ import annotations

RAW_COLUMNS = {
    "tpep_pickup_datetime": ("timestamp", "When the meter was switched on: wall clock of New York, without a zone"),
    "tpep_dropoff_datetime": ("timestamp", "When the meter was switched off: wall clock of New York, without a zone"),
    "trip_distance": ("double", "Distance driven, in miles"),
    "fare_amount": ("double", "Fare by the meter in USD, without tip, tolls and taxes: what the model predicts"),
    "pickup_zip": ("int", "US zip code of the pickup, as a number: 7030 is 07030"),
    "dropoff_zip": ("int", "US zip code of the drop-off, as a number"),
}

REASON_COLUMN = {"reason": ("string", "Every rule that the trip breaks, separated by '; '")}
DAY_COLUMN = {"day": ("date", "Day of the pickup on the wall clock, the partition")}
DAY_OF_REJECTED = {"day": ("date", "Day of the pickup, else of the drop-off, on the wall clock: the partition")}

TRIP_COLUMNS = RAW_COLUMNS | DAY_COLUMN
REJECTED_COLUMNS = RAW_COLUMNS | REASON_COLUMN | DAY_OF_REJECTED
