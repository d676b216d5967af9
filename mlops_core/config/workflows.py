"""The mappings of a target: workflows, prices and sources, each frozen and with exactly its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlops_core.config.target_values import (
    AsText,
    Count,
    CountOrZero,
    Cron,
    EmptyIsNone,
    Flag,
    MetricName,
    Number,
    Price,
    fault,
)


class Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True, hide_input_in_errors=True
    )


class Workflow(Frozen):
    """What every workflow states: when it runs, as five cron fields in UTC."""

    cron_schedule: Cron


class FeatureEngineeringWorkflow(Workflow):
    """Parameters of `feature_engineering_job`: how many days before its own a run takes the events of again.

    `max_age_hours`: event table -> how old its newest row may be before people are told; without one nobody looks.
    """

    late_days: CountOrZero
    max_age_hours: Mapping[str, Annotated[Number, Field(gt=0)]] = {}


When = Literal["never", "retraining", "always"]
NEVER: When = "never"
RETRAINING: When = "retraining"
ALWAYS: When = "always"
"""Which trainings search hyperparameters without being asked: none, those that a violation asks for, or each."""


class ModelWorkflow(Workflow):
    """Parameters of `model_training_job`: validation's mode, the held-out days, what differs from the defaults of the
    model's hyperparameters; whether events that were predicted have the features that served them; and where
    hyperparameters are searched, when, and with which budget if not the declared one.
    """

    run_mode: Annotated[Literal["enabled", "dry_run", "disabled"], AsText]
    enable_baseline_comparison: Flag
    holdout_days: Count
    hyperparameters: Mapping[str, Any]
    features_as_served: Flag = False
    search: Annotated[When, AsText] = NEVER
    search_trials: Count | None = None
    search_minutes: Annotated[Number, Field(gt=0)] | None = None


class BatchInferenceWorkflow(Workflow):
    """Parameters of `batch_inference_job`."""


class MonitoringWorkflow(Workflow):
    """Parameters of `monitoring_job` and the retraining; the threshold is in the metric's unit, a window is a day.

    `max_skewed_share` is of a day's predictions: how many may have another value of a feature than is looked up today.
    """

    metric_to_monitor: MetricName
    metric_violation_threshold: Number
    num_evaluation_windows: Count
    num_violation_windows: Count
    minimum_coverage: Annotated[Number, Field(gt=0, le=1)]
    minimum_count: Count
    label_delay_days: CountOrZero
    cooldown_days: CountOrZero
    max_retrainings: Count
    retraining_days: CountOrZero
    max_skewed_share: Annotated[Number, Field(ge=0, le=1)] = 0.05

    @model_validator(mode="after")
    def _enough_windows(self) -> MonitoringWorkflow:
        if self.num_violation_windows > self.num_evaluation_windows:
            most = f"it should be at most num_evaluation_windows, {self.num_evaluation_windows}"
            raise fault("num_violation_windows", most)
        return self


class Prices(Frozen):
    """List prices of a target's compute, by node type; the estimate needs those of all nodes of a cluster."""

    dbu_per_hour: Mapping[str, Price] = {}
    machine_price_per_hour: Mapping[str, Price] = {}
    price_per_dbu: Price = 0.0
    serverless_price_per_dbu: Price = 0.0
    currency: Annotated[str, Field(pattern="^([A-Z]{3})?$"), AsText] = ""

    @model_validator(mode="after")
    def _in_a_currency(self) -> Prices:
        if (self.price_per_dbu or self.serverless_price_per_dbu or self.machine_price_per_hour) and not self.currency:
            raise fault("currency", "the prices need one, such as EUR")
        return self


class Source(Frozen):
    """Where events come from, and how to read times.

    `table` is catalog.schema.table on Databricks; on the local platform a path of this machine, relative to the folder
    that the project's package lies in, or None.
    """

    table: Annotated[str | None, EmptyIsNone, AsText]
    times: Annotated[str, Field(min_length=1), AsText]
