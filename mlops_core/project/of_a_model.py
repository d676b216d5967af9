"""What each model of a project has of its own, by the names that go with the model's where there are several.

Everything else there is once: the events, the feature tables, their jobs, and the adapters that know no model.
"""

from __future__ import annotations

from typing import Final

ASSETS: Final = (
    "challenger",
    "champion",
    "endpoint",
    "endpoint_sample",
    "inference_drift_metrics",
    "inference_profile_metrics",
    "monitoring_report",
    "online_features",
    "predictions",
)
"""Assets, and tables of their names."""

STAGES: Final = ("training", "validation", "deployment", "monitoring")
"""Groups of assets."""

JOBS: Final = (
    "batch_inference_job",
    "copy_model_job",
    "endpoint_job",
    "judge_job",
    "model_training_job",
    "monitoring_job",
    "promote_job",
    "rollback_job",
)
STARTED_BY: Final = (
    "batch_inference_schedule",
    "champion_sensor",
    "endpoint_sensor",
    "model_training_schedule",
    "monitoring_schedule",
    "retraining_sensor",
)
"""What starts these jobs."""

OPS: Final = ("candidate_validation", "copy_version", "roll_back")
RESOURCES: Final = ("model_io_manager", "model_registry", "pages", "serving_endpoint", "watched_endpoint")

SCOPED: Final = frozenset((*ASSETS, *OPS))
"""No table of a project can be called so."""

NAMED: Final = frozenset((*STAGES, *JOBS, *STARTED_BY, *RESOURCES))

VARIABLES: Final = ("model_name", "model_workflow", "monitoring_workflow")
"""Variables of the bundle that each of several models must state: no other model's values make sense for it."""

SHARED_UNLESS_STATED: Final = (
    "experiment",
    "promotion",
    "model_sources",
    "rescore_days",
    "endpoint",
    "first_predicted_day",
    "batch_inference_workflow",
)
"""Variables of the bundle that a model may state for itself; else the project's value counts."""
