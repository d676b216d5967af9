# Databricks notebook source
# MAGIC %md
# MAGIC # Batch inference: predict a sample of the newest day
# MAGIC Scores trips with the champion and with what was known at their pickup. Nothing is written: the asset
# MAGIC `predictions` does that.

# COMMAND ----------

# MAGIC %pip install -q -r ../../../requirements.txt -r ../../../requirements-databricks.txt "dagster>=1.13.20,<1.14"

# COMMAND ----------

# MAGIC %restart_python

# COMMAND ----------

from datetime import UTC, datetime

from mlops_core.adapters.predicting import predicted
from mlops_core.cli.session import open_session
from mlops_core.deployment.predictions import as_predictions, to_score
from mlops_core.training.model_inputs import model_inputs
from mlops_core.training.split import newest_day, sampled
from my_mlops_stacks.project import PROJECT

SAMPLE = 1_000

session = open_session(PROJECT)
events = PROJECT.events
accepted = session.tables.read(events.name)
day = newest_day(accepted)
champion = session.model_registry.at_alias("champion")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Score
# MAGIC The trips come without the fare and the drop-off time, which nobody knows yet when a fare is predicted.

# COMMAND ----------

asked = sampled(events, to_score(events, accepted, day, day), SAMPLE)
scored = predicted(session.feature_store, PROJECT.model.task, champion, model_inputs(PROJECT, asked, *PROJECT.carried))
predictions = as_predictions(events, scored, champion.name, champion.version, datetime.now(UTC)).toPandas()
session.show(f"Version {champion.version} on {len(predictions)} {events.nouns} of {day}", predictions.head(10))
session.show("What is predicted", predictions["prediction"].describe().reset_index())

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is stored of that day

# COMMAND ----------

stored = session.tables.read(PROJECT.scoped("predictions")).where(f"day = DATE'{day}'")
session.show("Stored rows by version", stored.groupBy("model_name", "model_version").count().toPandas())
