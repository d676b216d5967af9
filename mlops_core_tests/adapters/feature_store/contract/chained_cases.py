"""Further cases: look-ups by what another look-up put out, and labels other than one name."""

from __future__ import annotations

from mlops_core_tests.adapters.feature_store.contract.cases import LABELS, ONE, Case, pickups

ZONE = {"table_name": "zones", "lookup_key": "zip"}
NUMBER = {"table_name": "kinds", "lookup_key": "zip", "feature_names": "i"}
CODE = {"table_name": "codes", "lookup_key": "borough"}
TWO_ZIPS = [(1, 130, 1.0), (2, 70, 2.0)]
TIPPED = LABELS | {"tip": "double"}
PAID = [(1, 130, 1.0, 0.5)]

CHAINED = {
    "a key that another look-up puts out": Case(
        TWO_ZIPS, [ZONE, CODE], ("zip", "at", "borough", "code", "fare"), [("Queens", 7, 1.0), (None, None, 2.0)]
    ),
    "the order of chained look-ups is that of the columns alone": Case(
        ONE, [CODE, ZONE], ("zip", "at", "code", "borough", "fare"), [(7, "Queens", 1.0)]
    ),
    "a chained key by its new name": Case(
        ONE,
        [ZONE | {"rename_outputs": {"borough": "where"}}, CODE | {"lookup_key": "where"}],
        ("zip", "at", "where", "code", "fare"),
        [("Queens", 7, 1.0)],
    ),
    "a chained key that the model does not see": Case(
        ONE, [ZONE, CODE], ("zip", "at", "code", "fare"), [(7, 1.0)], exclude=["borough"]
    ),
    "defaults come after all look-ups": Case(
        [(2, 130, 1.0)],
        [ZONE | {"default_values": {"borough": "Queens"}}, CODE],
        ("zip", "at", "borough", "code", "fare"),
        [("Queens", None, 1.0)],
    ),
    "a chained key of another type": Case(ONE, [NUMBER, CODE | {"lookup_key": "i"}], error=ValueError),
    "a look-up by its own output": Case(
        ONE, [CODE | {"lookup_key": "next", "rename_outputs": {"code": "next"}}], error=Exception
    ),
    "a time that another look-up puts out": Case(
        ONE,
        [
            pickups(feature_names="ts", rename_outputs={"ts": "seen"}),
            pickups(feature_names="trips", timestamp_lookup_key="seen"),
        ],
        error=ValueError,
    ),
}
"""The server refuses a circle, and Databricks' client passes its error on."""

SEEN = ("zip", "at", "mean_fare", "trips")
LABELLED = {
    "one label in a list": Case(ONE, [pickups()], (*SEEN, "fare"), [(7.0, None, 1.0)], label=["fare"]),
    "labels are last, in their order": Case(
        PAID, [pickups()], (*SEEN, "tip", "fare"), [(7.0, None, 0.5, 1.0)], label=["tip", "fare"], schema=TIPPED
    ),
    "an empty list is no label": Case(ONE, [pickups()], ("zip", "at", "fare", *SEEN[2:]), [(1.0, 7.0, None)], label=[]),
    "an empty text is no label": Case(ONE, [pickups()], ("zip", "at", "fare", *SEEN[2:]), [(1.0, 7.0, None)], label=""),
    "a tuple of labels": Case(
        PAID, [pickups()], (*SEEN, "tip", "fare"), [(7.0, None, 0.5, 1.0)], label=("tip", "fare"), schema=TIPPED
    ),
    "one excluded name as a text": Case(
        ONE, [pickups()], ("zip", "at", "mean_fare", "fare"), [(7.0, 1.0)], exclude="trips"
    ),
    "a label twice": Case(ONE, [pickups()], label=["fare", "fare"], error=ValueError),
    "one label of several is missing": Case(ONE, [pickups()], label=["fare", "tip"], error=ValueError),
    "a label is a look-up key": Case(ONE, [ZONE | {"lookup_key": "fare"}], error=ValueError),
}
