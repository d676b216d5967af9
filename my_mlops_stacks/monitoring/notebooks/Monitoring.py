# Databricks notebook source
# MAGIC %md
# MAGIC # Monitoring: how the predictions do, and whether that asks for retraining
# MAGIC Computes profile and drift of the newest predicted days with the code as it is now, and judges what is stored.
# MAGIC Nothing is written: the assets of the group `monitoring` do that.

# COMMAND ----------

# MAGIC %pip install -q -r ../../requirements.txt -r ../../requirements-databricks.txt "dagster>=1.13.20,<1.14"

# COMMAND ----------

# MAGIC %restart_python

# COMMAND ----------

from datetime import UTC, datetime, timedelta

from mlops_core.cli.session import open_session
from mlops_core.monitoring.bins import bins_of
from mlops_core.monitoring.columns import watched
from mlops_core.monitoring.drift import drift_metrics
from mlops_core.monitoring.judge import judge_of
from mlops_core.monitoring.judged_windows import as_numbers, rows_of, windows_of
from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.plots import drift_heat_map, monitored_over_time
from mlops_core.monitoring.profile import profile_metrics
from mlops_core.monitoring.violation import rule_of
from mlops_core.training.split import newest_day, since
from my_mlops_stacks.project import PROJECT

DAYS = 7

session = open_session(PROJECT)
registry, workflow = session.model_registry, session.target.monitoring_workflow
predictions = session.tables.read(PROJECT.scoped("predictions"))
last = newest_day(predictions)
first = last - timedelta(days=DAYS - 1)
day_before = first - timedelta(days=1)  # drift is against that one too
newest = since(predictions, day_before)
labelled = with_labels(newest, session.tables.read("trips"), PROJECT, day_before, last)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Errors, of the trips whose fare has arrived

# COMMAND ----------

profile = profile_metrics(since(newest, first), since(labelled, first), PROJECT)
task, rule = PROJECT.model.task, rule_of(PROJECT, workflow)
windows = windows_of(profile, rule.metric, datetime.now(UTC))
judged = rows_of(as_numbers(profile, task).toPandas(), windows).sort_values("day")
metrics = [metric.name for metric in task.judged if metric.is_shown]
session.show(f"Profile of {first} to {last}", judged[["day", "model_id", "count", "label_coverage", *metrics]])
session.show("Error of the predictions", monitored_over_time(judged, task, rule))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Drift against the rows that the champion was trained on

# COMMAND ----------

champion = registry.at_alias("champion")
baseline = registry.baseline(champion)
bins = {(champion.name, champion.version): bins_of(baseline, PROJECT)}
drift = drift_metrics(newest, labelled, bins, first).toPandas()
session.show("Drift", drift_heat_map(drift, drift[["day", "model_id"]].drop_duplicates(), watched(PROJECT)))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Would it retrain?
# MAGIC The rules of this target, on what is stored: what the checks of `monitoring_report` say.

# COMMAND ----------

stored, drifts = (session.tables.read(PROJECT.scoped(f"inference_{kind}_metrics")) for kind in ("profile", "drift"))
found = judge_of(PROJECT, workflow, profile=stored, drift=drifts, now=datetime.now(UTC)).findings()
session.show("Violated" if found.metric.violated else "Not violated", found.metric.reason)
session.show("Newest day", found.drift.reason)
