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
from datetime import date

import pandas as pd
from my_mlops_stacks.training.columns import LABEL
from my_mlops_stacks.training.model_inputs import model_inputs

from mlops_core.adapters.evaluation import evaluated, score_side_by_side
from mlops_core.cli.session import open_session
from mlops_core.training.split import held_out, sampled
from mlops_core.validation.comparison import ALL, compare
from mlops_core.validation.judgement import judge, judge_against_champion
from mlops_core.validation.plots import errors_by_segment
from mlops_core.validation.rules import compared_metric, rules
from mlops_core.validation.scored_rows import check_rows, row_columns
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks.validation.validation import custom_metrics, evaluator_config

SAMPLE = 20_000

session = open_session(PROJECT)
registry = session.model_registry
versions = {alias: held for alias in ("candidate", "champion") if (held := registry.find_alias(alias))}
candidate = registry.at_alias("candidate")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The same held-out trips for both
# MAGIC As of the Delta version of `trips` that the candidate's training recorded.

# COMMAND ----------

trips_version, held_out_from = int(candidate.tags["trips_version"]), candidate.tags["held_out_from"]
days = [date.fromisoformat(candidate.tags[tag]) for tag in ("held_out_from", "held_out_until")]
unseen = held_out(session.tables.read("trips", version=trips_version), *days)
scored = score_side_by_side(session.feature_store, model_inputs(sampled(unseen, SAMPLE), LABEL), versions).rows
rows = scored.select(*row_columns(PROJECT.slices), *versions).toPandas()
check_rows(rows, PROJECT.slices, f"since {held_out_from}")
names = ", ".join(f"{alias} version {version.version}" for alias, version in versions.items())
session.show(f"{names}: {len(rows)} trips since {held_out_from}", rows.head())

# COMMAND ----------

# MAGIC %md
# MAGIC ## The rules
# MAGIC Change `validation_thresholds` or `custom_metrics` in `validation/validation.py`, and start at the first cell.

# COMMAND ----------

measured = {}
for alias, version in versions.items():
    with replace(registry, experiment=f"{registry.experiment}-notebooks").run(f"{alias} {version.version}", {}):
        source = session.tables.full_name("trips"), trips_version
        measured[alias] = evaluated(rows, LABEL, alias, source, metrics=custom_metrics(), config=evaluator_config())
metric = compared_metric(PROJECT.task)
ours, theirs = measured["candidate"], measured.get("champion")
verdicts = [*judge(rules(), ours, theirs), judge_against_champion(ours, theirs, metric)]
session.show("Verdicts", pd.DataFrame(verdicts))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Where it is better and where worse
# MAGIC The difference is candidate less champion; an interval that holds zero is within what chance gives.

# COMMAND ----------

comparison = compare(rows, PROJECT.task, PROJECT.slices, label=LABEL, event_time=PROJECT.events.event_time)
session.show("All held-out trips", comparison[comparison["by"] == ALL].drop(columns=["by", "segment"]))
session.show("Errors by segment", errors_by_segment(comparison, PROJECT.slices, metric, "USD"))
