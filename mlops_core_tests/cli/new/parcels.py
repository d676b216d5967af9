"""The answers of a project of parcels, of each kind."""

from __future__ import annotations

from typing import Any

from mlops_core.cli.new.answers import Answers

LABELS: dict[str, dict[str, Any]] = {
    "regression": {"name": "hours", "type": "double", "meaning": "How long it took", "unit": "h"},
    "binary": {"name": "late", "type": "int", "meaning": "1 when it took longer than ten hours"},
    "multiclass": {"name": "band", "type": "string", "meaning": "How long it took: early, on time or late"},
}
FEATURES: dict[str, dict[str, Any]] = {
    "regression": {"kind": "Mean", "name": "depot_hours_1d", "meaning": "Mean time", "of": "hours", "unit": "h"},
    "binary": {"kind": "Share", "name": "depot_late_1d", "meaning": "Share that was late", "where": "late = 1"},
    "multiclass": {"kind": "Share", "name": "depot_late_1d", "meaning": "Share, late", "where": "band = 'late'"},
}
METRICS = {"regression": ("root_mean_squared_error", 6.0), "binary": ("log_loss", 0.6), "multiclass": ("log_loss", 1.2)}
SHARES = {"binary": {"0": 0.8, "1": 0.2}, "multiclass": {"early": 0.3, "late": 0.2, "on time": 0.5}}


def parcels(kind: str = "binary", **changes: Any) -> Answers:
    metric, threshold = METRICS[kind]
    given: dict[str, Any] = {
        "project": "churn",
        "title": "Which parcels arrive late",
        "kind": kind,
        "noun": "parcel",
        "events": "parcels",
        "event_time": "posted_at",
        "known_at": "delivered_at",
        "label": LABELS[kind]["name"],
        "label_unit": LABELS[kind].get("unit", ""),
        "classes": ("early", "late", "on time") if kind == "multiclass" else (),
        "identity": ("parcel_id",),
        "longest_hours": 48,
        "first_day": "2026-01-01",
        "last_day": "2026-01-28",
        "holdout_days": 7,
        "columns": (
            {"name": "parcel_id", "type": "bigint", "meaning": "Number of the parcel"},
            {"name": "posted_at", "type": "timestamp", "meaning": "When it was posted"},
            {"name": "delivered_at", "type": "timestamp", "meaning": "When it was delivered; null until then"},
            {"name": "depot", "type": "string", "meaning": "Depot that sends it out"},
            {"name": "distance", "type": "double", "meaning": "Distance to the recipient", "unit": "km"},
            LABELS[kind],
        ),
        "rules": ({"broken": "distance <= 0", "reason": "distance not positive", "example": {"distance": -1.0}},),
        "entities": (
            {
                "column": "depot",
                "windows": (
                    {
                        "name": "depot_features_1d",
                        "meaning": "How a depot did in the last day.",
                        "length_hours": 24,
                        "slide_hours": 1,
                        "features": (
                            FEATURES[kind],
                            {"kind": "Count", "name": "depot_parcels_1d", "meaning": "Parcels that it delivered"},
                        ),
                    },
                    {
                        "name": "depot_features_7d",
                        "meaning": "How a depot did in the last week.",
                        "length_hours": 168,
                        "slide_hours": 24,
                        "features": ({"kind": "Mean", "name": "depot_km_7d", "meaning": "Mean way", "of": "distance"},),
                    },
                ),
            },
        ),
        "inputs": ("depot", "distance"),
        "encoded": ("depot",),
        "computed_inputs": (
            {"name": "hour", "type": "int", "meaning": "Hour of posting, 0 to 23", "expression": "hour(posted_at)"},
        ),
        "slices": (
            {"kind": "ByValue", "name": "depot", "column": "depot", "title": "depot"},
            {
                "kind": "ByBand",
                "name": "distance_band",
                "column": "distance",
                "title": "distance",
                "edges": (100.0, 300.0),
                "unit": "km",
            },
        ),
        "not_watched": (FEATURES[kind]["name"], "depot_parcels_1d", "depot_km_7d"),
        "thresholds": ({"metric": metric, "threshold": threshold, "greater_is_better": False, "reason": "as it is"},),
        "metric_to_monitor": metric,
        "metric_violation_threshold": threshold,
        "label_delay_days": 2,
        "late_days": 5,
        "sample": {
            "label": LABELS[kind]["name"],
            "draws": (
                {"name": "parcel_id", "kind": "id"},
                {"name": "depot", "kind": "key", "count": 12},
                {"name": "distance", "kind": "number", "quantiles": (1.0, 60.0, 120.0, 250.0, 900.0)},
            ),
            "entity": "depot",
            "label_quantiles": (2.0, 4.0, 8.0, 20.0) if kind == "regression" else (),
            "label_shares": SHARES.get(kind, {}),
            "hours_to_label": (2.0, 5.0, 20.0),
        },
        "rows_a_day": 400,
        "model_name": "late_model",
    }
    return Answers(**given | changes)
