"""The columns of a trip that the model sees: their types and meanings."""

from __future__ import annotations

from my_mlops_stacks.events import TRIPS

LABEL, PICKUP = TRIPS.label_column, TRIPS.event_time
TRIP_INPUTS = ("trip_distance", "pickup_zip", "dropoff_zip")

INPUT_COLUMNS = {
    PICKUP: ("timestamp", "Pickup time, New York wall clock; the feature tables are looked up at it"),
    **{name: (TRIPS.column(name).type, TRIPS.column(name).text) for name in TRIP_INPUTS},
    "pickup_hour": ("int", "Hour of the pickup on the wall clock, 0 to 23"),
    "pickup_weekday": ("int", "Weekday of the pickup on the wall clock, 0 (Monday) to 6"),
}
