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

from mlops_core.cli.session import open_session
from mlops_core.training.baselines import constant_prediction, prediction_without_features
from mlops_core.training.model_answers import predictions
from mlops_core.training.model_inputs import as_declared, model_inputs
from mlops_core.training.plots import importance_plot
from mlops_core.training.split import held_out, holdout_start, in_order_of_time, known_before, labelled_days, sampled
from my_mlops_stacks.project import PROJECT

SAMPLE = 20_000

session = open_session(PROJECT)
events, model, training = PROJECT.events, PROJECT.model, PROJECT.model.training
workflow, label = session.target.model_workflow, events.label_column
accepted = session.tables.read(events.name)
first, last = labelled_days(events, accepted, session.target.first_day, session.target.newest_day)
start = holdout_start(events, first, last, workflow.holdout_days)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The training set: what was known at each pickup

# COMMAND ----------

rows, unseen = (
    as_declared(PROJECT, in_order_of_time(events, training_set.load_df()).toPandas())
    for training_set in (
        session.feature_store.create_training_set(
            df=model_inputs(PROJECT, sampled(events, part, SAMPLE), label),
            feature_lookups=list(PROJECT.lookups),
            label=label,
        )
        for part in (known_before(events, accepted, start), held_out(events, accepted, start, last))
    )
)
session.show(f"Training rows before {start}: {len(rows)}", rows.head())
session.show("Share of rows with a value", rows[list(PROJECT.looked_up)].notna().mean().rename("share").reset_index())

# COMMAND ----------

# MAGIC %md
# MAGIC ## The model
# MAGIC Change a parameter here, or `fit` itself, and run on from this cell.

# COMMAND ----------

parameters = training.hyperparameters(**workflow.hyperparameters)
fitted = training.fit(rows, parameters)
if training.importance:
    session.show("Feature importance", importance_plot(training.importance(fitted)))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Held out: beside what it must beat

# COMMAND ----------

shape = model.task.shape
answers = {
    "model": predictions(model, fitted, unseen),
    "without looked-up features": prediction_without_features(model, rows, unseen, PROJECT.looked_up, parameters),
    "constant": constant_prediction(model.task, rows[label], unseen),
}
measured = {name: model.task.measure(shape.labels(unseen[label]), values) for name, values in answers.items()}
session.show(f"Held-out {events.nouns} since {start}", pd.DataFrame(measured).T.rename_axis("predictor").reset_index())
scored = unseen.assign(prediction=shape.column(answers["model"]))
for name, figure in model.task.figures(scored, label, events.event_time, events.label_unit).items():
    session.show(name.replace("_", " ").capitalize(), figure)
