# Databricks notebook source
# MAGIC %md
# MAGIC # Training: fit the model on a sample and look at it
# MAGIC Looks up the features, fits on the days before the hold-out, and measures on the days after. Nothing is logged
# MAGIC and no version is registered: the asset `fare_model` does that.

# COMMAND ----------

# MAGIC %pip install -q -r ../../requirements.txt -r ../../requirements-databricks.txt "dagster>=1.13.20,<1.14"

# COMMAND ----------

# MAGIC %restart_python

# COMMAND ----------


import pandas as pd
from my_mlops_stacks.training.columns import LABEL, PICKUP
from my_mlops_stacks.training.model_inputs import model_inputs

from mlops_core.cli.session import open_session
from mlops_core.training.baselines import constant_prediction, model_without_features
from mlops_core.training.plots import importance_plot
from mlops_core.training.split import held_out, holdout_start, in_fixed_order, known_before, labelled_days, sampled
from mlops_core.validation.plots import predicted_against_actual
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks.training.train import Hyperparameters, fit, predict

SAMPLE = 20_000

session = open_session(PROJECT)
workflow = session.target.model_workflow
trips = session.tables.read("trips")
first, last = labelled_days(trips, session.target.first_day, session.target.newest_day)
start = holdout_start(first, last, workflow.holdout_days)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The training set: what was known at each pickup

# COMMAND ----------

training_set, held_out_set = (
    session.feature_store.create_training_set(
        df=model_inputs(sampled(part, SAMPLE), LABEL), feature_lookups=list(PROJECT.lookups), label=LABEL
    )
    for part in (known_before(trips, start), held_out(trips, start, last))
)
rows = in_fixed_order(training_set.load_df().drop(PICKUP)).toPandas()
unseen = held_out_set.load_df().toPandas()
session.show(f"Training rows before {start}: {len(rows)}", rows.head())
session.show("Share of rows with a value", rows[list(PROJECT.looked_up)].notna().mean().rename("share").reset_index())

# COMMAND ----------

# MAGIC %md
# MAGIC ## The model
# MAGIC Change a parameter here, or `fit` itself, and run on from this cell.

# COMMAND ----------

parameters = Hyperparameters(
    num_boost_round=workflow.num_boost_round, num_leaves=workflow.num_leaves, learning_rate=workflow.learning_rate
)
model = fit(rows, parameters)
session.show("Feature importance", importance_plot(model))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Held out: beside what it must beat

# COMMAND ----------

predictions = {
    "model": predict(model, unseen),
    "without looked-up features": model_without_features(rows, unseen, PROJECT.looked_up, parameters),
    "mean fare": constant_prediction(rows, unseen, PROJECT.task),
}
measured = {name: PROJECT.task.measure(unseen[LABEL].to_numpy(), values) for name, values in predictions.items()}
session.show(f"Held-out trips since {start}, USD", pd.DataFrame(measured).T.rename_axis("predictor").reset_index())
session.show("Predicted against actual", predicted_against_actual(unseen.assign(prediction=predictions["model"])))
