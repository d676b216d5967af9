"""The city of the generated trips: zips, hours, speeds and the tariff, calibrated on yellow-taxi trips of early 2016.

Counts, hour shares, speeds and the tariff's rates follow 10,000 real trips of January and February 2016 (NYC Taxi and
Limousine Commission); price levels, surcharges and the surge are invented, so that there is something to learn.
"""

from __future__ import annotations

import numpy as np

JFK, LA_GUARDIA = 11422, 11371  # the real trips file John F. Kennedy's airport under its neighbour, 11422

# zip, latitude and longitude of its middle, pickups and drop-offs of 10,000 trips, price level, what the zip lives from
_ZIPS = (
    (10001, 40.751, -73.997, 590, 486, 1.03, "office"),
    (10002, 40.717, -73.987, 273, 228, 1.01, "nightlife"),
    (10003, 40.733, -73.989, 540, 426, 1.00, "nightlife"),
    (10005, 40.706, -74.009, 50, 41, 1.03, "office"),
    (10006, 40.708, -74.013, 55, 50, 0.97, "home"),
    (10007, 40.715, -74.007, 77, 45, 1.06, "nightlife"),
    (10009, 40.727, -73.979, 307, 336, 1.03, "nightlife"),
    (10011, 40.741, -74.000, 517, 442, 0.97, "nightlife"),
    (10012, 40.726, -73.998, 397, 357, 1.08, "nightlife"),
    (10013, 40.721, -74.005, 121, 104, 0.90, "office"),
    (10014, 40.735, -74.005, 230, 201, 0.99, "nightlife"),
    (10016, 40.746, -73.978, 77, 102, 0.98, "home"),
    (10017, 40.752, -73.972, 318, 344, 0.94, "home"),
    (10018, 40.755, -73.993, 480, 330, 1.01, "nightlife"),
    (10019, 40.766, -73.986, 200, 231, 0.93, "office"),
    (10020, 40.759, -73.980, 219, 190, 0.95, "nightlife"),
    (10021, 40.768, -73.960, 494, 491, 0.98, "home"),
    (10022, 40.759, -73.967, 221, 221, 0.90, "home"),
    (10023, 40.776, -73.983, 452, 388, 0.92, "home"),
    (10024, 40.786, -73.977, 1, 5, 0.97, "home"),
    (10025, 40.799, -73.968, 116, 123, 0.98, "home"),
    (10026, 40.803, -73.955, 32, 62, 0.98, "home"),
    (10027, 40.813, -73.955, 29, 55, 0.97, "home"),
    (10028, 40.777, -73.954, 424, 463, 0.95, "home"),
    (10029, 40.792, -73.946, 99, 167, 0.98, "home"),
    (10030, 40.818, -73.944, 10, 26, 0.95, "home"),
    (10031, 40.826, -73.949, 13, 21, 0.91, "home"),
    (10032, 40.841, -73.942, 4, 35, 1.00, "home"),
    (10034, 40.868, -73.920, 4, 20, 1.03, "home"),
    (10035, 40.802, -73.934, 13, 32, 0.91, "home"),
    (10037, 40.813, -73.936, 10, 37, 1.07, "home"),
    (10038, 40.710, -74.004, 17, 32, 1.00, "office"),
    (10039, 40.826, -73.937, 2, 18, 0.88, "home"),
    (10044, 40.762, -73.949, 206, 194, 0.88, "home"),
    (10065, 40.765, -73.963, 305, 260, 0.99, "home"),
    (10069, 40.775, -73.990, 76, 84, 0.95, "office"),
    (10103, 40.761, -73.978, 247, 209, 1.06, "office"),
    (10110, 40.754, -73.981, 369, 343, 1.01, "office"),
    (10111, 40.759, -73.978, 73, 82, 1.01, "office"),
    (10112, 40.759, -73.980, 18, 18, 1.04, "office"),
    (10115, 40.811, -73.964, 21, 18, 0.97, "home"),
    (10119, 40.751, -73.993, 305, 234, 0.98, "home"),
    (10152, 40.759, -73.972, 54, 50, 1.07, "office"),
    (10153, 40.764, -73.973, 189, 175, 0.97, "office"),
    (10154, 40.758, -73.973, 112, 101, 1.00, "office"),
    (10162, 40.769, -73.949, 189, 205, 0.96, "home"),
    (10167, 40.755, -73.975, 133, 104, 0.96, "home"),
    (10171, 40.756, -73.974, 87, 93, 0.97, "home"),
    (10199, 40.750, -74.001, 227, 287, 0.98, "office"),
    (10271, 40.709, -74.010, 51, 50, 1.00, "office"),
    (10278, 40.716, -74.004, 76, 70, 0.98, "office"),
    (10280, 40.707, -74.018, 44, 45, 0.97, "office"),
    (10282, 40.717, -74.014, 73, 73, 0.99, "office"),
    (11101, 40.745, -73.939, 8, 13, 1.00, "home"),
    (11102, 40.771, -73.925, 15, 37, 1.01, "home"),
    (11103, 40.763, -73.911, 7, 35, 1.00, "home"),
    (11104, 40.744, -73.919, 13, 22, 0.98, "home"),
    (11105, 40.775, -73.908, 4, 15, 0.95, "home"),
    (11106, 40.762, -73.931, 14, 26, 1.00, "home"),
    (11109, 40.745, -73.957, 14, 22, 0.94, "home"),
    (11201, 40.695, -73.989, 37, 63, 0.96, "home"),
    (11204, 40.619, -73.985, 1, 3, 1.00, "home"),
    (11205, 40.694, -73.965, 9, 33, 0.96, "home"),
    (11206, 40.702, -73.943, 9, 37, 1.05, "nightlife"),
    (11207, 40.671, -73.894, 1, 5, 0.91, "home"),
    (11209, 40.623, -74.029, 1, 9, 0.95, "home"),
    (11210, 40.628, -73.946, 1, 5, 0.96, "home"),
    (11211, 40.712, -73.954, 25, 95, 0.97, "nightlife"),
    (11212, 40.662, -73.913, 1, 3, 0.91, "home"),
    (11213, 40.671, -73.935, 1, 7, 0.99, "home"),
    (11215, 40.668, -73.986, 7, 31, 1.04, "home"),
    (11216, 40.680, -73.948, 4, 20, 1.01, "home"),
    (11217, 40.682, -73.978, 28, 45, 1.04, "home"),
    (11218, 40.645, -73.976, 1, 13, 0.95, "home"),
    (11219, 40.632, -73.996, 1, 3, 0.97, "home"),
    (11220, 40.641, -74.016, 1, 10, 1.05, "home"),
    (11221, 40.691, -73.926, 1, 18, 0.97, "home"),
    (11222, 40.726, -73.946, 9, 40, 1.02, "nightlife"),
    (11225, 40.663, -73.955, 2, 10, 0.95, "home"),
    (11226, 40.645, -73.956, 1, 9, 0.95, "home"),
    (11229, 40.599, -73.941, 1, 3, 0.99, "home"),
    (11231, 40.679, -74.003, 23, 34, 0.89, "home"),
    (11233, 40.677, -73.919, 1, 13, 1.00, "home"),
    (11237, 40.703, -73.920, 7, 18, 1.00, "nightlife"),
    (11238, 40.680, -73.963, 8, 37, 0.97, "home"),
    (11355, 40.749, -73.819, 1, 4, 0.97, "home"),
    (11367, 40.729, -73.821, 1, 3, 1.02, "home"),
    (11368, 40.747, -73.858, 1, 4, 1.00, "home"),
    (11369, 40.763, -73.871, 2, 1, 1.00, "home"),
    (11370, 40.763, -73.891, 15, 7, 0.93, "home"),
    (11371, 40.772, -73.872, 197, 94, 1.00, "airport"),
    (11372, 40.750, -73.884, 7, 15, 0.90, "home"),
    (11373, 40.736, -73.878, 1, 14, 1.03, "home"),
    (11374, 40.725, -73.861, 1, 7, 0.96, "home"),
    (11375, 40.721, -73.846, 2, 10, 0.96, "home"),
    (11377, 40.743, -73.904, 11, 18, 0.94, "home"),
    (11378, 40.724, -73.903, 1, 4, 0.95, "home"),
    (11379, 40.716, -73.879, 1, 5, 1.03, "home"),
    (11422, 40.644, -73.786, 210, 68, 1.00, "airport"),
    (11426, 40.732, -73.721, 1, 3, 0.95, "home"),
)
ZIPS = np.array([row[0] for row in _ZIPS], dtype=np.int32)
"""The zips, ascending; every array over zips has this order."""
LATITUDE, LONGITUDE, PICKUPS, DROPOFFS, PRICE_LEVEL = np.array([row[1:6] for row in _ZIPS]).T

# fmt: off
# The shares of a day's trips by the hour of pickup, in percent.
_WEEKDAY_HOURS = (
    2.7, 1.8, 1.2, 0.8, 0.7, 1.0, 2.8, 4.5, 5.9, 5.4, 4.7, 4.5,
    4.8, 4.8, 4.8, 4.8, 4.4, 5.4, 6.7, 6.5, 6.0, 5.9, 5.4, 4.4,
)
_WEEKEND_HOURS = (
    5.4, 4.9, 4.2, 3.0, 2.1, 1.0, 0.9, 1.3, 2.3, 3.0, 3.9, 4.4,
    5.3, 5.4, 5.4, 5.7, 5.5, 5.8, 6.2, 5.8, 5.2, 5.1, 5.3, 4.7,
)
# fmt: on
HOUR_SHARE = np.array([_WEEKDAY_HOURS, _WEEKEND_HOURS])
HOUR_SHARE /= HOUR_SHARE.sum(axis=1, keepdims=True)
"""[weekday or weekend, hour]: shares of the day's trips."""

DAY_DEMAND = np.array([0.93, 0.97, 0.97, 1.05, 1.10, 1.12, 0.94])
"""Demand of Monday to Sunday, relative to the mean day."""

# How much more, or less, a kind of zip asks for taxis at night (21 to 4), morning (5 to 9), midday, evening (16 to 20).
_TILT = {
    "home": (0.65, 1.40, 1.15, 0.95),
    "office": (0.85, 0.90, 1.00, 1.15),
    "nightlife": (1.45, 0.60, 0.80, 0.95),
    "airport": (0.90, 0.85, 1.10, 1.05),
}
_DAY_PART = np.array([0] * 5 + [1] * 5 + [2] * 6 + [3] * 5 + [0] * 3)
HOUR_TILT = np.array([_TILT[row[6]] for row in _ZIPS]).T[_DAY_PART]
"""[hour, zip]: how much more a zip asks for taxis in that hour than its share says."""

# fmt: off
# The speed of a trip of one mile, in miles per hour, by the hour of pickup; longer trips are faster.
_WEEKDAY_MPH = (
    10.9, 10.8, 10.9, 11.1, 12.6, 12.9, 11.1, 8.9, 7.1, 6.9, 6.7, 6.7,
    7.1, 6.9, 7.1, 6.9, 7.4, 7.4, 7.3, 8.2, 8.7, 9.3, 9.5, 9.6,
)
_WEEKEND_MPH = (
    9.2, 9.8, 10.2, 10.9, 11.7, 13.0, 12.6, 12.6, 11.9, 10.8, 10.2, 9.4,
    8.6, 8.6, 8.5, 8.3, 8.4, 8.1, 8.1, 8.2, 8.6, 8.6, 8.7, 8.7,
)
# fmt: on
MILE_SPEED = np.array([_WEEKDAY_MPH, _WEEKEND_MPH])
SPEED_EXPONENT = 0.28

# The tariff in USD, before the price level of the zip of pickup and its surge.
FLAG, PER_MILE, PER_MINUTE = 1.90, 2.05, 0.32
NIGHT_SURCHARGE, RUSH_SURCHARGE = 0.50, 1.00
JFK_FLAT_FARE, SHORTEST_FARE = 52.0, 2.5
IN_MANHATTAN = ZIPS < 11000  # noqa: PLR2004, the zips of Manhattan are 10001 to 10282
_AT_NIGHT = np.isin(np.arange(24), [*range(20, 24), *range(6)])
_AT_RUSH = np.isin(np.arange(24), range(16, 20))
SURCHARGE = NIGHT_SURCHARGE * _AT_NIGHT + RUSH_SURCHARGE * _AT_RUSH * np.array([[1], [0]])
"""[weekday or weekend, hour] in USD: nights from 20 to 6, and weekdays from 16 to 20."""


def _miles_between() -> np.ndarray:
    """[zip, zip]: straight miles between the middles of two zips, on a plane that fits at New York's latitude."""
    north = 69.0 * (LATITUDE[:, None] - LATITUDE)
    east = 52.3 * (LONGITUDE[:, None] - LONGITUDE)
    return np.hypot(north, east)


MILES_WITHIN_ZIP, DETOUR = 0.45, 1.20
TYPICAL_MILES = DETOUR * np.hypot(_miles_between(), MILES_WITHIN_ZIP)
"""[zip of pickup, zip of drop-off]: the median distance of a trip, in miles driven."""

_REACH = 1.45  # miles after which a drop-off is e times less likely; people take the train for long ways
_NEAR_AND_FAR = 0.81 * np.exp(-TYPICAL_MILES / _REACH) + 0.19 * np.exp(-TYPICAL_MILES / 14.0)
DROPOFF_SHARE = DROPOFFS * _NEAR_AND_FAR
DROPOFF_SHARE /= DROPOFF_SHARE.sum(axis=1, keepdims=True)
"""[zip of pickup, zip of drop-off]: where the trips of a zip go."""
