# Databricks notebook source
# MAGIC %md
# MAGIC # Validation: the candidate beside the champion
# MAGIC Scores the trips that were held out from the candidate with both versions and applies the rules of
# MAGIC `validation/validation.py`. No verdict is written and no alias moves: the checks of `fare_model` do that. What
# MAGIC MLflow computes goes to an experiment of its own, whose name ends in `-notebooks`.

# COMMAND ----------

# MAGIC %pip install -q -r ../../requirements.txt -r ../../requirements-databricks.txt "dagster>=1.13.20,<1.14"

# COMMAND ----------

# MAGIC %restart_python

# COMMAND ----------

from dataclasses import replace

import pandas as pd

from mlops_core.adapters.evaluation import evaluated, score_side_by_side
from mlops_core.cli.session import open_session
from mlops_core.training.model_inputs import model_inputs
from mlops_core.training.split import held_out, sampled
from mlops_core.validation.comparison import compare
from mlops_core.validation.judgement import judge, judge_against_champion
from mlops_core.validation.plots import errors_by_segment
from mlops_core.validation.rules import compared_metric, metric_units, rules
from mlops_core.validation.scored_rows import check_rows, row_columns
from mlops_core.validation.slice_segments import ALL
from my_mlops_stacks.project import PROJECT

SAMPLE = 20_000

session = open_session(PROJECT)
events, model, registry = PROJECT.events, PROJECT.model, session.model_registry
versions = {alias: held for alias in ("candidate", "champion") if (held := registry.find_alias(alias))}
candidate = registry.at_alias("candidate")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The same held-out trips for both
# MAGIC As of the Delta version of `trips` that the candidate's training recorded.

# COMMAND ----------

record = candidate.record
table_version, held_out_from = record.tables[events.name], record.held_out_from
if held_out_from is None:
    raise LookupError(f"Version {candidate.version} does not say what its training held out: train one first.")
accepted = session.tables.read(events.name, version=table_version)
unseen = sampled(events, held_out(events, accepted, held_out_from, record.held_out_until), SAMPLE)
inputs = model_inputs(PROJECT, unseen, *PROJECT.carried, events.label_column)
scored = score_side_by_side(session.feature_store, model.task, inputs, versions).rows
rows = scored.select(*row_columns(PROJECT), *versions).toPandas()
check_rows(PROJECT, rows, f"since {held_out_from}")
names = ", ".join(f"{alias} version {version.version}" for alias, version in versions.items())
session.show(f"{names}: {len(rows)} {events.nouns} since {held_out_from}", rows.head())

# COMMAND ----------

# MAGIC %md
# MAGIC ## The rules
# MAGIC Change `validation_thresholds` or `custom_metrics` in `validation/validation.py`, and start at the first cell.

# COMMAND ----------

measured = {}
for alias, version in versions.items():
    with replace(registry, experiment=f"{registry.experiment}-notebooks").run(f"{alias} {version.version}", {}):
        measured[alias] = evaluated(
            model.task.at(version.record.decision_threshold),
            rows,
            events.label_column,
            alias,
            source=(session.tables.full_name(events.name), table_version),
            metrics=model.validation.custom_metrics(),
            config=model.validation.evaluator_config(),
        )
metric = compared_metric(model)
ours, theirs = measured["candidate"], measured.get("champion")
against_champion = judge_against_champion(ours, theirs, metric, metric_units(PROJECT).get(metric.name, ""))
session.show("Verdicts", pd.DataFrame([*judge(rules(PROJECT), ours, theirs), against_champion]))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Where it is better and where worse
# MAGIC The difference is candidate less champion; an interval that holds zero is within what chance gives.

# COMMAND ----------

tasks = {alias: model.task.at(version.record.decision_threshold) for alias, version in versions.items()}
comparison = compare(rows, tasks, model.slices, label=events.label_column, event_time=events.event_time)
session.show(f"All held-out {events.nouns}", comparison[comparison["by"] == ALL].drop(columns=["by", "segment"]))
session.show("Errors by segment", errors_by_segment(comparison, model.slices, metric, events.label_unit))
