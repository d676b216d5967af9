"""A project about late parcels in the shape that MLOps Stacks renders, as small as it may be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

NOTIFIED = """
      email_notifications:
        on_failure: [parcels@example.com]
"""
BUNDLE = """
bundle:
  name: late-parcels
variables:
  experiment_name:
    default: /Users/${workspace.current_user.userName}/${bundle.target}-late-parcels
  model_name:
    default: late-parcels-model
  catalog_name:
    description: Where the model is.
include:
  - ./resources/batch-inference-workflow-resource.yml
  - ./resources/feature-engineering-workflow-resource.yml
  - ./resources/ml-artifacts-resource.yml
  - ./resources/model-workflow-resource.yml
  # - ./resources/monitoring-resource.yml
targets:
  dev:
    mode: development
    default: true
    variables: {catalog_name: sandbox}
    workspace: {host: null}
  staging:
    variables: {catalog_name: lake_staging}
    workspace: {host: https://parcels-staging.cloud.databricks.com}
  prod:
    variables: {catalog_name: lake}
    workspace: {host: https://parcels.cloud.databricks.com}
  test:
    variables: {catalog_name: lake_test}
    workspace: {host: https://parcels-staging.cloud.databricks.com}
"""
MODEL = """
new_cluster: &cluster
  new_cluster: {spark_version: 16.4.x-cpu-ml-scala2.12, node_type_id: m5.large, num_workers: 2}
resources:
  jobs:
    model_training_job:
      name: ${bundle.target}-late-parcels-training
      job_clusters:
        - job_cluster_key: ml
          <<: *cluster
      tasks:
        - task_key: Train
          notebook_task:
            notebook_path: ../training/notebooks/TrainWithFeatureStore.py
            base_parameters:
              env: ${bundle.target}
              training_data_path: ${var.catalog_name}.logistics.parcels
              model_name: ${var.catalog_name}.parcels.${var.model_name}
              depot_features_table: ${var.catalog_name}.parcels.depot_features
              quantile: 0.9
        - task_key: ModelValidation
          depends_on: [{task_key: Train}]
          notebook_task:
            notebook_path: ../validation/notebooks/ModelValidation.py
            base_parameters:
              run_mode: dry_run
              enable_baseline_comparison: "true"
              validation_input: SELECT * FROM lake.logistics.parcels WHERE weight > 0
              model_type: regressor
              targets: hours_late
              validation_thresholds_loader_function: bounds
      schedule:
        quartz_cron_expression: "0 30 6 * * ?"
        timezone_id: UTC
"""
FEATURES = """
resources:
  jobs:
    write_feature_table_job:
      tasks:
        - task_key: Depots
          notebook_task:
            notebook_path: ../feature_engineering/notebooks/GenerateAndWriteFeatures.py
            base_parameters:
              input_table_path: lake.logistics.parcels
              timestamp_column: posted_at
              output_table_name: ${var.catalog_name}.parcels.depot_features
              features_transform_module: depot_features
              primary_keys: depot
      schedule: {quartz_cron_expression: "0 0 4 * * ?", timezone_id: UTC}
"""
BATCH = """
resources:
  jobs:
    batch_inference_job:
      tasks:
        - task_key: score
          notebook_task:
            notebook_path: ../deployment/batch_inference/notebooks/BatchInference.py
            base_parameters:
              input_table_name: lake.logistics.posted_today
              output_table_name: ${var.catalog_name}.parcels.predictions
      schedule: {quartz_cron_expression: "0 0 8 ? * MON-FRI", timezone_id: UTC}
"""
MONITORING = """
resources:
  quality_monitors:
    late-parcels_quality_monitor:
      table_name: lake.parcels.predictions
      schedule: {quartz_cron_expression: "0 0 1 * * ?", timezone_id: UTC}
  jobs:
    retraining_job:
      tasks:
        - task_key: check
          notebook_task:
            notebook_path: ../monitoring/notebooks/MonitoredMetricViolationCheck.py
            base_parameters:
              metric_to_monitor: mean_average_error
              metric_violation_threshold: 6.5
              num_evaluation_windows: 7
              num_violation_windows: 2
        - task_key: is_metric_violated
          condition_task: {op: EQUAL_TO, left: "{{tasks.check.values.is_metric_violated}}", right: "true"}
      schedule: {quartz_cron_expression: "0 0 20 * * ?", timezone_id: UTC}
"""
ARTIFACTS = """
resources:
  registered_models:
    model:
      name: ${var.model_name}
      catalog_name: ${var.catalog_name}
      schema_name: parcels
      grants: [{principal: depots, privileges: [EXECUTE]}]
  experiments:
    experiment: {name: "${var.experiment_name}"}
"""
VALIDATION = """
from mlflow.models import MetricThreshold, make_metric

WORST = 48


def custom_metrics():
    def share_in_time(predictions, targets):
        return float((abs(predictions - targets) < 1).mean())

    return [make_metric(eval_fn=share_in_time, greater_is_better=True)]


def bounds():
    return {
        "max_error": MetricThreshold(threshold=WORST, higher_is_better=False),
        "mean_absolute_error": MetricThreshold(4.5, min_relative_change=0.01, greater_is_better=False),
        "r2_score": MetricThreshold(0.5, None, None, True),
        "share_in_time": MetricThreshold(threshold=0.6, greater_is_better=True),
    }


def evaluator_config():
    return {}
"""
DEPOTS = """
import pyspark.sql.functions as F


def compute_features_fn(input_df, timestamp_column, start_date, end_date):
    return (
        input_df.groupBy("depot_id", F.window(timestamp_column, "2 hours", "1 hour"))
        .agg(F.mean("hours_late").alias("mean_hours_late"), F.count("*").alias("parcels"))
        .select(F.col("depot_id").alias("depot"), "mean_hours_late", "parcels")
    )
"""
TRAINING = """# Databricks notebook source
import os
%cd ..

# COMMAND ----------
# MAGIC %pip install -r ../../requirements.txt

token = dbutils.secrets.get(scope="parcels", key="weather-token")
lookups = [
    FeatureLookup(table_name=table, feature_names=["mean_hours_late", "parcels"], lookup_key=["depot_id"],
                  timestamp_lookup_key=["posted_at"]),
]
params = {"num_leaves": 63, "objective": "regression"}
"""
FILES = {
    "databricks.yml": BUNDLE,
    "resources/model-workflow-resource.yml": MODEL + NOTIFIED,
    "resources/feature-engineering-workflow-resource.yml": FEATURES,
    "resources/batch-inference-workflow-resource.yml": BATCH,
    "resources/monitoring-resource.yml": MONITORING,
    "resources/ml-artifacts-resource.yml": ARTIFACTS,
    "validation/validation.py": VALIDATION,
    "feature_engineering/features/__init__.py": "",
    "feature_engineering/features/depot_features.py": DEPOTS,
    "training/notebooks/TrainWithFeatureStore.py": TRAINING,
    "deployment/batch_inference/predict.py": "def predict_batch(spark):\n    ...\n",
    "routes/distances.py": "KM = 1.609\n",
    "README.md": "# late-parcels\n",
}
RECIPE = """
recipe: "regression/v1"
target_col: "hours_late"
steps:
  ingest: {{INGEST_CONFIG}}
  split:
    split_ratios: {{SPLIT_RATIOS|default([0.8, 0.1, 0.1])}}
  evaluate:
    validation_criteria:
      - metric: mean_absolute_error
        threshold: 9
      - metric: root_mean_squared_error
        threshold: 10
      - metric: share_in_time
        threshold: 0.7
custom_metrics:
  - name: share_in_time
    function: share_in_time
    greater_is_better: True
"""
PROFILE = """
model_registry:
  model_name: {{MODEL_NAME|default('late-parcels-model')}}
INGEST_CONFIG:
  using: parquet
  location: "../data/sample.parquet"
"""


def write(folder: Path, changed: Mapping[str, str | None] | None = None) -> Path:
    """The project in `folder`, with files changed or added, and without those that are None."""
    for name, text in {**FILES, **(changed or {})}.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    return folder
